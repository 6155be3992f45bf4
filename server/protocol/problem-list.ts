/** The problems of a file with their state, for the tree view, the marks beside the text and the tests. */
import * as z from "zod";
import { Range } from "./places.ts";

/** What is known about a problem's stored solution and its search. */
export const ProblemState = z.enum([
  "unsolved",
  /** Its search is waiting for others to end. */
  "queued",
  "searching",
  /** A solution is in the document. */
  "solved",
  /** A solution is in the trace store only. */
  "kept",
  /** The problem's text changed since it was solved. */
  "stale",
  /** The solution block was damaged by hand; it is never run or replaced without asking. */
  "damaged",
  /** A stored step no longer checks. */
  "broken",
]);
export type ProblemState = z.infer<typeof ProblemState>;

/** Where a step of a stored solution stands, and its scores. */
export const StepMark = z.object({
  /** 0-based position among the steps. */
  position: z.int().nonnegative(),
  range: Range,
  q: z.number(),
  visits: z.int(),
  ppm: z.number().nullable(),
  /** Whether its last check came out as stored; null when it was not checked since the file was opened. */
  checks: z.boolean().nullable(),
});
export type StepMark = z.infer<typeof StepMark>;

/** A problem of a file. */
export const ListedProblem = z.object({
  /** 1-based. */
  index: z.int().positive(),
  hash: z.string(),
  /** The heading's text, else the statement's first words. */
  title: z.string(),
  /** The whole problem without its solution; and its first line. */
  range: Range,
  headingRange: Range,
  /** The stored solution, where there is one. */
  solutionRange: Range.nullable(),
  state: ProblemState,
  /** The state in words: `solved: 40, differs from the given answer 41`, `stale: the problem changed since it was solved`. */
  detail: z.string(),
  answer: z.string().nullable(),
  /** Whether that is another answer than `reference`, as far as is known. */
  differs: z.boolean(),
  /** The answer that the document itself gives. */
  reference: z.string().nullable(),
  /** The trace of the running search, else of the solution in the document, else the stored one below. */
  traceId: z.string().nullable(),
  /**
   * What is resumed and inserted: the search of the solution in the document; without a solution of the problem as its
   * text is, the newest stored search of it that reached an answer, else the newest; but a newer one that was cut short
   * comes first. Null while one runs.
   */
  storedTraceId: z.string().nullable(),
  /** The answer of that search; null where it reached none, or was cut short and has more to find. */
  storedAnswer: z.string().nullable(),
  /** Whether that search can be gone on with by `rstar/resume`: it was cancelled, failed, or ran out of budget. */
  resumable: z.boolean(),
  steps: z.array(StepMark),
});
export type ListedProblem = z.infer<typeof ListedProblem>;
