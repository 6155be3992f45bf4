/** `rstar traces delete` deletes what is named, and nothing that merely begins so. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, it, vi, type MockInstance } from "vitest";
import { readTraceFile } from "../../../server/cli/trace-files.ts";
import { tracesCommand } from "../../../server/cli/traces.ts";
import { defaultTraceFile } from "../../../server/compose.ts";
import type { Trace } from "../../../server/protocol/trace.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";

let home = "";
let told: MockInstance<typeof process.stdout.write>;

beforeEach(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), "rstar-traces-"));
  vi.stubEnv("RSTAR_HOME", home);
  told = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const store = createTraceStore(defaultTraceFile());
  const policy = scriptedPolicy(() => ({ text: "print(42)", stop: MARK.endOfCode }));
  for (const id of ["20260131-a", "20260131-b", "20260201-a"])
    await store.append(
      await solve(
        { id: "p", text: "What is 42?", reference: null },
        configOf({ strategy: "greedy" }),
        fakeServices(policy),
        { ...STAMP, id },
        new AbortController().signal,
      ),
    );
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const remove = async (...ids: string[]): Promise<void> => {
  await tracesCommand().parseAsync(["delete", ...ids], { from: "user" });
};
const left = async (): Promise<string[]> =>
  (await createTraceStore(defaultTraceFile()).query()).traces.map(({ id }) => id);

it("refuses an id that several traces begin with, or none, or that is empty", async () => {
  await expect(remove("20260201", "20260131")).rejects.toThrow("2 traces begin with 20260131");
  await expect(remove("2025")).rejects.toThrow("No trace begins with 2025");
  await expect(remove("")).rejects.toThrow("empty");
  expect(await left()).toHaveLength(3);
});

it("exports every trace as a line, and not over a file that is there", async () => {
  const file = path.join(home, "out.jsonl");
  const exported = async (): Promise<unknown> =>
    await tracesCommand().parseAsync(["export", file], { from: "user" });
  await exported();
  expect(readFileSync(file, "utf8")).toBe(readFileSync(defaultTraceFile(), "utf8"));
  await expect(exported()).rejects.toThrow(/was not written.*untouched/u);
});

it("lists and tells nothing that a terminal would obey", async () => {
  const [line = ""] = readFileSync(defaultTraceFile(), "utf8").split("\n");
  const trace = JSON.parse(line) as Trace;
  const evil = { ...trace, problem: { ...trace.problem, text: "\u001b]0;title\u0007 \u202e?" } };
  appendFileSync(defaultTraceFile(), `${JSON.stringify(evil)}\n`);
  await tracesCommand().parseAsync(["list"], { from: "user" });
  expect(String(told.mock.lastCall?.[0])).toMatch(/�\]0;title� �\?\n$/u);
});

it("reads a compressed file, and says what is wrong with one", async () => {
  const file = path.join(home, "traces.jsonl.br");
  const packed = brotliCompressSync(readFileSync(defaultTraceFile()));
  writeFileSync(file, packed);
  expect((await readTraceFile(file)).map(({ id }) => id)).toEqual(await left());
  writeFileSync(file, packed.subarray(0, packed.length / 2));
  await expect(readTraceFile(file)).rejects.toThrow(/cannot be decompressed.*Nothing was begun/u);
});

it("deletes the ones named", async () => {
  await remove("20260131-b", "202602");
  expect(await left()).toEqual(["20260131-a"]);
});
