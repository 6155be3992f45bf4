/** `rstar eval` on scripted models, where its folder cannot take what it found. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { evalCommand } from "../../../server/cli/eval.ts";
import { EXIT } from "../../../server/cli/exit.ts";
import { EvaluationReport } from "../../../server/evaluation/report-schema.ts";
import type * as Records from "../../../server/evaluation/records.ts";
import { problemsOf, servicesOf } from "../evaluation/support.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const policy = {
  ...{ id: "scripted", sha256: "0".repeat(64), parameters: 1000 },
  // Looked at for its quantisation; a file that has none will do.
  path: fileURLToPath(import.meta.url),
};
const dispose = vi.fn(() => Promise.resolve());
vi.mock("../../../server/compose.ts", () => ({
  openRuntime: () => {
    const backend = { threads: 2, version: "0", why: "" };
    const runtime = { services: servicesOf(), models: { policy, ppm: null }, backend, dispose };
    return Promise.resolve({ kind: "ready", runtime });
  },
}));

/** How many lines of JSON find room, and what the system says from then on. */
const disk = vi.hoisted(() => ({ room: Infinity, code: "ENOSPC" }));
vi.mock("../../../server/evaluation/records.ts", async (original) => {
  const records = await original<typeof Records>();
  return {
    ...records,
    openRecords: async (file: string) => {
      const writer = await records.openRecords(file);
      return {
        ...writer,
        append: (record: Parameters<typeof writer.append>[0]) =>
          disk.room-- > 0
            ? writer.append(record)
            : Promise.reject(Object.assign(new Error("write failed"), { code: disk.code })),
      };
    },
  };
});

let folder = "";
let out = "";

beforeEach(() => {
  folder = temporaryFolder();
  out = path.join(folder, "out");
  const lines = problemsOf(4).map(({ id, text, answer }) => JSON.stringify({ id, problem: text, answer }));
  writeFileSync(path.join(folder, "problems.jsonl"), lines.join("\n"));
  disk.room = Infinity;
  dispose.mockClear();
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, "write").mockReturnValue(true);
  onTestFinished(() => void vi.restoreAllMocks());
});

const evaluate = (...more: readonly string[]): Promise<unknown> =>
  evalCommand().parseAsync(
    ["--problems", path.join(folder, "problems.jsonl"), "--out", out, "--concurrency", "3", ...more],
    { from: "user" },
  );

it("says that the disk is full, what is kept and how to go on, and goes on", async () => {
  Object.assign(disk, { room: 5, code: "ENOSPC" });
  await expect(evaluate()).rejects.toMatchObject({
    code: EXIT.unavailable,
    message: `The disk of ${out} is full. What was searched is kept; free some space, and the same command with --resume goes on.`,
  });
  expect(dispose).toHaveBeenCalledTimes(1);
  const traces = path.join(out, "traces.jsonl");
  const kept = readFileSync(traces, "utf8");
  expect(kept.split("\n")).toHaveLength(6);
  disk.room = Infinity;
  await evaluate("--resume");
  expect(readFileSync(traces, "utf8").startsWith(kept)).toBe(true);
  const report = EvaluationReport.parse(JSON.parse(readFileSync(path.join(out, "report.json"), "utf8")));
  expect(report.complete).toBe(true);
});

it("names a folder that cannot be written, from the first or any more", async () => {
  Object.assign(disk, { room: 5, code: "EROFS" });
  await expect(evaluate()).rejects.toMatchObject({
    code: EXIT.unavailable,
    message: expect.stringContaining(`The folder ${out} cannot be written (EROFS)`) as string,
  });
  out = path.join(folder, "problems.jsonl");
  await expect(evaluate()).rejects.toMatchObject({
    message: expect.stringContaining(`The folder ${out} cannot be written (EEXIST)`) as string,
  });
});

it("leaves what is no trouble of the folder what it is: a bug", async () => {
  Object.assign(disk, { room: 5, code: "EWHATEVER" });
  await expect(evaluate()).rejects.toThrow("write failed");
});
