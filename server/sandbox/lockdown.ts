/**
 * The sandbox's outer wall: everything that WebAssembly code can call outside itself passes here, as system calls
 * pass a seccomp filter.
 *
 * Pyodide's interpreter reaches files, sockets, processes and JavaScript only through functions imported by its
 * module. They are wrapped before the module is instantiated; once `lock` was called, those that are not on the list
 * below refuse. So nothing that Python code does, in whatever module it digs up, leads to the host.
 */

import fs from "node:fs";

/** WASI's numbers for "operation not permitted" and "read-only file system". */
const EPERM = 63;
const EROFS = 69;
/** musl's open(2) flags that ask for more than reading: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND. */
const WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000;
/** Made-up descriptors of the runner (`rstar_runner.py`). */
const REQUEST_FD = 900;
const OUTPUT_FD = 901;
const ANSWER_FD = 902;
/** No message of the runner comes near this, in bytes. */
const LONGEST_MESSAGE = 8 * 2 ** 20;

/** Imports that stay open: clocks, the heap, unwinding, reading the virtual file system (library code only). */
const OPEN: ReadonlySet<string> = new Set([
  "_PyEM_TrampolineCall_JS",
  "_Py_CheckEmscriptenSignals_Helper",
  "_Py_emscripten_runtime",
  "_emscripten_get_progname",
  "_gmtime_js",
  "_localtime_js",
  "_mktime_js",
  "_timegm_js",
  "_tzset_js",
  "__hiwire_deduplicate_delete",
  "__syscall_faccessat",
  "__syscall_fstat64",
  "__syscall_fstatfs64",
  "__syscall_getcwd",
  "__syscall_getdents64",
  "__syscall_getuid32_js",
  "__syscall_lstat64",
  "__syscall_newfstatat",
  "__syscall_openat",
  "__syscall_readlinkat",
  "__syscall_stat64",
  "clock_res_get",
  "clock_time_get",
  "emscripten_date_now",
  "emscripten_get_heap_max",
  "emscripten_get_now",
  "emscripten_resize_heap",
  "emscripten_runtime_keepalive_pop",
  "emscripten_runtime_keepalive_push",
  "environ_get",
  "environ_sizes_get",
  "fd_close",
  "fd_fdstat_get",
  "fd_pread",
  "fd_read",
  "fd_seek",
  "fd_write",
  "random_get",
  "throw_no_gil",
]);

type Imported = (...args: number[]) => unknown;

/** What is used of WebAssembly; TypeScript has its types in the browser's library only. */
interface Memory {
  readonly buffer: ArrayBuffer;
  readonly grow: (this: Memory, pages: number) => number;
}
interface Instance {
  readonly exports: Readonly<Record<string, unknown>>;
}
type Imports = Record<string, Record<string, unknown>>;
interface WasmNamespace {
  readonly Memory: { readonly prototype: { grow: Memory["grow"] } };
  instantiate: (source: unknown, imports?: Imports) => Promise<Instance | { readonly instance: Instance }>;
}

/** The two ends of the channel to the runner inside, and what the wall saw. */
export interface Border {
  /** Closes the wall; there is no way to open it again. */
  lock(): void;
  /** What the runner will read as its next request. */
  request: Uint8Array;
  /** How many bytes a step may still print; what goes beyond is dropped, and said to be written. */
  outputRoom: number;
  /** Called with what the step printed. */
  onOutput: (data: Uint8Array) => void;
  /** Called with each message of the runner. */
  onAnswer: (data: Uint8Array) => void;
  /** Called now and then while Python runs. */
  onTick: () => void;
  /** Whether the heap was refused more memory since this was last set to false. */
  outOfMemory: boolean;
  /** The size of the interpreter's linear memory, in bytes. */
  heapBytes(): number;
}

/**
 * Wraps WebAssembly so that the next module instantiated with an `env` and a memory is fenced in.
 * @param limitBytes the most its memory may grow to
 * @param initialBytes what its memory has at least from the beginning (a snapshot has to fit)
 */
export function fence(limitBytes: number, initialBytes: number): Border {
  let locked = false;
  let memory: Memory | null = null;
  const wasm = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly;
  const border: Border = {
    lock: () => {
      locked = true;
    },
    request: new Uint8Array(0),
    outputRoom: 0,
    onOutput: () => undefined,
    onAnswer: () => undefined,
    onTick: () => undefined,
    outOfMemory: false,
    heapBytes: () => (memory === null ? 0 : memory.buffer.byteLength),
  };

  // Without stack switching, Pyodide takes the plain paths, whose imports are ordinary functions.
  Reflect.deleteProperty(wasm, "Suspending");
  Reflect.deleteProperty(wasm, "promising");
  Reflect.deleteProperty(wasm, "Suspender");

  const { grow } = wasm.Memory.prototype;
  wasm.Memory.prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * 65536 > limitBytes) {
      border.outOfMemory = true;
      throw new RangeError("the sandbox's memory limit is reached");
    }
    return grow.call(this, pages);
  };

  const special: Record<string, (original: Imported) => Imported> = {
    // (fd, iov, iovcnt, pnum): gathers or scatters the pieces itself for the runner's own descriptors.
    fd_write: (original) => (fd, iov, count, written) => {
      if (fd !== OUTPUT_FD && fd !== ANSWER_FD) {
        if (!locked) return original(fd, iov, count, written);
        return EPERM;
      }
      // Before anything is copied: a step may name the same memory a million times.
      const length = lengthOf(view(), iov, count);
      view().setUint32(written >>> 0, length, true);
      if (fd === OUTPUT_FD && border.outputRoom > 0) {
        const data = gather(view(), iov, count, Math.min(length, border.outputRoom));
        border.outputRoom -= data.length;
        border.onOutput(data);
      } else if (fd === ANSWER_FD && length <= LONGEST_MESSAGE)
        border.onAnswer(gather(view(), iov, count, length));
      return 0;
    },
    fd_read: (original) => (fd, iov, count, read) => {
      if (fd !== REQUEST_FD) return original(fd, iov, count, read);
      const length = scatter(view(), iov, count, border.request);
      border.request = border.request.subarray(length);
      view().setUint32(read >>> 0, length, true);
      return 0;
    },
    __syscall_openat: (original) => (dir, path, flags, mode) => {
      if (locked && (flags & WRITING) !== 0) return -EROFS;
      return original(dir, path, flags, mode);
    },
    _Py_CheckEmscriptenSignals_Helper: (original) => () => {
      border.onTick();
      return original();
    },
  };

  function view(): DataView {
    if (memory === null) throw new Error("no WebAssembly memory yet");
    return new DataView(memory.buffer);
  }

  function guarded(name: string, original: Imported): Imported {
    const wrap = special[name];
    if (wrap !== undefined) return wrap(original);
    if (OPEN.has(name)) return original;
    if (name.startsWith("__syscall_")) return (...args) => (locked ? -EPERM : original(...args));
    if (name.startsWith("fd_")) return (...args) => (locked ? EPERM : original(...args));
    return (...args) => {
      if (locked) throw new Error(`the sandbox does not allow ${name}`);
      return original(...args);
    };
  }

  const { instantiate } = wasm;
  wasm.instantiate = async (source, imports) => {
    if (imports?.["env"] === undefined) return instantiate(source, imports);
    const fenced: Imports = { ...imports };
    for (const module of ["env", "wasi_snapshot_preview1"]) {
      const functions = { ...imports[module] };
      for (const [name, value] of Object.entries(functions)) {
        if (typeof value === "function") functions[name] = guarded(name, value as Imported);
      }
      fenced[module] = functions;
    }
    const result = await instantiate(source, fenced);
    const { memory: exported } = ("instance" in result ? result.instance : result).exports;
    if (memory === null && exported instanceof (wasm.Memory as unknown as new () => Memory)) {
      memory = exported;
      const missing = Math.ceil((initialBytes - exported.buffer.byteLength) / 65536);
      if (missing > 0) exported.grow(missing);
    }
    return result;
  };
  return border;
}

/** What the pieces come to together, in bytes. */
function lengthOf(view: DataView, iov: number, count: number): number {
  let length = 0;
  for (let i = 0; i < count; i++) length += view.getUint32((iov >>> 0) + 8 * i + 4, true);
  return length;
}

/** A copy of the first `size` bytes of the pieces, which have so many. */
function gather(view: DataView, iov: number, count: number, size: number): Uint8Array {
  const data = new Uint8Array(size);
  let done = 0;
  for (let i = 0; i < count && done < size; i++) {
    const at = view.getUint32((iov >>> 0) + 8 * i, true);
    const length = view.getUint32((iov >>> 0) + 8 * i + 4, true);
    const part = new Uint8Array(view.buffer, at, Math.min(length, size - done));
    data.set(part, done);
    done += part.length;
  }
  return data;
}

function scatter(view: DataView, iov: number, count: number, data: Uint8Array): number {
  let done = 0;
  for (let i = 0; i < count && done < data.length; i++) {
    const at = view.getUint32((iov >>> 0) + 8 * i, true);
    const length = view.getUint32((iov >>> 0) + 8 * i + 4, true);
    const part = data.subarray(done, done + length);
    new Uint8Array(view.buffer, at, part.length).set(part);
    done += part.length;
  }
  return done;
}

/** Emscripten asks for the numbers of fs constants in a way that Node's permission model refuses; they are no secret. */
export function provideConstants(): void {
  Reflect.set(process, "binding", (name: string) => {
    if (name === "constants") return { fs: fs.constants };
    throw new Error(`process.binding(${name}) is not available`);
  });
}

/** Takes away what JavaScript in this process could use to reach outside, had anything got hold of it. */
export function stripGlobals(): void {
  for (const name of ["require", "fetch", "WebSocket", "EventSource", "XMLHttpRequest", "Worker"]) {
    Reflect.deleteProperty(globalThis, name);
  }
  for (const name of ["getBuiltinModule", "binding", "_linkedBinding", "dlopen", "mainModule"]) {
    Reflect.set(process, name, undefined);
  }
}
