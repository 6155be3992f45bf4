/** The border of the WebAssembly module, with memory and imports of the test: what passes to the host, and how much. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fence, type Border } from "../../../server/sandbox/lockdown.ts";

const OUTPUT_FD = 901;
const ANSWER_FD = 902;
const MB = 2 ** 20;
/** Where the fake interpreter has its data, its list of pieces and the count of what was written. */
const [DATA, PIECES, WRITTEN] = [0, 15 * MB, 16 * MB - 8];

type Write = (fd: number, iov: number, count: number, written: number) => number;

let border: Border;
let memory: FakeMemory;
let write: Write;

class FakeMemory {
  readonly buffer = new ArrayBuffer(16 * MB);
  grow(): number {
    throw new Error("not asked for");
  }
}

beforeEach(async () => {
  memory = new FakeMemory();
  const imports = { env: {}, wasi_snapshot_preview1: { fd_write: (): number => 1 } };
  let fenced: { wasi_snapshot_preview1: { fd_write: Write } } | undefined;
  const wasm = {
    Memory: FakeMemory,
    instantiate: (_source: unknown, given: typeof imports) => {
      fenced = given;
      return Promise.resolve({ exports: { memory } });
    },
  };
  vi.stubGlobal("WebAssembly", wasm);
  border = fence(16 * MB, 0);
  await wasm.instantiate(null, imports);
  if (fenced === undefined) throw new Error("nothing was instantiated");
  write = fenced.wasi_snapshot_preview1.fd_write;
  border.lock();
});
afterEach(() => vi.unstubAllGlobals());

/** Writes these pieces of the memory, and says how many bytes the interpreter is told to have written. */
function writeAll(fd: number, pieces: readonly (readonly [at: number, length: number])[]): number {
  const view = new DataView(memory.buffer);
  for (const [index, [at, length]] of pieces.entries()) {
    view.setUint32(PIECES + 8 * index, at, true);
    view.setUint32(PIECES + 8 * index + 4, length, true);
  }
  expect(write(fd, PIECES, pieces.length, WRITTEN)).toBe(0);
  return view.getUint32(WRITTEN, true);
}

const textOf = (data: Uint8Array): string => Buffer.from(data).toString();

test("output passes as far as there is room, and all of it counts as written", () => {
  const seen: string[] = [];
  border.onOutput = (data) => void seen.push(textOf(data));
  border.outputRoom = 5;
  new Uint8Array(memory.buffer).set(Buffer.from("abcdef"), DATA);
  expect(writeAll(OUTPUT_FD, [[DATA, 2]])).toBe(2);
  expect(
    writeAll(OUTPUT_FD, [
      [DATA + 2, 1],
      [DATA, 6],
    ]),
  ).toBe(7);
  expect(writeAll(OUTPUT_FD, [[DATA, 6]])).toBe(6);
  expect(seen).toEqual(["ab", "cab"]);
});

test("the same memory written a thousand times over is not copied", () => {
  const seen: number[] = [];
  border.onOutput = (data) => void seen.push(data.length);
  border.onAnswer = () => void seen.push(-1);
  border.outputRoom = 64;
  // 15 GB, more than a buffer holds or a machine should give.
  const pieces = Array.from({ length: 1000 }, () => [DATA, 15 * MB] as const);
  const told = (1000 * 15 * MB) % 2 ** 32;
  expect(writeAll(OUTPUT_FD, pieces)).toBe(told);
  expect(writeAll(OUTPUT_FD, pieces)).toBe(told);
  expect(writeAll(ANSWER_FD, pieces)).toBe(told);
  expect(seen).toEqual([64]);
});

test("an answer passes whole, as a copy, or not at all", () => {
  const answers: Uint8Array[] = [];
  border.onAnswer = (data) => void answers.push(data);
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(Buffer.from("answer"), DATA);
  writeAll(ANSWER_FD, [
    [DATA, 3],
    [DATA + 3, 3],
  ]);
  bytes.fill(0, DATA, DATA + 6);
  expect(answers.map(textOf)).toEqual(["answer"]);
  writeAll(ANSWER_FD, [[DATA, 8 * MB]]);
  writeAll(ANSWER_FD, [[DATA, 8 * MB + 1]]);
  expect(answers.map(({ length }) => length)).toEqual([6, 8 * MB]);
});

test("any other descriptor is closed once the wall is", () => {
  expect(write(1, PIECES, 0, WRITTEN)).toBe(63);
});
