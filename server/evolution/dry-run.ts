/** The smallest job of a kind: one step on one line, to try the whole chain before a long training begins. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  type PreferencePair,
  type SftExample,
  TRAINING_VERSION,
  type TrainingJob,
} from "../protocol/training.ts";
import { writeAnswer, writeOutput, writeStep } from "../search/grammar.ts";
import { promptFor } from "../search/prompt.ts";

const PROBLEM = "A shelf holds 4 rows of 6 cups. 5 cups are taken away. How many cups are left?";
const FIRST = writeStep({ text: "# Step 1: Count the cups.\ncups = 4 * 6", final: false });
const RIGHT = writeStep({ text: "# Step 2: Take 5 away and print.\nprint(cups - 5)", final: true });
const WRONG = writeStep({ text: "# Step 2: Add 5 and print.\nprint(cups + 5)", final: true });

/** Writes the data into `folder` and returns the job that trains on it there. */
export async function writeDryRun(job: TrainingJob, folder: string): Promise<TrainingJob> {
  const line = job.kind === "sft" ? example() : pair();
  const train = path.join(folder, "data.jsonl");
  await mkdir(folder, { recursive: true });
  await writeFile(train, JSON.stringify(line) + "\n");
  return {
    ...job,
    data: { train, held: null },
    hyperParameters: { ...job.hyperParameters, maxSteps: 1, batchSize: 1, microBatchSize: 1, maxTokens: 512 },
    out: folder,
    resume: false,
  };
}

/**
 * Names what a dry run tries, apart from the environment: converter and engine by their `release`, base, kind of job,
 * and the content of the configuration that launches it on many GPUs (null for one process).
 */
export function chainName(
  { base, kind }: Pick<TrainingJob, "base" | "kind">,
  release: string,
  launch: string | null,
): string {
  const parts = [release, base.gguf.sha256, base.weights, kind, ...(launch === null ? [] : [launch])];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

function example(): SftExample {
  return {
    version: TRAINING_VERSION,
    kind: "sft",
    id: "dry-run",
    problemId: "dry-run",
    segments: [
      ...promptFor(PROBLEM, "bare").map((text) => ({ text, train: false })),
      { text: FIRST, train: true },
      { text: RIGHT, train: true },
      { text: writeOutput("19"), train: false },
      { text: writeAnswer("19"), train: true },
    ],
    traceId: "dry-run",
    node: 1,
    meanQ: 1,
  };
}

function pair(): PreferencePair {
  const side = (piece: string, q: number) => ({ pieces: [piece], traceId: "dry-run", node: 1, q });
  return {
    version: TRAINING_VERSION,
    kind: "pair",
    id: "dry-run",
    problemId: "dry-run",
    // The ORM trains on pairs of this level only; to the others it makes no difference.
    level: "answer",
    prefix: [...promptFor(PROBLEM, "bare"), FIRST],
    positive: side(RIGHT, 1),
    negative: side(WRONG, -1),
    origin: "search",
    weight: 1,
  };
}
