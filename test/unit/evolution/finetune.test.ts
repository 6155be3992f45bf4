/** What a fine-tuning may use, and what it refuses with a reason. */
import { describe, expect, it } from "vitest";
import { finetuneMaterial, type FinetuneOptions } from "../../../server/evolution/finetune.ts";
import { continueRun, beginRun } from "../../../server/evolution/rounds.ts";
import { smallRounds } from "../../../server/evolution/profiles.ts";
import type { Trace } from "../../../server/protocol/trace.ts";
import { fakeTrainer } from "../../support/fake-trainer.ts";
import { search, type World } from "./searches.ts";
import { BASE_SHA, toyServices, toySettings } from "./worlds.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const WORLD: World = {
  ...{ salt: 3, wordings: 5, answers: 2, failing: 10, withPpm: false, deadEndValue: -1 },
  rollout: "continuation",
};
const ANY: FinetuneOptions = { baseSha256: null, consent: "any", isOptedOut: () => false };

const traceOf = (n: number, changes: Partial<Trace> = {}): Promise<Trace> =>
  search(WORLD, { id: `toy-${n}`, text: `Count the toys of child ${n}.`, reference: "0" }, 1).then(
    (trace) => ({
      ...trace,
      ...changes,
    }),
  );

const messageOf = (traces: readonly Trace[], changes: Partial<FinetuneOptions>): string => {
  const material = finetuneMaterial(traces, { ...ANY, ...changes });
  return material.kind === "failed" ? material.message : "";
};

describe("fine-tuning", () => {
  it("says what is missing when there is nothing to train on", async () => {
    const trace = await traceOf(1);
    expect(messageOf([], {})).toContain("no traces");
    expect(messageOf([trace], { consent: "agreed" })).toContain("rstar traces consent agree");
    expect(messageOf([{ ...trace, training: "agreed" }], { consent: "agreed" })).toBe("");
    expect(messageOf([trace], { isOptedOut: () => true })).toContain("opted out");
    expect(messageOf([trace], { baseSha256: "e".repeat(64) })).toContain("another model (scripted)");
  });

  it("compares on problems with a given answer that are in no evaluation set", async () => {
    const [open, known, wanted] = await Promise.all([1, 2, 3].map((n) => traceOf(n)));
    if (open === undefined || known === undefined || wanted === undefined) return;
    const material = finetuneMaterial(
      [
        { ...open, problem: { ...open.problem, reference: null } },
        { ...known, problem: { ...known.problem, id: "math500-1" } },
        wanted,
      ],
      ANY,
    );
    expect(material).toMatchObject({ kind: "material", problems: [{ id: "toy-3", answer: "0" }] });
  });

  it("compares by the newest given answer, whichever trace comes first", async () => {
    const old = await traceOf(1);
    const corrected = {
      ...old,
      createdAt: "2026-02-01T00:00:00.000Z",
      problem: { ...old.problem, reference: "8" },
    };
    const cleared = {
      ...old,
      createdAt: "2026-03-01T00:00:00.000Z",
      problem: { ...old.problem, reference: null },
    };
    for (const traces of [
      [old, corrected, cleared],
      [cleared, corrected, old],
    ])
      expect(finetuneMaterial(traces, ANY)).toMatchObject({ problems: [{ id: "toy-1", answer: "8" }] });
    // Texts that differ in operators alone count as one problem: an answer stays with its own text.
    const asked = {
      ...corrected,
      problem: { ...corrected.problem, id: "other", text: `${old.problem.text}!` },
    };
    expect(finetuneMaterial([asked, old], ANY)).toMatchObject({
      problems: [{ id: "other", problem: asked.problem.text, answer: "8" }],
    });
  });

  it("runs the same stages on given traces, without a search", async () => {
    const traces = await Promise.all(Array.from({ length: 6 }, (_, n) => traceOf(n)));
    const material = finetuneMaterial(traces, ANY);
    if (material.kind === "failed") throw new Error(material.message);
    const [root, home] = [temporaryFolder(), temporaryFolder()];
    const settings = toySettings({ traces: "given", rounds: smallRounds(1), heldOutShare: 0.3 });
    const begun = await beginRun(
      root,
      { id: "tuned", settings, problems: material.problems, traces: material.traces },
      new Date(0),
    );
    expect(begun.kind).toBe("begun");
    const trainer = fakeTrainer();
    const outcome = await continueRun(root, toyServices(home, trainer), new AbortController().signal);
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    const [report] = outcome.reports;
    expect(report?.rungs).toEqual([]);
    expect(report?.selection.leftOut).toEqual([{ reason: "held out for the gate", traces: 2 }]);
    expect(report?.policyGate?.problems).toBe(2);
    expect(trainer.jobs.map(({ kind }) => kind)).toEqual(["sft", "ppm"]);
    expect(trainer.jobs[0]?.base.gguf.sha256).toBe(BASE_SHA);
  });
});
