/** Fine-tuning on traces that are there: which of them may train, and the problems on which the outcome is compared. Pure. */
import type { Refusal } from "../protocol/run-output.ts";
import type { Trace } from "../protocol/trace.ts";
import { evaluationProblems, isEvaluationProblem } from "./decontamination.ts";
import { givenProblem } from "./labels.ts";
import { byText } from "./problem-tree.ts";
import type { TrainingProblem } from "./problems.ts";

/** What a person allows. */
export interface FinetuneOptions {
  /** SHA-256 of the base; null takes traces of every model. */
  readonly baseSha256: string | null;
  readonly consent: "agreed" | "any";
  /** Whether a trace's file was opted out after it was made. */
  readonly isOptedOut: (trace: Trace) => boolean;
}

/** The traces and problems of a fine-tuning, or why there is nothing to train on. */
export type FinetuneMaterial =
  | {
      readonly kind: "material";
      readonly traces: readonly Trace[];
      readonly problems: readonly TrainingProblem[];
    }
  | { readonly kind: "failed"; readonly refusal: Refusal; readonly message: string };

/** Without the traces of files that were opted out when these were made, or since by `isOptedOut`. */
export function withoutOptedOut(
  traces: readonly Trace[],
  isOptedOut: FinetuneOptions["isOptedOut"],
): readonly Trace[] {
  return traces.filter((trace) => trace.training !== "opted-out" && !isOptedOut(trace));
}

/** Sorts out the traces. The selection proper checks every rule again and counts what it leaves out. */
export function finetuneMaterial(traces: readonly Trace[], options: FinetuneOptions): FinetuneMaterial {
  if (traces.length === 0)
    return failed(
      "no-traces",
      "There are no traces to train on. `rstar solve FILE.md` makes them; nothing was changed.",
    );
  const allowed = withoutOptedOut(traces, options.isOptedOut).filter(
    ({ training }) => options.consent === "any" || training === "agreed",
  );
  if (allowed.length === 0)
    return failed(
      "none-allowed",
      `None of the ${traces.length} traces may train: they were made before collecting was agreed to, or their files are opted out. \`rstar traces consent agree\` allows it for what is solved from then on; \`--traces FILE\` trains on a file that you name. Nothing was changed.`,
    );
  const own = allowed.filter(
    ({ models }) => options.baseSha256 === null || models.policy.sha256 === options.baseSha256,
  );
  if (own.length === 0) {
    const others = [...new Set(allowed.map(({ models }) => models.policy.id))].join(", ");
    return failed(
      "other-model",
      `All ${allowed.length} traces were made by another model (${others}). Name that model with --base, or take them all the same with --any-model; nothing was changed.`,
    );
  }
  const evaluation = evaluationProblems();
  const open = own.filter(({ problem }) => !isEvaluationProblem(problem, evaluation));
  const problems = byText(open).flatMap((same): TrainingProblem[] => {
    const given = givenProblem(same);
    return given === null ? [] : [{ id: given.id, problem: given.text, answer: given.reference }];
  });
  return { kind: "material", traces: own, problems };
}

function failed(refusal: Refusal, message: string): FinetuneMaterial {
  return { kind: "failed", refusal, message };
}
