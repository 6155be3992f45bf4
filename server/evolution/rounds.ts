/**
 * Self-evolution round by round (rStar-Math section 3.4.2): search, select, train and compare the policy, train and
 * compare the PPM; then again with what was adopted. Every stage writes what it did as it goes, and the state at every
 * boundary, so a kill loses at most the problems under way.
 */
import {
  EVOLUTION_VERSION,
  STAGES,
  type EvolutionSettings,
  type RoundPlan,
  type RoundReport,
  type RunState,
  type Stage,
  type TrainingProfile,
} from "../protocol/evolution.ts";
import type { EvolutionEvent } from "../protocol/run-output.ts";
import type { Trace } from "../protocol/trace.ts";
import { LockLost, tryWithLock } from "../lock.ts";
import { writeFailure } from "../models/write-failure.ts";
import { describeFailure } from "../models/outcomes.ts";
import { createTraceStore } from "../traces/store.ts";
import { searchModels, type EvolutionServices, type RunContext, type StageEnd } from "./context.ts";
import { earlierSearches } from "./earlier.ts";
import { gateStage } from "./gate.ts";
import { problemsHash, split, type TrainingProblem } from "./problems.ts";
import {
  readProblems,
  readReports,
  readResult,
  readSelection,
  readState,
  runFolder,
  writeJson,
  writeLines,
  type RunFolder,
} from "./run-folder.ts";
import { runsFolder } from "./runs.ts";
import { recordOf, rungsReport, searchStage } from "./search-stage.ts";
import { selectStage } from "./select-stage.ts";
import { jobOf, trainStage } from "./train-stage.ts";

/** What a run led to. Whatever it is, what was done so far is in the folder. */
export type EvolutionOutcome =
  | { readonly kind: "finished"; readonly state: RunState; readonly reports: readonly RoundReport[] }
  | { readonly kind: "stopped"; readonly state: RunState }
  | { readonly kind: "failed"; readonly message: string };

/** A new run in a folder, or why it cannot begin there. */
export type Beginning =
  | { readonly kind: "begun"; readonly state: RunState }
  | { readonly kind: "failed"; readonly message: string };

/** What a new run is made of. */
export interface NewRun {
  readonly id: string;
  readonly settings: EvolutionSettings;
  readonly problems: readonly TrainingProblem[];
  /** What begins it in a terminal. */
  readonly command?: string;
  /** The traces to train on, where the settings say that they are given; else earlier searches of some of the problems. */
  readonly traces?: readonly Trace[];
  /** What is in use on the base, which the first adapters have to beat: ids; null (the default) is the base, or no PPM. */
  readonly inUse?: RunState["adopted"];
}

/** Writes the problems, the given traces and the first state. The folder must hold no run. */
export async function beginRun(
  root: string,
  { id, settings, problems, traces, command, inUse }: NewRun,
  now: Date,
): Promise<Beginning> {
  const folder = runFolder(root);
  const existing = await readState(folder);
  if (existing.kind !== "absent")
    return {
      kind: "failed",
      message: `${root} holds a run already. Resume it, or name another folder; nothing was changed.`,
    };
  const { train, held } = split(problems, settings.heldOutShare);
  const at = now.toISOString();
  const state: RunState = {
    version: EVOLUTION_VERSION,
    id,
    createdAt: at,
    updatedAt: at,
    settings,
    ...(command === undefined ? {} : { command }),
    problems: { sha256: problemsHash(problems), train: train.length, held: held.length },
    round: 1,
    // Given traces are the first round's search.
    stage: settings.traces === "given" ? "select" : "search",
    roundStartedAt: at,
    seconds: {},
    ...NOTHING_TRAINED,
    adopted: inUse ?? { policy: null, ppm: null },
    status: "running",
    failure: null,
  };
  await writeJson(folder.problems, { train, held });
  if (traces !== undefined)
    await writeLines(
      folder.round(1).traces,
      settings.traces === "given" ? traces : earlierSearches(id, traces, train),
    );
  // Last, because a folder with a state is a run.
  await writeJson(folder.state, state);
  return { kind: "begun", state };
}

const NOTHING_TRAINED = { policy: null, ppm: null, policyGate: null, ppmGate: null } as const;

/** What is to be different when a run goes on. */
export interface Continuation {
  /**
   * The rounds that a run of this profile is to have in the end: what they have beyond its own is added, and its own stay
   * as they are.
   */
  readonly rounds?: (profile: TrainingProfile) => readonly RoundPlan[];
  /** Leaves unsearched what is not searched yet in the round under way, and trains on what there is. */
  readonly trainNow?: boolean;
  /** Examples computed at once, where memory ran out; what is learnt does not depend on it. */
  readonly microBatchSize?: number;
}

/** Why nothing is begun beside a run. */
export const RUNNING_ELSEWHERE =
  "Another fine-tuning or evolution is running with this data folder. Wait for it or stop it, then try again; nothing was changed.";

/** Goes on with the run in a folder, from wherever it stands, to its end, a stop or a failure. */
export async function continueRun(
  root: string,
  services: EvolutionServices,
  signal: AbortSignal,
  emit: (event: EvolutionEvent) => void = () => undefined,
  continuation: Continuation = {},
): Promise<EvolutionOutcome> {
  const folder = runFolder(root);
  const [state, problems] = [await readState(folder), await readProblems(folder)];
  if (state.kind === "absent" || problems.kind === "absent")
    return { kind: "failed", message: `${root} holds no run to go on with; begin a new one.` };
  if (state.kind === "bad") return { kind: "failed", message: state.message };
  if (problems.kind === "bad") return { kind: "failed", message: problems.message };
  try {
    const attempt = await tryWithLock(runsFolder(services.home), signal, (own) =>
      run(
        { folder, problems: problems.value, services, signal: own, emit },
        changed(state.value, continuation),
      ),
    );
    if (attempt.kind === "done") return attempt.value;
    return {
      kind: "failed",
      message: RUNNING_ELSEWHERE,
    };
  } catch (error) {
    if (signal.aborted || error instanceof LockLost) return { kind: "stopped", state: state.value };
    const failure = writeFailure(error, root, 0);
    if (failure === null) throw error;
    return {
      kind: "failed",
      message:
        failure.kind === "disk-full"
          ? `The disk of ${root} is full. Everything up to the problem under way is kept; free some space and resume the run.`
          : describeFailure(failure),
    };
  }
}

/** The run with the rounds that it does not have yet, with its search at an end, and with smaller batches, if wanted. */
function changed(state: RunState, { rounds, trainNow, microBatchSize }: Continuation): RunState {
  const { settings } = state;
  const all = rounds?.(settings.profile) ?? [];
  const smaller = microBatchSize === undefined ? {} : { microBatchSize };
  return {
    ...state,
    stage: trainNow === true && state.stage === "search" ? "select" : state.stage,
    settings: {
      ...settings,
      rounds: [...settings.rounds, ...all.slice(settings.rounds.length)],
      policyTraining: { ...settings.policyTraining, ...smaller },
      ppmTraining: { ...settings.ppmTraining, ...smaller },
    },
  };
}

async function run(context: RunContext, begun: RunState): Promise<EvolutionOutcome> {
  const { folder, services, signal, emit } = context;
  let state: RunState = { ...begun, status: "running", failure: null };
  // A kill must find what the run was told to do, and that it is this one that runs.
  await save(folder, state, services.now());
  const refusal = await prepare(context, state);
  if (refusal !== null) return await halt(context, state, refusal);
  while (state.round <= state.settings.rounds.length) {
    emit({ kind: "stage", round: state.round, stage: state.stage });
    const started = services.now().getTime();
    const end = await runStage(context, state);
    const seconds = (state.seconds[state.stage] ?? 0) + (services.now().getTime() - started) / 1000;
    state = { ...state, seconds: { ...state.seconds, [state.stage]: seconds } };
    if (end.kind !== "done") return await halt(context, state, end);
    state = { ...state, ...end.changes };
    state = await advance(context, state);
    await save(folder, state, services.now());
  }
  signal.throwIfAborted();
  state = { ...state, status: "finished" };
  await save(folder, state, services.now());
  return { kind: "finished", state, reports: await readReports(folder) };
}

/** Whether training can work at all is asked before the first search, not after hours of it. */
async function prepare(
  context: RunContext,
  state: RunState,
): Promise<Exclude<StageEnd, { kind: "done" }> | null> {
  const { services, signal, emit } = context;
  if (state.round > state.settings.rounds.length) return null;
  // A chain that led to an adapter once needs no trial.
  if ((await readResult(context.folder.round(1), "policy")).kind === "read") return null;
  try {
    const base = await services.resolveBase(state.settings.base, signal);
    if (base.kind === "failed") return base;
    const job = jobOf(context, state, "policy", base, null);
    const preparation = await services.trainer.prepare(job, signal, (line) =>
      emit({ kind: "metrics", round: state.round, role: "policy", line }),
    );
    return preparation.kind === "ready" ? null : { kind: "failed", message: preparation.message };
  } catch (error) {
    if (signal.aborted) return { kind: "stopped" };
    throw error;
  }
}

async function runStage(context: RunContext, state: RunState): Promise<StageEnd> {
  try {
    switch (state.stage) {
      case "search":
        return await searchStage(context, state);
      case "select":
        return await selectStage(context, state);
      case "train-policy":
        return await trainStage(context, state, "policy");
      case "gate-policy":
        return await gateStage(context, state, "policy");
      case "train-ppm":
        return await trainStage(context, state, "ppm");
      case "gate-ppm":
        return await gateStage(context, state, "ppm");
      default:
        return state.stage satisfies never;
    }
  } catch (error) {
    if (context.signal.aborted) return { kind: "stopped" };
    throw error;
  }
}

/** The next stage; after the last one the round's report and the next round. */
async function advance(context: RunContext, state: RunState): Promise<RunState> {
  const next = STAGES[STAGES.indexOf(state.stage) + 1];
  if (next !== undefined) return { ...state, stage: next };
  const report = await reportOf(context, state);
  await writeJson(context.folder.round(state.round).report, report);
  context.emit({ kind: "round", report });
  return {
    ...state,
    round: state.round + 1,
    stage: "search",
    roundStartedAt: context.services.now().toISOString(),
    seconds: {},
    ...NOTHING_TRAINED,
  };
}

async function halt(
  { folder, services }: RunContext,
  state: RunState,
  end: Exclude<StageEnd, { kind: "done" }>,
): Promise<EvolutionOutcome> {
  const failure = end.kind === "failed" ? end.message : null;
  const stage = end.kind === "failed" ? (end.goOnAt ?? state.stage) : state.stage;
  const halted: RunState = { ...state, stage, status: end.kind, failure };
  await save(folder, halted, services.now());
  return end.kind === "failed"
    ? { kind: "failed", message: end.message }
    : { kind: "stopped", state: halted };
}

async function save(folder: RunFolder, state: RunState, now: Date): Promise<void> {
  await writeJson(folder.state, { ...state, updatedAt: now.toISOString() });
}

async function reportOf(context: RunContext, state: RunState): Promise<RoundReport> {
  const own = context.folder.round(state.round);
  const plan = state.settings.rounds[state.round - 1];
  const selection = await readSelection(own);
  if (plan === undefined || selection.kind !== "read" || state.policy === null || state.ppm === null)
    throw new Error(`round ${state.round} ended without all its stages`);
  const { traces: searches } = await createTraceStore(own.traces).read(recordOf);
  const sum = (stages: readonly Stage[]): number =>
    stages.reduce((seconds, stage) => seconds + (state.seconds[stage] ?? 0), 0);
  return {
    version: EVOLUTION_VERSION,
    round: state.round,
    startedAt: state.roundStartedAt,
    endedAt: context.services.now().toISOString(),
    plan,
    searchedBy: searchedBy(state),
    problems: new Set(searches.map(({ problemId }) => problemId)).size,
    rungs: state.settings.traces === "given" ? [] : rungsReport(state.id, state.round, plan, searches),
    generatedTokens: searches.reduce((tokens, search) => tokens + search.generatedTokens, 0),
    selection: selection.value,
    policy: state.policy,
    ppm: state.ppm,
    policyGate: state.policyGate,
    ppmGate: state.ppmGate,
    seconds: {
      search: sum(["search", "select"]),
      training: sum(["train-policy", "train-ppm"]),
      gate: sum(["gate-policy", "gate-ppm"]),
    },
  };
}

/** Who searched: the models at the round's beginning, so what was adopted within it is not among them. */
function searchedBy(state: RunState): RoundReport["searchedBy"] {
  const before = {
    policy: state.policyGate?.adopted === true ? state.policyGate.incumbent : state.adopted.policy,
    ppm: state.ppmGate?.adopted === true ? state.ppmGate.incumbent : state.adopted.ppm,
  };
  return searchModels({ ...state, adopted: before });
}
