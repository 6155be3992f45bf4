/** `run.json`: what an evaluation is of, hashed so that it is never resumed as something else, and who ran it. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { SearchConfig } from "../search/config.ts";

/** The version of `run.json`. */
export const RUN_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);

const Model = z.strictObject({
  id: z.string(),
  sha256,
  adapter: z.strictObject({ id: z.string(), sha256 }).optional(),
  /** Weights that take part in computing one token. */
  parameters: z.number().positive(),
  /** As the file says it: `Q4_K_M`. Null where it does not say. */
  quantisation: z.string().nullable(),
});

/**
 * Everything that a person chooses and that decides what an evaluation finds. The program and the processor do so too;
 * they are in the sessions, and a report of several kinds of them says so first.
 */
export const EvaluationSettings = z.strictObject({
  /** The set's name, or the file's. */
  set: z.string(),
  /** SHA-256 over the problems evaluated: ids, statements, answers, levels. */
  problemsSha256: sha256,
  problems: z.array(z.strictObject({ id: z.string(), level: z.string().nullable() })),
  offset: z.int().nonnegative(),
  /** Of the problems asked for only those of these levels; absent where all were taken. */
  levels: z.array(z.string()).optional(),
  methods: z.array(
    z.strictObject({ name: z.string(), ppm: z.enum(["none", "used", "required"]), config: SearchConfig }),
  ),
  /** As asked for: `8x` or a number of tokens. */
  budgets: z.array(z.string()),
  seeds: z.array(z.int().nonnegative()),
  /** Whether searches of a problem under one seed drew and scored each thing once: their times are then not their own. */
  sharedDraws: z.boolean(),
  models: z.strictObject({ policy: Model, ppm: Model.nullable() }),
  prompt: z.strictObject({ format: z.string(), sha256 }),
});
export type EvaluationSettings = z.infer<typeof EvaluationSettings>;

/** One process that worked on the evaluation. */
export const Session = z.strictObject({
  startedAt: z.iso.datetime(),
  /** The program's version and git commit; the commit ends in `+` when the working tree differed from it. */
  version: z.string(),
  commit: z.string().nullable(),
  /** The command's words. */
  command: z.array(z.string()),
  /** Searches side by side. */
  concurrency: z.int().positive(),
  threads: z.int().positive(),
  /** Processor, cores, memory, operating system, Node and engine, each as they call themselves. */
  machine: z.string(),
  engine: z.string(),
});
export type Session = z.infer<typeof Session>;

export const RunFile = z.strictObject({
  version: z.literal(RUN_VERSION),
  settingsSha256: sha256,
  settings: EvaluationSettings,
  sessions: z.array(Session),
});
export type RunFile = z.infer<typeof RunFile>;

/** Names settings by content. */
export function settingsHash(settings: EvaluationSettings): string {
  return createHash("sha256")
    .update(JSON.stringify(EvaluationSettings.parse(settings)))
    .digest("hex");
}

/** The names of the settings that differ, with both values where they are short; empty when nothing does. */
export function differences(before: EvaluationSettings, now: EvaluationSettings): string[] {
  const keys = Object.keys(EvaluationSettings.shape) as (keyof EvaluationSettings)[];
  return (
    keys
      // A setting may be absent.
      .map((key) => ({ key, a: JSON.stringify(before[key] ?? null), b: JSON.stringify(now[key] ?? null) }))
      .filter(({ a, b }) => a !== b)
      .map(({ key, a, b }) =>
        a.length + b.length > 300 ? `${key} (too long to show)` : `${key}: was ${a}, is now ${b}`,
      )
  );
}
