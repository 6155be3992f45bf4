/** `rstar traces delete` deletes what is named, and nothing that merely begins so. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { tracesCommand } from "../../../server/cli/traces.ts";
import { defaultTraceFile } from "../../../server/compose.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";

let home = "";

beforeEach(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), "rstar-traces-"));
  vi.stubEnv("RSTAR_HOME", home);
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
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

it("deletes the ones named", async () => {
  await remove("20260131-b", "202602");
  expect(await left()).toEqual(["20260131-a"]);
});
