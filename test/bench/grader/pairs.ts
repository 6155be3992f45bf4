/** Model answers to be graded, out of the traces of evaluations. */
import { z } from "zod";
import { eachRecord } from "../../../server/evaluation/records.ts";
import { randomNumbers } from "../../../server/evaluation/statistics.ts";

/** An answer that a model gave, and the reference it is compared with. */
export interface AnswerPair {
  readonly problem: string;
  readonly reference: string;
  readonly answer: string;
}

const Pair = z.strictObject({ problem: z.string(), reference: z.string(), answer: z.string() });

/** Pairs from JSON lines. */
export function readPairs(lines: string): AnswerPair[] {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Pair.parse(JSON.parse(line)));
}

/** Every different answer to every problem in the files of traces, in a fixed order. @throws where references were left out. */
export async function answerPairs(files: readonly string[]): Promise<AnswerPair[]> {
  const pairs = new Map<string, AnswerPair>();
  for (const file of files)
    for await (const { record } of eachRecord(file)) {
      if (record === null) continue;
      const { reference } = record.trace.problem;
      if (reference === null)
        throw new Error(`${file} was published without reference answers; name the run's own traces.jsonl.`);
      for (const { kind, answer } of record.trace.nodes) {
        if (kind !== "answer" || answer === null) continue;
        const pair = { problem: record.problem, reference, answer };
        pairs.set(JSON.stringify(pair), pair);
      }
    }
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
}

/** `count` of the items, drawn without replacement; the same ones for the same seed. */
export function draw<T>(items: readonly T[], count: number, seed: number): T[] {
  const random = randomNumbers(seed);
  const left = [...items];
  for (let at = left.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [left[at], left[other]] = [left[other] as T, left[at] as T];
  }
  return left.slice(0, count);
}
