/** What a run of `rstar evolve` or `rstar finetune` begins with. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  newEvolution,
  newFinetune,
  refuseOptedOut,
  type EvolveFlags,
} from "../../../server/cli/evolution-options.ts";
import { defaultTraceFile } from "../../../server/compose.ts";
import { runFolder } from "../../../server/evolution/run-folder.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import { changeConsent, decide, optOut } from "../../../server/traces/consent.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";

// The base is not what this is about.
vi.mock(import("../../../server/compose.ts"), async (original) => {
  const actual = await original();
  return {
    ...actual,
    modelManager: async (...args) =>
      Object.assign(await actual.modelManager(...args), {
        resolve: () => Promise.resolve({ kind: "ready", model: { id: "base", sha256: "b".repeat(64) } }),
      }),
  };
});

let home = "";
const fetching = { signal: new AbortController().signal, onProgress: () => undefined };

beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), "rstar-options-"));
  vi.stubEnv("RSTAR_HOME", home);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

it("takes no earlier search of a file that was opted out, then or since, and says so", async () => {
  const problems = path.join(home, "problems.jsonl");
  writeFileSync(problems, `${JSON.stringify({ id: "p", problem: "What is 42?", answer: "42" })}\n`);
  const file = path.join(home, "earlier.jsonl");
  const policy = scriptedPolicy(() => ({ text: "print(42)", stop: MARK.endOfCode }));
  const marks = { kept: {}, since: {}, then: { training: "opted-out" as const } };
  for (const [name, mark] of Object.entries(marks))
    await createTraceStore(file).append(
      await solve(
        { id: "p", text: "What is 42?", reference: "42" },
        configOf({ strategy: "greedy" }),
        fakeServices(policy),
        { ...STAMP, id: name, source: `${name}.md#1`, ...mark },
        new AbortController().signal,
      ),
    );
  await changeConsent(path.dirname(defaultTraceFile()), (consent) => optOut(consent, "since.md", true));
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const flags: EvolveFlags = {
    ...{ problems, traces: [file], rounds: 1, profile: "smoke", seed: 1, ppmLoss: "pairwise", base: "base" },
  };
  const run = await newEvolution(flags, fetching);
  expect(run.traces?.map(({ id }) => id)).toEqual(["kept"]);
  expect(said).toHaveBeenCalledWith("2 traces are of files that are opted out and are left out.\n");
});

it("trains on the store that is named, agreed to or not, without the files that were opted out", async () => {
  const store = defaultTraceFile();
  const flags = { profile: "smoke", seed: 1, ppmLoss: "pairwise", base: "base", anyModel: true } as const;
  // As the editor names it; it is made with its first trace.
  await expect(newFinetune({ ...flags, traces: [store] }, fetching)).rejects.toMatchObject({
    refusal: "no-traces",
  });
  const policy = scriptedPolicy(() => ({ text: "print(42)", stop: MARK.endOfCode }));
  const marks = { "before.md": "not-agreed", "since.md": "not-agreed", "then.md": "opted-out" } as const;
  for (const [name, training] of Object.entries(marks))
    await createTraceStore(store).append(
      await solve(
        { id: name, text: `What is 42, ${name}?`, reference: "42" },
        configOf({ strategy: "greedy" }),
        fakeServices(policy),
        { ...STAMP, id: name, source: `${name}#1`, training },
        new AbortController().signal,
      ),
    );
  await changeConsent(path.dirname(store), (consent) => optOut(consent, "since.md", true));
  await expect(newFinetune(flags, fetching)).rejects.toMatchObject({ refusal: "not-agreed" });
  await changeConsent(path.dirname(store), (consent) => decide(consent, true, new Date(0)));
  await expect(newFinetune(flags, fetching)).rejects.toMatchObject({ refusal: "none-allowed" });
  const { traces } = await newFinetune({ ...flags, traces: [store] }, fetching);
  expect(traces?.map(({ id }) => id)).toEqual(["before.md"]);
});

it("trains on the problems of a Markdown file, unless that is opted out", async () => {
  const problems = path.join(home, "sheet.md");
  writeFileSync(problems, "# Problem 1\n\nWhat is 1 + 1?\n\nAnswer: 2\n");
  const flags: EvolveFlags = {
    ...{ problems, rounds: 1, profile: "smoke", seed: 1, ppmLoss: "pairwise", base: "base" },
  };
  const run = await newEvolution(flags, fetching);
  expect(run.problems).toEqual([{ id: "problem-1", problem: "What is 1 + 1?", answer: "2" }]);
  await changeConsent(path.dirname(defaultTraceFile()), (consent) => optOut(consent, problems, true));
  await expect(newEvolution(flags, fetching)).rejects.toThrow(/opted out.*rstar traces opt-out FILE --undo/u);
});

it("does not go on with a run that was begun with searches of a file that was left out since", async () => {
  const root = path.join(home, "run");
  const policy = scriptedPolicy(() => ({ text: "print(42)", stop: MARK.endOfCode }));
  await createTraceStore(runFolder(root).round(1).traces).append(
    await solve(
      { id: "p", text: "What is 42?", reference: "42" },
      configOf({ strategy: "greedy" }),
      fakeServices(policy),
      { ...STAMP, source: "notes.md#1", training: "agreed" },
      new AbortController().signal,
    ),
  );
  await refuseOptedOut(root);
  const folder = path.dirname(defaultTraceFile());
  await changeConsent(folder, (consent) => optOut(consent, "other.md", true));
  await refuseOptedOut(root);
  await changeConsent(folder, (consent) => optOut(consent, "notes.md", true));
  await expect(refuseOptedOut(root)).rejects.toThrow("notes.md#1");
});
