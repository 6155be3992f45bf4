/** What a search tells while it runs, for progress displays of every surface. */
import * as z from "zod";
import { TraceNode } from "./trace.ts";

/** Where a search stands. */
export const SearchProgress = z.object({
  /** Tokens generated of the tokens allowed. */
  generatedTokens: z.int().nonnegative(),
  budget: z.int().nonnegative(),
  /** Candidates tried, and those of them that were rejected. */
  candidates: z.int().nonnegative(),
  rejected: z.int().nonnegative(),
  /** Trajectories that reached an answer. */
  trajectories: z.int().nonnegative(),
  /** Trajectories begun, and how many the budget pays for at their usual length so far: an estimate that moves. */
  started: z.int().nonnegative(),
  planned: z.int().nonnegative(),
  /** The best answer so far and how many of the trajectories agree with it. */
  best: z.object({ answer: z.string(), support: z.int().nonnegative() }).nullable(),
});
export type SearchProgress = z.infer<typeof SearchProgress>;

const problemId = z.string();

/** One thing that happened in the search of one problem. */
export const SearchEvent = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("started"),
    problemId,
    strategy: z.string(),
    /** Tokens allowed. */
    budget: z.int().nonnegative(),
  }),
  /** A candidate came, was run and, where there is a PPM, scored; `node` is its state now. Repeats as values change. */
  z.object({ kind: z.literal("candidate"), problemId, node: TraceNode }),
  /**
   * A candidate is being written and has a line more: its text so far, after the node `parent`. `draft` tells the
   * drafts below one node apart. What it comes to arrives as candidates; a display then drops the drafts.
   */
  z.object({
    kind: z.literal("draft"),
    problemId,
    parent: z.int().nonnegative(),
    draft: z.int().nonnegative(),
    text: z.string(),
  }),
  z.object({ kind: z.literal("progress"), problemId, progress: SearchProgress }),
  z.object({ kind: z.literal("finished"), problemId, progress: SearchProgress }),
]);
export type SearchEvent = z.infer<typeof SearchEvent>;
