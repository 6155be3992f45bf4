/** The interpreter process: loads Python, closes the wall, then answers requests from stdin one after another. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import guardSource from "./python/rstar_guard.py" with { type: "text" };
import importsSource from "./python/rstar_imports.py" with { type: "text" };
import namespaceSource from "./python/rstar_namespace.py" with { type: "text" };
import runnerSource from "./python/rstar_runner.py" with { type: "text" };
import verifySource from "./python/rstar_verify.py" with { type: "text" };
import { fence, provideConstants, stripGlobals } from "./lockdown.ts";
import type { Border } from "./lockdown.ts";
import type { Answer, Message, Request, WorkerConfig } from "./messages.ts";
import { loadPython, makeSnapshot, readSnapshot } from "./snapshot.ts";

const STDIN = 0;
const STDOUT = 1;
/** Printed text waits at most this long, in ms, before the host gets it. */
const FLUSH_MS = 20;
const MB = 2 ** 20;

/** The parts of Pyodide's module object that run code without any conversion between the two languages. */
interface RawPython {
  stringToNewUTF8(text: string): number;
  _PyRun_SimpleString(pointer: number): number;
  _free(pointer: number): void;
  readonly HEAP8: Int8Array;
  /** Address of the flag that makes the evaluation loop look for signals, and so lets printed text out. */
  readonly _Py_EMSCRIPTEN_SIGNAL_HANDLING: number;
}

function send(message: Message): void {
  let rest = Buffer.from(JSON.stringify(message) + "\n");
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(STDOUT, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

/** Yields the lines of stdin, waiting for each without an event loop; ends when the host closes it. */
function* requests(): Generator<Request> {
  const chunk = Buffer.alloc(1 << 16);
  let rest = Buffer.alloc(0);
  for (;;) {
    const end = rest.indexOf(10);
    if (end >= 0) {
      yield JSON.parse(rest.toString("utf8", 0, end)) as Request;
      rest = rest.subarray(end + 1);
      continue;
    }
    let length: number;
    try {
      length = fs.readSync(STDIN, chunk);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        continue;
      }
      if (code === "EOF") return;
      throw error;
    }
    if (length === 0) return;
    rest = Buffer.concat([rest, chunk.subarray(0, length)]);
  }
}

/** A thread that ends the process when the host died while Python runs; returns how to set the time for that. */
function startWatchdog(): (ms: number) => void {
  const deadline = new BigInt64Array(new SharedArrayBuffer(8));
  const code = `
    const { workerData } = require("node:worker_threads");
    const parent = process.ppid;
    setInterval(() => {
      const at = Atomics.load(workerData, 0);
      if (at > 0n && (process.ppid !== parent || BigInt(Date.now()) > at)) process.kill(process.pid, "SIGKILL");
    }, 1000);`;
  new Worker(code, { eval: true, workerData: deadline, stdout: true, stderr: true }).unref();
  return (ms) => {
    Atomics.store(deadline, 0, ms > 0 ? BigInt(Date.now() + ms) : 0n);
  };
}

/** Makes the Python side's modules known for as long as they are imported, and keeps only the entry function. */
function installRunner(raw: RawPython, config: WorkerConfig): void {
  const modules: [string, string][] =
    config.role === "grader"
      ? [["rstar_verify", verifySource]]
      : [
          ["rstar_guard", guardSource],
          ["rstar_imports", importsSource],
          ["rstar_namespace", namespaceSource],
        ];
  modules.push(["rstar_runner", runnerSource]);
  const text = JSON.stringify(JSON.stringify(modules));
  execute(
    raw,
    `
def __rstar_install():
    import json, sys, types
    for name in [each for each in sys.modules if each.split(".")[0] in ("js", "pyodide", "pyodide_js", "_pyodide", "_pyodide_core")]:
        sys.modules.pop(name)
        sys.modules[name] = None
    sys.meta_path[:] = [each for each in sys.meta_path if "pyodide" not in type(each).__module__]
    for name in ("_socket", "socket", "_ctypes", "ctypes", "pyodide_js", "js", "_pyodide_core", "micropip"):
        sys.modules[name] = None
    for name, source in json.loads(${text}):
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
    return module.make_server(${JSON.stringify(config.role)}, ${config.cachedStates})
__rstar_serve = __rstar_install()
del __rstar_install
`,
  );
}

function execute(raw: RawPython, code: string): void {
  const pointer = raw.stringToNewUTF8(code);
  const status = raw._PyRun_SimpleString(pointer);
  raw._free(pointer);
  if (status !== 0) throw new Error("the Python runner failed");
}

function serve(raw: RawPython, border: Border, setWatchdog: (ms: number) => void): void {
  const decoder = new TextDecoder();
  let answers: Answer[];
  let hasBegun = false;
  let printed: Uint8Array[] = [];
  let flushed = 0;
  const flush = (): void => {
    if (printed.length === 0) return;
    send({ op: "output", text: Buffer.concat(printed).toString("utf8") });
    printed = [];
    flushed = performance.now();
  };
  border.onOutput = (data) => {
    printed.push(data);
    if (performance.now() - flushed > FLUSH_MS) flush();
  };
  border.onTick = () => {
    if (printed.length > 0 && performance.now() - flushed > FLUSH_MS) flush();
  };
  border.onAnswer = (data) => {
    const message = JSON.parse(decoder.decode(data)) as Answer | Message;
    // The runner's own word that the step begins comes first and its answer last, whatever a step may send in its name.
    if (!("op" in message)) answers = [message];
    else if (message.op === "step" && !hasBegun) {
      hasBegun = true;
      send(message);
    }
  };
  const pointer = raw.stringToNewUTF8("__rstar_serve()");
  for (const request of requests()) {
    setWatchdog(request.watchdogMs);
    border.request = Buffer.from(JSON.stringify(request));
    border.outOfMemory = false;
    answers = [];
    hasBegun = false;
    // The runner keeps to it; a step that gets past the runner has no more either.
    border.outputRoom = request.op === "run" ? request.outputLimit : 0;
    flushed = 0;
    const status = raw._PyRun_SimpleString(pointer);
    flush();
    const [answer] = answers;
    if (status !== 0 || answer === undefined) throw new Error("the interpreter gave no answer");
    setWatchdog(0);
    send({ op: "answer", answer, heapMB: border.heapBytes() / MB });
  }
}

async function start(config: WorkerConfig): Promise<void> {
  const began = performance.now();
  let snapshot = config.snapshotDir === null ? null : readSnapshot(config.snapshotDir);
  const fromSnapshot = snapshot !== null;
  const border = fence(config.memoryMB * MB, snapshot?.length ?? 0);
  try {
    const setWatchdog = startWatchdog();
    provideConstants();
    const python = await loadPython(config.wheelsDir, snapshot === null ? {} : { snapshot });
    const { _module: raw, _api } = python as unknown as { _module: RawPython; _api: { config: object } };
    // It has been copied into the interpreter's memory; a second copy per process would be 90 MB for nothing.
    snapshot = null;
    Reflect.deleteProperty(_api.config, "_loadSnapshot");
    installRunner(raw, config);
    stripGlobals();
    raw.HEAP8[raw._Py_EMSCRIPTEN_SIGNAL_HANDLING] = 1;
    border.lock();
    globalThis.gc?.();
    const { permission } = process as { permission?: unknown };
    send({
      op: "ready",
      snapshot: fromSnapshot,
      ms: Math.round(performance.now() - began),
      permission: permission !== undefined,
    });
    serve(raw, border, setWatchdog);
  } catch (error) {
    send({ op: "fatal", reason: String(error).slice(0, 500), outOfMemory: border.outOfMemory });
    process.exitCode = 1;
  }
  process.exit();
}

const [argument = "", ...rest] = process.argv.slice(2);
if (argument === "--prepare") {
  // `node sandbox-worker.mjs --prepare [FOLDER]`: makes the snapshot in FOLDER (its own by default), once.
  const home = rest[0] ?? path.dirname(fileURLToPath(import.meta.url));
  await makeSnapshot(path.join(home, "wheels"), home);
  process.exit();
} else {
  await start(JSON.parse(argument) as WorkerConfig);
}
