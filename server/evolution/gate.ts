/**
 * The gate: a new adapter is adopted only if it does better on held-out problems than what is in use, in a paired
 * comparison by McNemar's exact test, one-sided: the level is the chance that one no better is adopted. A policy is
 * compared alone (greedy); a PPM by how well it weighs the very same trajectories of the same policy.
 */
import * as z from "zod";
import { eachLine, openLines } from "../json-lines.ts";
import { mcNemarExact, pairedCounts } from "../evaluation/statistics.ts";
import { chooseAdapter, describeNoLineage, inUse, readLineage, setGate } from "../models/adapters.ts";
import type { GateReport, RunState, Stage } from "../protocol/evolution.ts";
import { profile, type SearchConfig } from "../search/config.ts";
import { createTraceStore } from "../traces/store.ts";
import { sideBySide } from "../turns.ts";
import type { RunContext, SearchModels, StageEnd } from "./context.ts";
import type { TrainingProblem } from "./problems.ts";
import { replaying, type DrawnCandidates } from "../search/replay.ts";
import { searchOnce } from "./search-once.ts";

type Role = "policy" | "ppm";

/** One held-out problem tried by one set of models: a line of `held-out.jsonl`. */
const Attempt = z.strictObject({
  policy: z.string(),
  ppm: z.string().nullable(),
  strategy: z.string(),
  budget: z.int(),
  seed: z.int(),
  problemId: z.string(),
  right: z.boolean(),
  generatedTokens: z.int(),
});
type Attempt = z.infer<typeof Attempt>;

/** How the held-out problems are tried. */
function gateConfig(role: Role, state: RunState): SearchConfig {
  const base = { ...profile("default"), seed: state.settings.seed, settleConfidence: 1 };
  if (role === "policy") return { ...base, strategy: "greedy" };
  return { ...base, strategy: "self-consistency", candidates: 8, budgetTokens: state.settings.gateTokens };
}

/** The verdict on results that belong together by position. Without more of the discordant problems nothing is adopted. */
export function verdict(
  challenger: readonly boolean[],
  incumbent: readonly boolean[],
  level: number,
): Pick<GateReport, "both" | "challengerOnly" | "incumbentOnly" | "neither" | "pValue" | "adopted" | "why"> {
  const counts = pairedCounts(challenger, incumbent);
  const { both, onlyFirst, onlySecond, neither } = counts;
  const pValue = mcNemarExact(counts, "first");
  const adopted = onlyFirst > onlySecond && pValue <= level;
  const n = challenger.length;
  const score = `${both + onlyFirst} of ${n} held-out problems against ${both + onlySecond}, p = ${pValue.toFixed(3)}`;
  const why =
    n === 0
      ? "kept aside: there are no held-out problems to compare on"
      : adopted
        ? `adopted: ${score}`
        : onlyFirst > onlySecond
          ? `kept aside: ${score}, above the level ${level}; more held-out problems could tell`
          : `kept aside: ${score}, not better`;
  return { both, challengerOnly: onlyFirst, incumbentOnly: onlySecond, neither, pValue, adopted, why };
}

/** Compares the round's new adapter of a role with what is in use, and adopts it if it is better. */
export async function gateStage(context: RunContext, state: RunState, role: Role): Promise<StageEnd> {
  const { services, signal, problems } = context;
  const trained = role === "policy" ? state.policy : state.ppm;
  if (trained?.kind !== "adapter") return { kind: "done", changes: {} };
  const incumbent = await incumbentOf(services.home, role, trained.adapter, state.adopted[role]);
  const policy = state.adopted.policy ?? state.settings.base;
  const sides: Record<"challenger" | "incumbent", SearchModels> =
    role === "policy"
      ? {
          challenger: { policy: trained.adapter, ppm: null },
          incumbent: { policy: incumbent ?? state.settings.base, ppm: null },
        }
      : { challenger: { policy, ppm: trained.adapter }, incumbent: { policy, ppm: incumbent } };
  const results: Record<string, readonly boolean[]> = {};
  const drawn: DrawnCandidates = new Map();
  for (const [name, models] of Object.entries(sides)) {
    // The incumbent weighs the very same trajectories: one side's searches say all there is.
    const isKept = role === "ppm" && name === "challenger";
    const tried = await tryHeldOut(context, state, role, models, drawn, isKept);
    if (tried.kind !== "results") return tried;
    results[name] = tried.right;
  }
  const report: GateReport = {
    role,
    challenger: trained.adapter,
    incumbent,
    problems: problems.held.length,
    strategy: gateConfig(role, state).strategy,
    level: state.settings.gateLevel,
    ...verdict(results["challenger"] ?? [], results["incumbent"] ?? [], state.settings.gateLevel),
  };
  const noted = await setGate(services.home, trained.adapter, report, signal);
  if (noted.kind !== "lineage") return { kind: "failed", message: describeNoLineage(noted) };
  if (report.adopted) {
    const entry = noted.lineage.entries.find(({ id }) => id === trained.adapter);
    const chosen = await chooseAdapter(
      services.home,
      { role, baseSha256: entry?.base.sha256 ?? "", adapter: trained.adapter },
      `gate of ${state.id}, round ${state.round}`,
      services.now().toISOString(),
      signal,
    );
    if (chosen.kind !== "lineage") return { kind: "failed", message: describeNoLineage(chosen) };
  }
  return {
    kind: "done",
    changes: {
      ...(role === "policy" ? { policyGate: report } : { ppmGate: report }),
      adopted: { ...state.adopted, [role]: report.adopted ? trained.adapter : incumbent },
    },
  };
}

/**
 * What the newcomer would take the place of: what is in use now, which another run or a person may have chosen since this
 * one began; where nobody chose anything, what was in use then.
 */
async function incumbentOf(
  home: string,
  role: Role,
  challenger: string,
  before: string | null,
): Promise<string | null> {
  const reading = await readLineage(home);
  if (reading.kind !== "lineage") return before;
  const base = reading.lineage.entries.find(({ id }) => id === challenger)?.base;
  const used = base === undefined ? undefined : inUse(reading.lineage, role, base.sha256);
  // The newcomer itself, where this was killed after it was chosen and before that was written down.
  return used === undefined || used === challenger ? before : used;
}

type Tried =
  { readonly kind: "results"; readonly right: readonly boolean[] } | Exclude<StageEnd, { kind: "done" }>;

/** Which held-out problems the models get right. What was tried before, in this round or another, is not tried again. */
async function tryHeldOut(
  context: RunContext,
  state: RunState,
  role: Role,
  models: SearchModels,
  drawn: DrawnCandidates,
  isKept: boolean,
): Promise<Tried> {
  const { folder, problems, services, signal, emit } = context;
  const stage: Stage = role === "policy" ? "gate-policy" : "gate-ppm";
  const config = gateConfig(role, state);
  const key = {
    policy: models.policy,
    ppm: models.ppm,
    strategy: config.strategy,
    budget: config.budgetTokens,
    seed: config.seed,
  };
  const known = new Map<string, boolean>();
  // One torn by a kill is tried again.
  for await (const { record: attempt } of eachLine(folder.heldOut, Attempt))
    if (
      attempt !== null &&
      Object.entries(key).every(([name, value]) => attempt[name as keyof Attempt] === value)
    )
      known.set(attempt.problemId, attempt.right);
  const missing = problems.held.filter(({ id }) => !known.has(id));
  if (missing.length > 0) {
    const open = await services.openSearch(models, state.settings.concurrency, signal);
    if (open.kind === "failed") return open;
    // Both sides of a PPM's comparison have the same policy; those of a policy's share nothing.
    const search =
      role === "ppm" ? { ...open.services, policy: replaying(open.services.policy, drawn) } : open.services;
    const kept = isKept ? createTraceStore(folder.round(state.round).heldOutTraces) : null;
    const trouble: string[] = [];
    const attempts = await openLines(folder.heldOut, Attempt);
    const halt = new AbortController();
    const all = AbortSignal.any([signal, halt.signal]);
    const tryOne = async (problem: TrainingProblem): Promise<void> => {
      const { trace, isTooLong } = await searchOnce(problem, config, search, problem.id, services.now(), all);
      if (trace.stop === "cancelled") return;
      if (trace.stop === "failed" && !isTooLong) {
        // What fails while the run is being stopped is tried again.
        if (!signal.aborted) trouble.push(trace.failure ?? "");
        halt.abort();
        return;
      }
      if (isTooLong)
        emit({ kind: "note", message: `${problem.id} counts as not right: ${trace.failure ?? ""}` });
      else await kept?.append(trace);
      const right = trace.chosen !== null && trace.nodes[trace.chosen]?.graded === "equal";
      const attempt: Attempt = {
        ...key,
        problemId: problem.id,
        right,
        generatedTokens: trace.cost.generatedTokens,
      };
      await attempts.append(attempt);
      known.set(problem.id, right);
      emit({ kind: "progress", round: state.round, stage, done: known.size, total: problems.held.length });
    };
    try {
      await sideBySide(missing, state.settings.concurrency, all, tryOne);
    } finally {
      await attempts.close();
      await open.dispose();
    }
    if (trouble[0] !== undefined)
      return {
        kind: "failed",
        message: `The comparison on held-out problems could not go on: ${trouble[0]} What was tried is kept; resume the run to go on.`,
      };
    if (signal.aborted) return { kind: "stopped" };
  }
  return { kind: "results", right: problems.held.map(({ id }) => known.get(id) === true) };
}
