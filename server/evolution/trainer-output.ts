/** What the trainer's Python program says: metrics while it runs, and a result as its last line. */
import * as z from "zod";
import { jsonOf } from "../json.ts";
import { namesOn } from "../protocol/surface.ts";
import { MetricsLine, TRAINING_FAILURES } from "../protocol/training.ts";
import { Reference } from "./parity.ts";
import { lastLines } from "../models/last-lines.ts";
import type { ProgramEnd } from "../models/program.ts";

const Held = z.object({ loss: z.number(), accuracy: z.number() });

/** The last line of the Python program's output. */
const ProgramResult = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("trained"),
    adapter: z.string(),
    base: z.string(),
    step: z.int(),
    loss: z.number().nullable(),
    held: Held.nullable(),
    seconds: z.number(),
  }),
  z.object({ outcome: z.literal("stopped"), step: z.int(), checkpoint: z.string().nullable() }),
  z.object({ outcome: z.literal("failed"), reason: z.string(), message: z.string() }),
  Reference.extend({ outcome: z.literal("reference") }),
]);
export type ProgramResult = z.infer<typeof ProgramResult>;

/** Reads a line of the Python program's output; null for what libraries print. */
export function parseLine(
  line: string,
):
  | { readonly kind: "metrics"; readonly line: MetricsLine }
  | { readonly kind: "result"; readonly result: ProgramResult }
  | null {
  const json = jsonOf(line);
  const result = ProgramResult.safeParse(json);
  if (result.success) return { kind: "result", result: result.data };
  const metrics = MetricsLine.safeParse(json);
  return metrics.success ? { kind: "metrics", line: metrics.data } : null;
}

/** The result of a program that ended without giving one. */
export function withoutResult(end: ProgramEnd): ProgramResult {
  const failed = (reason: string, message: string): ProgramResult => ({ outcome: "failed", reason, message });
  switch (end.kind) {
    case "not-started":
      return failed(
        "environment",
        `The trainer's Python could not be started: ${end.detail}. Remove the folder "trainer" of the data folder to have it made again.`,
      );
    case "killed":
      return failed(
        "killed",
        `The training was ended from outside (${end.signal})${end.signal === "SIGKILL" ? ", as systems do that run out of memory" : ""}. ${lessMemory()}`,
      );
    case "ended":
      return failed("other", `The trainer ended with code ${end.code}: ${lastLines(end.errors)}`);
    default:
      return end satisfies never;
  }
}

/** What to do where the memory was too small. */
export function lessMemory(): string {
  return `Close other programs; ${namesOn().resumeTraining} goes on from the last checkpoint.`;
}

/** Whether a word of the program is one of the protocol's. */
export function isReason(reason: string): reason is (typeof TRAINING_FAILURES)[number] {
  return (TRAINING_FAILURES as readonly string[]).includes(reason);
}
