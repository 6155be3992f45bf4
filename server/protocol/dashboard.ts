/** What the evolution dashboard shows of a run: points of the training curves, reports by round, where it stands. */
import { z } from "zod";

const count = z.int().nonnegative();
const share = z.number().min(0).max(1);

/** A part of a round, in the order in which they come. */
export const RUN_PHASES = [
  "search",
  "select",
  "train-policy",
  "train-ppm",
  "export",
  "gate",
  "evaluate",
] as const;

/** Where a run stands. */
export const RunStatus = z.strictObject({
  state: z.enum(["running", "stopping", "stopped", "done", "failed"]),
  /** 1-based; 0 before the first. */
  round: count,
  rounds: count,
  phase: z.enum(RUN_PHASES).nullable(),
  /** Of the phase: problems searched, steps trained. Null where it cannot be said. */
  progress: z
    .strictObject({ done: count, total: count, unit: z.enum(["problems", "steps", "parts"]) })
    .nullable(),
  /** Estimates in seconds; null until there is something to estimate from. */
  secondsLeftInPhase: z.number().nonnegative().nullable(),
  secondsLeft: z.number().nonnegative().nullable(),
  /** What happened, for a person: why it failed, what it waits for. */
  message: z.string().nullable(),
});
export type RunStatus = z.infer<typeof RunStatus>;

/** A line of the list of runs. */
export const DashboardRun = z.strictObject({
  id: z.string(),
  name: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  baseModel: z.string(),
  problems: count,
  status: RunStatus,
  /** The newest round's share of right answers on the run's evaluation, where there is one. */
  accuracy: share.nullable(),
});
export type DashboardRun = z.infer<typeof DashboardRun>;

/** One point of a training curve. */
export const MetricsPoint = z.strictObject({
  round: count,
  model: z.enum(["policy", "ppm"]),
  /** `evaluation` is on held-out examples. */
  split: z.enum(["train", "evaluation"]),
  /** Optimiser steps done, and to be done in all. */
  step: count,
  steps: count,
  /** Mean loss (natural logarithm). Null when it was not a number, which ends a run. */
  loss: z.number().nullable(),
  /** PPM: share of held-out pairs ranked rightly. */
  pairAccuracy: share.nullable(),
  learningRate: z.number().nonnegative().nullable(),
  tokensPerSecond: z.number().nonnegative().nullable(),
  /** Seconds since this training began. */
  seconds: z.number().nonnegative(),
});
export type MetricsPoint = z.infer<typeof MetricsPoint>;

/** Solved problems of one class (rStar-Math, Table 2). */
export const Coverage = z.strictObject({
  /** `easy`, `medium`, `hard`, a data set's name, or `all`. */
  name: z.string(),
  problems: count,
  /** Solved by at least one trajectory. */
  solved: count,
});

/** Right answers on one evaluation set (Tables 3, 4 and 6), with a 95% interval. */
export const Accuracy = z.strictObject({
  /** The set's name. */
  set: z.string(),
  /** What was run: the policy alone, the search without and with PPM, majority vote. */
  setting: z.string(),
  problems: count,
  right: count,
  low: share,
  high: share,
});

/** Whether a model trained in a round was adopted, and why or why not. */
export const GateReport = z.strictObject({
  model: z.enum(["policy", "ppm"]),
  name: z.string(),
  verdict: z.enum(["adopted", "kept-aside", "failed"]),
  reason: z.string(),
});

/** What one round came to. */
export const RoundReport = z.strictObject({
  /** 1-based; 0 is the base model before any round. */
  round: count,
  coverage: z.array(Coverage),
  accuracy: z.array(Accuracy),
  gates: z.array(GateReport),
  /** Examples and pairs selected for training. */
  examples: count,
  pairs: count,
  generatedTokens: count,
  seconds: z.number().nonnegative(),
});
export type RoundReport = z.infer<typeof RoundReport>;
