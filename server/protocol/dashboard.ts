/** What the evolution dashboard needs beyond the evolution's own data: the list of runs, how far a stage has come, news. */
import * as z from "zod";
import { RoundReport, RunState, STAGES } from "./evolution.ts";
import { MetricsLine } from "./training.ts";

const count = z.int().nonnegative();

/** A line of the list of runs. */
export const DashboardRun = z.strictObject({
  id: z.string(),
  /** The folder's name, as the person gave it. */
  name: z.string(),
  createdAt: z.iso.datetime(),
  base: z.string(),
  /** Problems that train. */
  problems: count,
  /** Rounds finished, of those planned. */
  round: count,
  rounds: count,
  status: RunState.shape.status,
});
export type DashboardRun = z.infer<typeof DashboardRun>;

/** How far a stage of the round under way has come: problems searched or compared. */
export const StageProgress = z.strictObject({
  round: z.int().positive(),
  stage: z.enum(STAGES),
  done: count,
  total: count,
});
export type StageProgress = z.infer<typeof StageProgress>;

/** What the trainer told of one training of a run, oldest first. */
export const TrainingMetrics = z.strictObject({
  round: z.int().positive(),
  role: z.enum(["policy", "ppm"]),
  lines: z.array(MetricsLine),
});
export type TrainingMetrics = z.infer<typeof TrainingMetrics>;

/** What happened in a run, as the dashboard takes it. */
export const RunNews = z.discriminatedUnion("kind", [
  /** The state as it is now, after every change of it. */
  z.strictObject({ kind: z.literal("state"), state: RunState }),
  z.strictObject({ kind: z.literal("progress"), run: z.string(), progress: StageProgress }),
  /** New lines of a training, oldest first. */
  z.strictObject({ kind: z.literal("metrics"), run: z.string(), metrics: TrainingMetrics }),
  /** A finished round's report. */
  z.strictObject({ kind: z.literal("round"), run: z.string(), report: RoundReport }),
]);
export type RunNews = z.infer<typeof RunNews>;
