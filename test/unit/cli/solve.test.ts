/** `rstar solve` with a scripted policy, where the trace store is on a disk that is full. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import type { Runtime } from "../../../server/compose.ts";
import { EXIT } from "../../../server/cli/exit.ts";
import { solveCommand } from "../../../server/cli/solve.ts";
import { MARK } from "../../../server/search/grammar.ts";
import type { TraceStore } from "../../../server/services.ts";
import { fakeServices, scriptedPolicy } from "../../support/fakes.ts";

const policy = scriptedPolicy(() => ({ text: "# Add.\nprint(2)", stop: MARK.endOfCode }));

vi.mock("../../../server/compose.ts", () => ({
  defaultTraceFile: () => path.join(tmpdir(), "no-such-folder", "traces.jsonl"),
  openRuntime: () => {
    const runtime = { services: fakeServices(policy), dispose: () => Promise.resolve() } as Partial<Runtime>;
    return Promise.resolve({ kind: "ready", runtime });
  },
}));
vi.mock("../../../server/traces/store.ts", async (original) => ({
  ...(await original<object>()),
  createTraceStore: (): Pick<TraceStore, "append"> => ({
    append: () =>
      Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })),
  }),
}));

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** What the command printed, for a file that cannot be written or can be. */
async function solved(mode: number, ...more: string[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "rstar-solve-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "notes.md");
  writeFileSync(file, "# Problem 1\n\nWhat is 1 + 1?\n");
  chmodSync(file, mode);
  let printed = "";
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  await solveCommand().parseAsync([file, "--write", ...more], { from: "user" });
  return printed;
}

it("shows the answer and says that it cannot be replayed, and what to do", async () => {
  const printed = await solved(0o644);
  expect(printed).toMatch(/could not be stored in .*\(ENOSPC.*RSTAR_HOME/u);
  expect(printed).toContain("Answer 2");
  expect(printed).toContain("Written below the problem");
});

it("does not say that a solution is kept which could not be written either", async () => {
  const printed = await solved(0o444);
  expect(printed).toContain("Answer 2");
  expect(printed).toMatch(/is read-only, so the solution was not written\. .*copy it from here/u);
  expect(printed).not.toMatch(/is kept/u);
  expect(process.exitCode).toBe(EXIT.input);
});

it("gives a program that reads JSON the reason too", async () => {
  const printed = await solved(0o444, "--json");
  expect(printed).toContain('"written":false');
  expect(printed).toContain("is read-only");
});

it("takes the seed 0, and no more candidates than a search can be gone on with", async () => {
  expect(await solved(0o644, "--seed", "0")).toContain("Answer 2");
  await expect(solved(0o644, "--candidates", "65")).rejects.toMatchObject({
    code: EXIT.usage,
    message: expect.stringMatching(/^--candidates: .*64/u) as string,
  });
});
