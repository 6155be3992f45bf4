/**
 * What `rstar finetune --json` and `rstar evolve --json` write, one object a line, and how a program that started them
 * asks them to stop. A leaf.
 */
import * as z from "zod";
import { StageProgress } from "./dashboard.ts";
import { RoundReport, STAGES } from "./evolution.ts";
import { MetricsLine } from "./training.ts";

const round = z.int().positive();

/** What a run tells while it goes on. */
export const EvolutionEvent = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("stage"), round, stage: z.enum(STAGES) }),
  /** Problems searched or compared, of how many. */
  z.strictObject({ kind: z.literal("progress"), ...StageProgress.shape }),
  z.strictObject({ kind: z.literal("metrics"), round, role: z.enum(["policy", "ppm"]), line: MetricsLine }),
  z.strictObject({ kind: z.literal("round"), report: RoundReport }),
  /** Something a person should know, in a sentence. */
  z.strictObject({ kind: z.literal("note"), message: z.string() }),
]);
export type EvolutionEvent = z.infer<typeof EvolutionEvent>;

/** Why nothing was begun, where a person can change it. */
export const REFUSALS = ["not-agreed", "no-traces", "none-allowed", "other-model"] as const;
export type Refusal = (typeof REFUSALS)[number];

/** A line of the output: first the run, then its events, last how it ended. Without a run there is only the last. */
export const RunLine = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("run"), folder: z.string() }),
  ...EvolutionEvent.options,
  z.strictObject({
    kind: z.literal("end"),
    outcome: z.enum(["finished", "stopped", "failed"]),
    message: z.string(),
    refusal: z.enum(REFUSALS).optional(),
  }),
]);
export type RunLine = z.infer<typeof RunLine>;

/**
 * Sent over Node's channel between parent and child, it stops a command as Ctrl-C does; so does the channel's end. A
 * signal would end a process on Windows at once.
 */
export const STOP_MESSAGE = "stop";
