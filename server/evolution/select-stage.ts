/**
 * Turns the traces of the round, or of all rounds so far, into the data sets that the trainer reads. Deterministic:
 * doing it again changes nothing.
 */
import type { RunState } from "../protocol/evolution.ts";
import { namesOn } from "../protocol/surface.ts";
import type { Trace } from "../protocol/trace.ts";
import { createTraceStore } from "../traces/store.ts";
import type { RunContext, StageEnd } from "./context.ts";
import { evaluationProblems, fingerprint } from "./decontamination.ts";
import { hashOf } from "./problems.ts";
import { groupOf, selectTrainingData, type SelectionRules } from "./select.ts";
import { writeJson, writeLines } from "./run-folder.ts";

/** Fewer problems than this are all needed for training. */
const PROBLEMS_FOR_CURVES = 20;

/** Selects and writes. */
export async function selectStage(context: RunContext, state: RunState): Promise<StageEnd> {
  const { folder } = context;
  const own = folder.round(state.round);
  const first = state.settings.selection.rounds === "all" ? 1 : state.round;
  const stores = Array.from({ length: state.round - first + 1 }, (_, index) =>
    createTraceStore(folder.round(first + index).traces).query(),
  );
  const stored = (await Promise.all(stores)).flatMap(({ traces }) => traces);
  const traces = inOrder(stored, context, state);
  const { sft, pairs, report } = selectTrainingData(traces, rulesOf(context, state));
  if (sft.length === 0) {
    const message = `None of the ${traces.length} traces gives a right solution to train on (${reasons(report.leftOut)}). Search more or easier problems, or let a stronger model search first (${namesOn().chooseSearcher}). The traces are kept in ${own.traces}.`;
    if (state.settings.traces === "given") return { kind: "failed", message };
    // A person may have told the run to train before its search had found anything.
    return {
      kind: "failed",
      message: `${message} Resuming the run searches what is missing.`,
      goOnAt: "search",
    };
  }
  const isForCurves = curveProblems([...sft, ...pairs], state);
  for (const [role, lines] of [
    ["policy", sft],
    ["ppm", pairs],
  ] as const) {
    await writeLines(
      own.data(role, "train"),
      lines.filter(({ problemId }) => !isForCurves.has(problemId)),
    );
    await writeLines(
      own.data(role, "held"),
      lines.filter(({ problemId }) => isForCurves.has(problemId)),
    );
  }
  await writeJson(own.selection, report);
  return { kind: "done", changes: {} };
}

/**
 * The problems' order, then the ladder's: which search ended first is chance, and a run that was killed has to train on
 * the same data, in the same order, as one that was not.
 */
function inOrder(
  traces: readonly Trace[],
  { problems }: RunContext,
  { settings }: RunState,
): readonly Trace[] {
  if (settings.traces === "given") return traces;
  const place = new Map(problems.train.map(({ id }, index) => [id, index]));
  const placeOf = (trace: Trace): number => place.get(trace.problem.id) ?? problems.train.length;
  return traces.toSorted((a, b) => placeOf(a) - placeOf(b) || (a.id < b.id ? -1 : 1));
}

/** The selection rules of a run. */
function rulesOf({ problems }: Pick<RunContext, "problems">, { settings }: RunState): SelectionRules {
  const { selection } = settings;
  const held = new Set(problems.held.map(({ problem }) => fingerprint(problem)));
  const levels = new Map(problems.train.map(({ id, level }) => [id, level]));
  return {
    sft: { trajectories: selection.trajectories, withReasons: true },
    pairs: selection,
    agreement: selection.agreement,
    synthetic: new Set(problems.train.filter(({ synthetic }) => synthetic === true).map(({ id }) => id)),
    evaluation: evaluationProblems(),
    isHeldOut: ({ text }) => held.has(fingerprint(text)),
    policies: selection.policies === null ? null : new Set(selection.policies),
    consent: selection.consent,
    groupsOf: (id) => {
      const level = levels.get(id);
      return [groupOf(id), ...(level === undefined ? [] : [`level ${level}`])];
    },
  };
}

/** The problems whose examples only the trainer's evaluation sees: whole problems, so that nothing of them leaks. */
function curveProblems(lines: readonly { readonly problemId: string }[], state: RunState): Set<string> {
  const { selection, seed } = state.settings;
  const ids = [...new Set(lines.map(({ problemId }) => problemId))];
  if (ids.length < PROBLEMS_FOR_CURVES) return new Set();
  const order = ids
    .map((id) => ({ id, rank: hashOf(seed + 1, id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return new Set(order.slice(0, Math.floor(ids.length * selection.curveShare)).map(({ id }) => id));
}

function reasons(leftOut: readonly { readonly reason: string; readonly traces: number }[]): string {
  if (leftOut.length === 0) return "no trajectory has the right answer";
  return leftOut.map(({ reason, traces }) => `${reason}: ${traces}`).join("; ");
}
