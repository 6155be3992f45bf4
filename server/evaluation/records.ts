/** What an evaluation leaves behind for each search: a line of `traces.jsonl`, read back whole or named as unreadable. */
import * as z from "zod";
import { Trace } from "../protocol/trace.ts";
import { eachLine, openLines, type LineWriter } from "../json-lines.ts";

/** The version of a line; readers accept this one only. */
export const RECORD_VERSION = 1;

/** How the chosen answer, and the best of all answers found, compare with the reference. */
export const Grading = z.strictObject({
  strict: z.enum(["equal", "different", "undecided", "no-answer"]),
  lenient: z.enum(["equal", "different", "undecided", "no-answer"]),
  /** Whether any trajectory reached the right answer (pass@N), by each grader. */
  anyStrict: z.boolean(),
  anyLenient: z.boolean(),
});
export type Grading = z.infer<typeof Grading>;

/** One search of one problem by one method. */
export const EvaluationRecord = z.strictObject({
  version: z.literal(RECORD_VERSION),
  method: z.string(),
  /** As asked for (`8x`, `1600`); null for greedy, which keeps to none. */
  budget: z.string().nullable(),
  seed: z.int().nonnegative(),
  problem: z.string(),
  /** Index into the sessions of `run.json`: which process searched, on which machine, from which commit. */
  session: z.int().nonnegative(),
  /** Epoch milliseconds; with `trace.ms.total` it says which searches ran side by side. */
  begun: z.number(),
  grading: Grading,
  trace: Trace,
});
export type EvaluationRecord = z.infer<typeof EvaluationRecord>;

/** What names a search within an evaluation. */
export interface CellKey {
  readonly method: string;
  readonly budget: string | null;
  readonly seed: number;
  readonly problem: string;
}

/** A search in the form in which statistics need it: a few numbers instead of a tree. */
export interface SearchOutcome extends CellKey {
  readonly grading: Grading;
  readonly session: number;
  readonly begun: number;
  /** The budget in tokens that the search was given. */
  readonly budgetTokens: number;
  readonly stop: Trace["stop"];
  readonly failure: string | null;
  readonly trajectories: Trace["trajectories"];
  readonly cost: Trace["cost"];
  readonly ms: Trace["ms"];
}

/** Names a cell as one string. */
export function cellName({ method, budget, seed, problem }: CellKey): string {
  return JSON.stringify([method, budget, seed, problem]);
}

/** The numbers of a record. */
export function outcomeOf({ trace, ...record }: EvaluationRecord): SearchOutcome {
  const { method, budget, seed, problem, session, begun, grading } = record;
  const { stop, failure, trajectories, cost, ms } = trace;
  const budgetTokens = Number(trace.settings["budgetTokens"]);
  return {
    ...{ method, budget, seed, problem, session, begun, grading },
    ...{ budgetTokens, stop, failure, trajectories, cost, ms },
  };
}

/** What a file of records holds: the last record of every cell, and how many lines could not be read. */
export interface RecordsRead {
  readonly outcomes: ReadonlyMap<string, SearchOutcome>;
  /** Line numbers, 1-based: torn by a kill, or not a record. Their searches count as not done. */
  readonly unreadable: readonly number[];
}

/** Reads `traces.jsonl` line by line; a file that is not there holds nothing. */
export async function readRecords(file: string): Promise<RecordsRead> {
  const outcomes = new Map<string, SearchOutcome>();
  const unreadable: number[] = [];
  for await (const { number, record } of eachRecord(file)) {
    if (record === null) unreadable.push(number);
    else outcomes.set(cellName(record), outcomeOf(record));
  }
  return { outcomes, unreadable };
}

/** Every line of a file of records, or of its compressed form (`.br`), in order; null for a line that cannot be read. */
export function eachRecord(file: string): ReturnType<typeof eachLine<EvaluationRecord>> {
  return eachLine(file, EvaluationRecord);
}

/** Opens a file of records for appending. */
export function openRecords(file: string): Promise<LineWriter<EvaluationRecord>> {
  return openLines(file, EvaluationRecord);
}
