/** Public benchmarks by name: a manifest of their homes and hashes, adapters for their fields, a cache, local copies. */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import * as z from "zod";
import manifest from "./benchmarks.json" with { type: "json" };
import { problemsHash, readProblems, type EvaluationProblem } from "./problems.ts";
import { codeOf, messageOf } from "../errors.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);

/** `benchmarks.json`. */
const BenchmarkManifest = z.strictObject({
  version: z.literal(1),
  sets: z.array(
    z.strictObject({
      /** The name that `--set` takes. */
      name: z.string(),
      /** Where the problems come from, and under what licence the file is distributed. */
      origin: z.string(),
      license: z.string(),
      /** The file at its public home; `urls` give the same bytes. */
      file: z.string(),
      urls: z.array(z.url()).min(1),
      bytes: z.int().positive(),
      sha256,
      /** How its fields become problems. */
      format: z.enum(["gsm8k", "math", "rstar"]),
      /** Name of a local copy in this program's own form, and the start of every problem's id. */
      local: z.string(),
      problems: z.int().positive(),
      /** Rows of the file that have no statement or no answer: they cannot be graded and are left out. */
      leftOut: z.int().nonnegative(),
      /** Hash over the problems, the same whether they come from the public file or from a local copy. */
      problemsSha256: sha256,
    }),
  ),
});
export type Benchmark = z.infer<typeof BenchmarkManifest>["sets"][number];

/** The sets that are known by name. */
export const BENCHMARKS: readonly Benchmark[] = BenchmarkManifest.parse(manifest).sets;

/** Where a set is looked for. */
export interface BenchmarkPlaces {
  /** A folder with local copies; nothing is fetched then. */
  readonly data: string | null;
  /** Where fetched files are kept. */
  readonly cache: string;
  /** The platform's `fetch`; tests bring their own. */
  readonly fetch: (
    url: string,
    signal: AbortSignal,
  ) => Promise<{ ok: boolean; status: number; body(): Promise<Buffer> }>;
}

/** The problems, or why they cannot be had. */
export type BenchmarkReading =
  | { readonly kind: "problems"; readonly problems: readonly EvaluationProblem[] }
  | { readonly kind: "failed"; readonly message: string };

/**
 * A set's problems: from the local folder if one is given, else from the cache, else from its public home. Whatever the
 * source, they are used only if they are the pinned ones.
 * @throws the signal's reason when it is aborted.
 */
export async function loadBenchmark(
  set: Benchmark,
  places: BenchmarkPlaces,
  signal: AbortSignal,
): Promise<BenchmarkReading> {
  const found = await find(set, places, signal);
  if (found.kind === "failed") return found;
  const problems = found.isOwnForm ? ownForm(found.text) : adapt(set, found.text);
  if (problems === null)
    return failed(`${found.from} is not in the form of ${set.name}. It was not used and not changed.`);
  const hash = problemsHash(problems);
  if (hash !== set.problemsSha256)
    return failed(
      `${found.from} does not hold the ${set.problems} problems of ${set.name} (their hash is ${hash}, expected ${set.problemsSha256}), so results would not be comparable. It was not changed. To evaluate on it all the same, name it with --problems.`,
    );
  return { kind: "problems", problems };
}

type Found =
  | { readonly kind: "found"; readonly text: string; readonly from: string; readonly isOwnForm: boolean }
  | { readonly kind: "failed"; readonly message: string };

async function find(set: Benchmark, places: BenchmarkPlaces, signal: AbortSignal): Promise<Found> {
  if (places.data !== null) {
    const own = path.join(places.data, `${set.local}.jsonl`);
    const theirs = path.join(places.data, set.file);
    const text = await readIfThere(own);
    if (text !== null) return { kind: "found", text, from: own, isOwnForm: true };
    const original = await readIfThere(theirs);
    if (original !== null) return { kind: "found", text: original, from: theirs, isOwnForm: false };
    return failed(
      `${places.data} holds neither ${set.local}.jsonl nor ${set.file}. Leave --data out to fetch ${set.name} from its public home.`,
    );
  }
  const cached = path.join(places.cache, set.file);
  const kept = await readIfThere(cached);
  if (kept !== null && hashOf(kept) === set.sha256)
    return { kind: "found", text: kept, from: cached, isOwnForm: false };
  const reasons: string[] = [];
  for (const url of set.urls) {
    const fetched = await fetchChecked(url, set, places, signal);
    if (fetched.kind === "bytes") {
      await mkdir(places.cache, { recursive: true });
      await writeFileAtomic(cached, fetched.bytes);
      return { kind: "found", text: fetched.bytes.toString("utf8"), from: cached, isOwnForm: false };
    }
    reasons.push(`  - ${url}: ${fetched.reason}`);
  }
  return failed(
    `${set.name} could not be fetched:\n${reasons.join("\n")}\nCheck the network connection, or put ${set.file} into a folder and name it with --data.`,
  );
}

async function fetchChecked(
  url: string,
  set: Benchmark,
  places: BenchmarkPlaces,
  signal: AbortSignal,
): Promise<
  { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "bad"; readonly reason: string }
> {
  try {
    const response = await places.fetch(url, signal);
    if (!response.ok) return { kind: "bad", reason: `the server answered ${response.status}` };
    const bytes = await response.body();
    const found = hashOf(bytes);
    if (found === set.sha256) return { kind: "bytes", bytes };
    return { kind: "bad", reason: `SHA-256 is ${found}, expected ${set.sha256}; it was not used` };
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    return { kind: "bad", reason: `${messageOf(error)}${cause}` };
  }
}

function failed(message: string): { readonly kind: "failed"; readonly message: string } {
  return { kind: "failed", message };
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function hashOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function ownForm(text: string): readonly EvaluationProblem[] | null {
  const reading = readProblems(text);
  return reading.kind === "problems" ? reading.problems : null;
}

const GSM8K = z.object({ question: z.string(), answer: z.string() });
const MATH = z.object({ problem: z.string(), answer: z.string(), level: z.number() });
const RSTAR = z.object({ question: z.string(), answer: z.string() });

/** A public file's problems in our form; null when it is not in the form that the manifest says. */
export function adapt(set: Pick<Benchmark, "format" | "local">, text: string): EvaluationProblem[] | null {
  try {
    return rowsOf(set.format, text)
      .map((row, index) => ({ id: `${set.local}-${index}`, ...row }))
      .filter((problem) => problem.text.trim() !== "" && problem.answer.trim() !== "");
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

function rowsOf(format: Benchmark["format"], text: string): Omit<EvaluationProblem, "id">[] {
  const lines = (): unknown[] =>
    text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line): unknown => JSON.parse(line));
  switch (format) {
    case "gsm8k":
      // The final answer stands after `####`; what comes before is a worked solution, which nobody may see.
      return z
        .array(GSM8K)
        .parse(lines())
        .map(({ question, answer }) => ({
          text: question,
          answer: (answer.split("####")[1] ?? "").trim().replaceAll(",", ""),
          level: null,
        }));
    case "math":
      return z
        .array(MATH)
        .parse(lines())
        .map(({ problem, answer, level }) => ({ text: problem, answer, level: String(level) }));
    case "rstar":
      return z
        .array(RSTAR)
        .parse(JSON.parse(text))
        .map(({ question, answer }) => ({ text: question, answer, level: null }));
    default:
      return format satisfies never;
  }
}
