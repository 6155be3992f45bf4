/** What a comparison leaves on disk: `comparison.json`, what it is of, and a line of `turns.jsonl` for each attempt. */
import { readFile, mkdir } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { writeFileAtomic } from "../../../server/replace-file.ts";
import { Session } from "../../../server/evaluation/settings.ts";

/** The version of both files. */
const VERSION = 1;

const Verdict = z.enum(["equal", "different", "undecided", "no-answer"]);

/** One attempt of one contestant at one problem. */
export const Turn = z.strictObject({
  version: z.literal(VERSION),
  contestant: z.string(),
  problem: z.string(),
  /** Index into the sessions of `comparison.json`. */
  session: z.int().nonnegative(),
  /** ISO 8601, UTC. */
  begun: z.iso.datetime(),
  /** Wall time of the attempt; grading is not in it. */
  seconds: z.number().nonnegative(),
  generatedTokens: z.int().nonnegative(),
  promptTokens: z.int().nonnegative(),
  /** Sum of the processes' peaks of resident memory during the attempt; null where the system does not tell. */
  peakBytes: z.int().nonnegative().nullable(),
  answer: z.string().nullable(),
  strict: Verdict,
  lenient: Verdict,
  /** `out-of-time` is a result; after `failed` the attempt is made again on resume. */
  end: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("done") }),
    z.strictObject({ kind: z.literal("out-of-time") }),
    z.strictObject({ kind: z.literal("failed"), reason: z.string() }),
  ]),
  raw: z.json(),
});
export type Turn = z.infer<typeof Turn>;

/** A turn of this version. */
export function turn(fields: Omit<Turn, "version">): Turn {
  return { version: VERSION, ...fields };
}

/** Everything that decides what a comparison finds, in the forms that the report shows. */
const PeerSettings = z.strictObject({
  set: z.string(),
  problemsSha256: z.string(),
  problems: z.array(z.string()),
  policy: z.strictObject({
    id: z.string(),
    sha256: z.string(),
    quantisation: z.string().nullable(),
    parameters: z.number(),
  }),
  ppm: z.strictObject({ id: z.string(), sha256: z.string() }).nullable(),
  seed: z.int().nonnegative(),
  threads: z.int().positive(),
  /** Seconds after which an attempt counts as not solved. */
  limitSeconds: z.number().positive(),
  contestants: z.array(
    z.strictObject({ name: z.string(), side: z.enum(["ours", "rival"]), settings: z.string() }),
  ),
  /** Programs by name and version. */
  programs: z.record(z.string(), z.string()),
});
export type PeerSettings = z.infer<typeof PeerSettings>;

const PeerRun = z.strictObject({
  version: z.literal(VERSION),
  settings: PeerSettings,
  sessions: z.array(Session),
});
export type PeerRun = z.infer<typeof PeerRun>;

/** Where things lie in the folder of a comparison. */
export function filesOf(folder: string): {
  readonly run: string;
  readonly turns: string;
  readonly json: string;
  readonly markdown: string;
} {
  const file = (name: string): string => path.join(folder, name);
  return {
    run: file("comparison.json"),
    turns: file("turns.jsonl"),
    json: file("report.json"),
    markdown: file("report.md"),
  };
}

/** The comparison in a folder. @throws when there is none. */
export async function readRun(folder: string): Promise<PeerRun> {
  return PeerRun.parse(JSON.parse(await readFile(filesOf(folder).run, "utf8")));
}

/**
 * Begins a comparison in `folder`, or goes on with the one that is there.
 * @throws where that one is of something else.
 */
export async function openRun(
  folder: string,
  wanted: PeerSettings,
  session: Session,
): Promise<{ readonly run: PeerRun; readonly session: number }> {
  await mkdir(folder, { recursive: true });
  // In the order of the schema, as they are read back.
  const settings = PeerSettings.parse(wanted);
  const before = await readRun(folder).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  });
  const earlier = before?.settings ?? settings;
  const keys = Object.keys(PeerSettings.shape) as (keyof PeerSettings)[];
  const differing = keys.filter((key) => JSON.stringify(earlier[key]) !== JSON.stringify(settings[key]));
  if (differing.length > 0)
    throw new Error(
      `${folder} holds a comparison with other ${differing.join(", ")}. It was not changed; choose another --out.`,
    );
  const sessions = [...(before?.sessions ?? []), session];
  const run: PeerRun = { version: VERSION, settings, sessions };
  await writeFileAtomic(filesOf(folder).run, `${JSON.stringify(PeerRun.parse(run), null, 2)}\n`);
  return { run, session: sessions.length - 1 };
}
