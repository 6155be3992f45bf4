/** What the searches of one problem under one seed drew, ran and scored; draws and scores on disk until they are done. */
import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { DrawnCandidates, KnownScores, Memory } from "../search/replay.ts";
import { eachLine, openLines } from "../json-lines.ts";
import type { RunResult } from "../services.ts";

const Drawn = z.strictObject({
  candidate: z.strictObject({
    text: z.string(),
    tokens: z.int(),
    logProb: z.strictObject({ mean: z.number(), min: z.number() }).nullable(),
    finish: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("stop"), stop: z.string() }),
      z.strictObject({ kind: z.literal("end-of-text") }),
      z.strictObject({ kind: z.literal("length") }),
    ]),
  }),
  maxTokens: z.int(),
});

const Score = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("score"),
    value: z.number(),
    evaluatedTokens: z.int(),
    reusedTokens: z.int(),
  }),
  z.strictObject({ kind: z.literal("too-long"), tokens: z.int(), limit: z.int() }),
]);

const Line = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("candidate"), key: z.string(), value: Drawn }),
  z.strictObject({ kind: z.literal("score"), key: z.string(), value: Score }),
]);
type Line = z.infer<typeof Line>;

/** What searches that share their draws have in common. */
export interface Draws {
  readonly candidates: DrawnCandidates;
  readonly scores: KnownScores;
  /** In memory only: Python is quick. */
  readonly runs: Memory<RunResult>;
  /** `done`: none of it will be asked for again. */
  close(done: boolean): Promise<void>;
}

/** Opens the draws of that name in a folder, with those that an earlier process left there. */
export async function openDraws(folder: string, name: string): Promise<Draws> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${createHash("sha256").update(name).digest("hex").slice(0, 16)}.jsonl`);
  const candidates: DrawnCandidates = new Map();
  const scores: KnownScores = new Map();
  for await (const { record } of eachLine(file, Line)) {
    if (record?.kind === "candidate") candidates.set(record.key, record.value);
    else if (record?.kind === "score") scores.set(record.key, record.value);
  }
  const writer = await openLines(file, Line);
  // What cannot be kept is drawn again after a kill, no worse: where the disk is full, the next trace says so.
  const keep = (line: Line): void => void writer.append(line).catch(() => undefined);
  return {
    candidates: kept(candidates, (key, value) => keep({ kind: "candidate", key, value })),
    runs: new Map(),
    scores: kept(scores, (key, value) => keep({ kind: "score", key, value })),
    close: async (done) => {
      await writer.close();
      if (done) await rm(file, { force: true });
    },
  };
}

/** A memory that tells of everything new. */
function kept<T>(memory: Memory<T>, keep: (key: string, value: T) => void): Memory<T> {
  return {
    get: (key) => memory.get(key),
    set: (key, value) => {
      keep(key, value);
      memory.set(key, value);
    },
  };
}
