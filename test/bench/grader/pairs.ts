/** Model answers to be graded, out of the traces of evaluations. */
import * as z from "zod";
import { eachRecord } from "../../../server/evaluation/records.ts";
import { randomNumbers } from "../../../server/evaluation/statistics.ts";

/** An answer that a model gave, and the reference it is compared with. */
export interface AnswerPair {
  readonly problem: string;
  readonly reference: string;
  readonly answer: string;
}

/** An answer without its reference: that is looked up in the problem's set, and not published with the answers. */
export const AnswerLine = z.object({ problem: z.string(), answer: z.string() });
export type AnswerLine = z.infer<typeof AnswerLine>;

/** Answers with the references of their problems, each once. @throws for a problem that is in none of the sets. */
export function withReferences(
  answers: readonly AnswerLine[],
  references: ReadonlyMap<string, string>,
): AnswerPair[] {
  return each(
    answers.map(({ problem, answer }) => {
      const reference = references.get(problem);
      if (reference === undefined)
        throw new Error(`"${problem}" is in none of the sets; name its set with --set.`);
      return { problem, reference, answer };
    }),
  );
}

/** Every different pair once, in a fixed order. */
function each(pairs: readonly AnswerPair[]): AnswerPair[] {
  const named = new Map(pairs.map((pair) => [JSON.stringify(pair), pair]));
  return [...named].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
}

/** Every different answer to every problem in the files of traces, in a fixed order. @throws where references were left out. */
export async function answerPairs(files: readonly string[]): Promise<AnswerPair[]> {
  const pairs: AnswerPair[] = [];
  for (const file of files)
    for await (const { record } of eachRecord(file)) {
      if (record === null) continue;
      const { reference } = record.trace.problem;
      if (reference === null)
        throw new Error(`${file} was published without reference answers; name the run's own traces.jsonl.`);
      for (const { kind, answer } of record.trace.nodes)
        if (kind === "answer" && answer !== null) pairs.push({ problem: record.problem, reference, answer });
    }
  return each(pairs);
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
