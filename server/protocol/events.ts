/** What a search tells while it runs, for progress displays of every surface. */
import type { TraceNode } from "./trace.ts";

/** One thing that happened in the search of one problem. */
export type SearchEvent =
  | {
      readonly kind: "started";
      readonly problemId: string;
      readonly strategy: string;
      readonly budget: number;
    }
  /** A candidate came, was run and, where there is a PPM, scored; `node` is its state now. Repeats as values change. */
  | { readonly kind: "candidate"; readonly problemId: string; readonly node: TraceNode }
  | { readonly kind: "progress"; readonly problemId: string; readonly progress: SearchProgress }
  | { readonly kind: "finished"; readonly problemId: string; readonly progress: SearchProgress };

/** Where a search stands. */
export interface SearchProgress {
  /** Tokens generated of the tokens allowed. */
  readonly generatedTokens: number;
  readonly budget: number;
  /** Candidates tried, and those of them that were rejected. */
  readonly candidates: number;
  readonly rejected: number;
  /** Trajectories that reached an answer. */
  readonly trajectories: number;
  /** The best answer so far and how many of the trajectories agree with it. */
  readonly best: { readonly answer: string; readonly support: number } | null;
}
