/** What the dashboard shows of the evolution's runs, and how messages change it. Pure. */
import type { DashboardRun, StageProgress, TrainingMetrics } from "../../server/protocol/dashboard.ts";
import {
  STAGES,
  type GateReport,
  type RoundReport,
  type RunState,
  type Stage,
} from "../../server/protocol/evolution.ts";
import type { ToDashboard } from "../../server/protocol/view.ts";

/** When a stage had come how far, by the view's own clock in milliseconds. */
export interface Sample {
  readonly at: number;
  readonly done: number;
}

/** One run in full. */
export interface RunView {
  readonly state: RunState;
  readonly reports: readonly RoundReport[];
  readonly metrics: readonly TrainingMetrics[];
  readonly progress: StageProgress | null;
  /** The first and the last sample of the stage under way: its speed. */
  readonly samples: readonly [Sample, Sample] | null;
  /** A stop was asked for and has not come about yet. */
  readonly stopping: boolean;
}

export interface DashboardModel {
  readonly runs: readonly DashboardRun[];
  readonly mayRun: boolean;
  readonly run: RunView | null;
  readonly notice: { readonly severity: "information" | "warning" | "error"; readonly text: string } | null;
}

export const EMPTY_DASHBOARD: DashboardModel = { runs: [], mayRun: true, run: null, notice: null };

/** The dashboard after a message. `now` is the view's clock in milliseconds. */
export function receive(model: DashboardModel, message: ToDashboard, now: number): DashboardModel {
  const { run } = model;
  switch (message.kind) {
    case "texts":
      return model;
    case "notice":
      return { ...model, notice: message.text === "" ? null : message };
    case "runs":
      return { ...model, runs: message.runs, mayRun: message.mayRun };
    case "run": {
      const { state, reports, metrics } = message;
      return {
        ...model,
        run: { state, reports, metrics, progress: null, samples: null, stopping: false },
        // What was said of another run is over.
        notice: run === null || run.state.id === state.id ? model.notice : null,
      };
    }
    case "state":
      if (run?.state.id !== message.state.id) return model;
      return {
        ...model,
        run: { ...run, state: message.state, stopping: run.stopping && message.state.status === "running" },
      };
    case "progress":
      if (run?.state.id !== message.run) return model;
      return {
        ...model,
        run: { ...run, progress: message.progress, samples: sampled(run, message.progress, now) },
      };
    case "metrics":
      if (run?.state.id !== message.run) return model;
      return { ...model, run: { ...run, metrics: appended(run.metrics, message.metrics) } };
    case "round":
      if (run?.state.id !== message.run) return model;
      return {
        ...model,
        run: {
          ...run,
          reports: [
            ...run.reports.filter(({ round }) => round !== message.report.round),
            message.report,
          ].sort((a, b) => a.round - b.round),
        },
      };
    default:
      return message satisfies never;
  }
}

/** One point of a training's curve. */
export interface Point {
  readonly round: number;
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number | null;
}

/** The curves of one model: training loss by step, and loss and accuracy on held-out examples. */
export function curvesOf(
  metrics: readonly TrainingMetrics[],
  role: "policy" | "ppm",
): { readonly train: readonly Point[]; readonly held: readonly Point[] } {
  const [train, held]: [Point[], Point[]] = [[], []];
  for (const { round, lines } of metrics.filter((one) => one.role === role))
    for (const line of lines) {
      if (line.kind === "step") train.push({ round, step: line.step, loss: line.loss, accuracy: null });
      if (line.kind === "evaluation")
        held.push({ round, step: line.step, loss: line.loss, accuracy: line.accuracy });
    }
  return { train, held };
}

/** A share with its 95% interval (Wilson's, which holds for small numbers too). */
export interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** `right` of `all` as a share. */
export function shareOf(right: number, all: number): Share {
  if (all === 0) return { share: 0, low: 0, high: 1 };
  const z = 1.96;
  const p = right / all;
  const middle = (p + (z * z) / (2 * all)) / (1 + (z * z) / all);
  const half = (z / (1 + (z * z) / all)) * Math.sqrt((p * (1 - p)) / all + (z * z) / (4 * all * all));
  return { share: p, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** What a gate measured on held-out problems: the new model, and the one there was. */
export function gateShares(gate: GateReport): { readonly challenger: Share; readonly incumbent: Share } {
  return {
    challenger: shareOf(gate.both + gate.challengerOnly, gate.problems),
    incumbent: shareOf(gate.both + gate.incumbentOnly, gate.problems),
  };
}

/** What the training under way said last, where that is words: what is being installed, loaded, tried. */
export function activityOf({ metrics, state }: RunView): string | null {
  const line = metrics.findLast(({ round }) => round === state.round)?.lines.at(-1);
  return state.status === "running" && line?.kind === "stage" ? line.message : null;
}

/** How far the stage under way has come, for a bar and a sentence. */
export interface Standing {
  readonly stage: Stage;
  readonly done: number;
  readonly total: number;
  readonly unit: "problems" | "steps";
  /** Null until there is something to estimate from. */
  readonly secondsLeft: number | null;
}

/** Where the stage stands; null where it cannot be said (between two stages, or while data are selected). */
export function standingOf(run: RunView): Standing | null {
  const { state, progress, samples } = run;
  if (state.stage === "train-policy" || state.stage === "train-ppm") {
    const role = state.stage === "train-policy" ? "policy" : "ppm";
    const lines = run.metrics.findLast((one) => one.round === state.round && one.role === role)?.lines;
    const step = lines?.findLast((line) => line.kind === "step");
    if (step === undefined) return null;
    return {
      stage: state.stage,
      done: step.step,
      total: step.steps,
      unit: "steps",
      secondsLeft: step.secondsLeft,
    };
  }
  if (progress?.stage !== state.stage || progress.round !== state.round) return null;
  const [first, last] = samples ?? [];
  const gained = (last?.done ?? 0) - (first?.done ?? 0);
  const perProblem = gained > 0 ? ((last?.at ?? 0) - (first?.at ?? 0)) / gained : null;
  return {
    stage: state.stage,
    done: progress.done,
    total: progress.total,
    unit: "problems",
    secondsLeft: perProblem === null ? null : (perProblem * (progress.total - progress.done)) / 1000,
  };
}

/**
 * Seconds until the whole run ends, from what the finished rounds took on average; null before the first has ended. The
 * stage under way counts with its own estimate where that is longer.
 */
export function secondsLeft(run: RunView): number | null {
  const { state, reports } = run;
  if (reports.length === 0 || state.status !== "running") return null;
  const mean = (of: (report: RoundReport) => number): number =>
    reports.reduce((sum, report) => sum + of(report), 0) / reports.length;
  const usual = (stages: readonly Stage[]): number =>
    stages.reduce((sum, stage) => sum + mean((report) => secondsOf(stage, report)), 0);
  const roundsAfter = Math.max(0, state.settings.rounds.length - state.round);
  const here = Math.max(standingOf(run)?.secondsLeft ?? 0, usual([state.stage]));
  return here + usual(STAGES.slice(STAGES.indexOf(state.stage) + 1)) + roundsAfter * usual(STAGES);
}

/** What a stage took in a round: policy and PPM are added up there, and count the same here. */
function secondsOf(stage: Stage, { seconds }: RoundReport): number {
  switch (stage) {
    case "search":
      return seconds.search;
    case "select":
      return 0;
    case "train-policy":
    case "train-ppm":
      return seconds.training / 2;
    case "gate-policy":
    case "gate-ppm":
      return seconds.gate / 2;
    default:
      return stage satisfies never;
  }
}

function sampled(run: RunView, progress: StageProgress, now: number): readonly [Sample, Sample] {
  const sample = { at: now, done: progress.done };
  const isSame = run.progress?.stage === progress.stage && run.progress.round === progress.round;
  return isSame && run.samples !== null ? [run.samples[0], sample] : [sample, sample];
}

function appended(
  all: readonly TrainingMetrics[],
  { round, role, lines }: TrainingMetrics,
): TrainingMetrics[] {
  const known = all.find((one) => one.round === round && one.role === role);
  const rest = all.filter((one) => one !== known);
  return [...rest, { round, role, lines: [...(known?.lines ?? []), ...lines] }];
}
