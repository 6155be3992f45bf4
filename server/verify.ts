/** Re-checks what is stored, without any model: every step is run again and its output compared. */
import { EMPTY_STATE, type Grader, type RunResult, type Sandbox } from "./services.ts";
import type { Solution } from "./document/solution.ts";
import { extractAnswer } from "./grading/extract.ts";
import { plainValue } from "./search/final-answer.ts";
import { printedBy } from "./search/pieces.ts";
import { rejectionOf } from "./search/verdict.ts";
import type { AnswerCheck, StepCheck } from "./protocol/solving.ts";
import type { Trace } from "./protocol/trace.ts";

/**
 * The checks of a solution's steps, in order, and whether the answer still follows from the last output. After a step
 * that fails nothing is run, so that nothing is known of the answer.
 */
export interface SolutionCheck {
  readonly steps: readonly StepCheck[];
  readonly answer: AnswerCheck;
  readonly holds: boolean;
}

/** Runs a solution's steps on top of each other and compares with what is stored. @throws the signal's reason. */
export async function verifySolution(
  solution: Solution,
  sandbox: Sandbox,
  grader: Grader,
  signal: AbortSignal,
): Promise<SolutionCheck> {
  const steps: StepCheck[] = [];
  let state = EMPTY_STATE;
  const ran: Pick<Extract<RunResult, { kind: "ok" }>, "output" | "value">[] = [];
  for (const step of solution.steps) {
    const result = await sandbox.run(state, step.code, signal);
    if (result.kind !== "ok") {
      steps.push({ kind: "fails", message: rejectionOf(result).message });
      return { steps, answer: solution.answer === null ? "none" : "not-checked", holds: false };
    }
    const now = result.output.trimEnd();
    steps.push(
      now === step.output.trimEnd() && result.value === step.value
        ? { kind: "same" }
        : { kind: "different", stored: step.output, now },
    );
    state = result.state;
    ran.push(result);
  }
  const answer = await checkAnswer(solution.answer?.text ?? null, printedBy(ran), grader, signal);
  return {
    steps,
    answer,
    holds: steps.every((step) => step.kind === "same") && answer !== "does-not-follow",
  };
}

/** A sentence as the last output proves nothing either way: the answer was read from it by the policy. */
async function checkAnswer(
  answer: string | null,
  printed: string,
  grader: Grader,
  signal: AbortSignal,
): Promise<AnswerCheck> {
  if (answer === null) return "none";
  const value = plainValue(extractAnswer(printed) ?? "");
  if (value === null) return "not-printed";
  const verdict = await grader.equivalent(value, answer, "lenient", signal);
  return verdict.kind === "equal" ? "follows" : "does-not-follow";
}

/** A node of a trace whose run is not what the trace says. */
export interface NodeDifference {
  readonly node: number;
  readonly stored: string;
  readonly now: string;
}

/** Replays every step of a trace on its parent's state. Steps that never ran (not closed, no code) are left out. */
export async function verifyTrace(
  trace: Trace,
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<{ readonly checked: number; readonly differences: readonly NodeDifference[] }> {
  const ran = new Set(["error", "timeout", "memory", "crash", "no-output"]);
  const states = new Map([[0, EMPTY_STATE]]);
  const differences: NodeDifference[] = [];
  let checked = 0;
  for (const node of trace.nodes) {
    const parent = node.parent === null ? undefined : states.get(node.parent);
    if (node.kind !== "step" || parent === undefined) continue;
    if (node.rejection !== null && !ran.has(node.rejection.kind)) continue;
    checked++;
    const result = await sandbox.run(parent, node.code, signal);
    const expected =
      node.rejection === null || node.rejection.kind === "no-output" ? "ok" : node.rejection.kind;
    if (result.kind === "ok") states.set(node.id, result.state);
    const now = result.kind === "ok" ? result.output : rejectionOf(result).message;
    if (result.kind !== expected || (result.kind === "ok" && result.output !== node.output))
      differences.push({ node: node.id, stored: node.rejection?.message ?? node.output, now });
  }
  return { checked, differences };
}
