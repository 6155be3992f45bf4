/**
 * The searches of a round: every training problem, side by side, with the given answers deciding which lines are right
 * (terminal-guided, from round 3 with the score of the PPM in use as a prior); what stays unsolved climbs the ladder of budgets.
 */
import type { EvolutionSettings, RoundPlan, RunState } from "../protocol/evolution.ts";
import type { Trace } from "../protocol/trace.ts";
import { profile, type SearchConfig } from "../search/config.ts";
import { hash32 } from "../search/seed.ts";
import { createTraceStore } from "../traces/store.ts";
import { sideBySide } from "../turns.ts";
import { searchModels, type RunContext, type StageEnd } from "./context.ts";
import type { TrainingProblem } from "./problems.ts";
import { searchOnce } from "./search-once.ts";

/** With so many searches failed one after the other it is not the problems. */
const FAILURES_IN_A_ROW = 5;

/** Budgets of a round's searches of one problem, in trajectories, in order. */
function rungsOf(plan: RoundPlan): readonly number[] {
  return [plan.rollouts, ...plan.ladder];
}

/** A search for collecting training data; every rung has its own seed. */
function collectingConfig(
  settings: EvolutionSettings,
  plan: RoundPlan,
  round: number,
  rung: number,
): SearchConfig {
  const trajectories = rungsOf(plan)[rung] ?? plan.rollouts;
  const base = profile(settings.searchProfile);
  return {
    ...base,
    strategy: "mcts",
    annotation: "reference",
    // A vote that is settled says nothing about how often the policy is right.
    settleConfidence: 1,
    candidates: plan.candidates,
    // A rollout by continuation draws all its candidates to the end.
    rollouts: base.rollout === "continuation" ? Math.ceil(trajectories / plan.candidates) : trajectories,
    budgetTokens: trajectories * settings.tokensPerRollout,
    seed: hash32(`${settings.seed}|round ${round}|rung ${rung}`),
  };
}

/** The name of a search: the same after a kill, so that what is stored is not searched again. */
export function traceIdOf(runId: string, round: number, rung: number, problemId: string): string {
  return `${runId}-r${round}-${rung}-${problemId}`;
}

/** Whether a trajectory of the search has the given answer. */
export function isSolved(trace: Trace): boolean {
  return trace.nodes.some(({ graded }) => graded === "equal");
}

/** Searches what is not searched yet. A stop or a kill loses the searches under way and nothing else. */
export async function searchStage(context: RunContext, state: RunState): Promise<StageEnd> {
  const { folder, problems, services, signal, emit } = context;
  const { settings, round } = state;
  const plan = settings.rounds[round - 1];
  if (plan === undefined) throw new Error(`round ${round} has no plan`);
  const store = createTraceStore(folder.round(round).traces);
  const stored = await store.read(recordOf);
  for (const { line, reason } of stored.bad)
    emit({ kind: "note", message: `${folder.round(round).traces}:${line}: ${reason}` });
  const solved = new Map(stored.traces.map((search) => [search.id, search.isSolved]));

  const models = searchModels(state);
  if (plan.annotation === "ppm-augmented" && models.ppm === null)
    emit({
      kind: "note",
      message: `Round ${round} searches without a PPM, by the given answers alone: no PPM that was trained so far passed the comparison.`,
    });
  const open = await services.openSearch(models, settings.concurrency, signal);
  if (open.kind === "failed") return open;
  let done = 0;
  let failures = 0;
  let failure = "";
  const halt = new AbortController();
  const all = AbortSignal.any([signal, halt.signal]);
  const searchProblem = async (problem: TrainingProblem): Promise<void> => {
    for (const rung of rungsOf(plan).keys()) {
      const id = traceIdOf(state.id, round, rung, problem.id);
      const known = solved.get(id);
      if (known === true) break;
      if (known === false) continue;
      const config = collectingConfig(settings, plan, round, rung);
      const { trace, isTooLong } = await searchOnce(problem, config, open.services, id, services.now(), all);
      if (trace.stop === "cancelled") return;
      if (trace.stop === "failed") {
        emit({ kind: "note", message: `${problem.id} was left out: ${trace.failure ?? ""}` });
        if (isTooLong) break;
        failures++;
        failure = trace.failure ?? "";
        if (failures >= FAILURES_IN_A_ROW) halt.abort();
        return;
      }
      failures = 0;
      await store.append(trace);
      if (isSolved(trace)) break;
    }
    emit({ kind: "progress", round, stage: "search", done: ++done, total: problems.train.length });
  };
  try {
    await sideBySide(problems.train, settings.concurrency, all, searchProblem);
  } finally {
    await open.dispose();
  }
  if (halt.signal.aborted)
    return {
      kind: "failed",
      message: `${failures} searches failed one after the other, the last with: ${failure} What was searched is kept; resuming the run searches only what is missing.`,
    };
  return signal.aborted ? { kind: "stopped" } : { kind: "done", changes: {} };
}

/** What the round's report says of a search. */
export interface SearchRecord {
  readonly id: string;
  readonly problemId: string;
  readonly isSolved: boolean;
  readonly generatedTokens: number;
}

/** What is reported of a stored search. */
export function recordOf(trace: Trace): SearchRecord {
  const { id, problem, cost } = trace;
  return {
    id,
    problemId: problem.id,
    isSolved: isSolved(trace),
    generatedTokens: cost.generatedTokens,
  };
}

/** How the ladder went: searches and first solutions by rung. */
export function rungsReport(
  runId: string,
  round: number,
  plan: RoundPlan,
  searches: readonly SearchRecord[],
): { rollouts: number; searched: number; solved: number }[] {
  return rungsOf(plan).map((rollouts, rung) => {
    const own = searches.filter(({ id, problemId }) => id === traceIdOf(runId, round, rung, problemId));
    return { rollouts, searched: own.length, solved: own.filter((search) => search.isSolved).length };
  });
}
