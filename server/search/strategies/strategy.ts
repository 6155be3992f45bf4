/** What a strategy is: a function that grows a search's tree until it is done, settled or out of budget. */
import type { Trace } from "../../protocol/trace.ts";
import type { Search } from "../search.ts";
import type { Draw } from "../trail.ts";
import type { SearchNode } from "../tree.ts";

/** How a strategy ended and how its answer is to be chosen. */
export interface Outcome {
  readonly stop: Extract<Trace["stop"], "done" | "settled" | "budget" | "exhausted">;
  /** `vote`: PPM-weighted vote of the top-K trajectories. `best`: the single most promising trajectory. */
  readonly choose: "vote" | "best";
}

/** Grows the tree. Runs as a readable loop over the search's operations. @throws the search signal's reason. */
export type Strategy = (search: Search) => Promise<Outcome>;

/**
 * The children of each draw; none where what is left does not pay for the whole level and a way to the end. Then each
 * node is written to its end instead: the last tokens would else go into steps that lead to no answer.
 */
export async function nextLevel(search: Search, draws: readonly Draw[]): Promise<SearchNode[][]> {
  if (search.paysFor(draws.reduce((sum, { n }) => sum + n, 0))) return search.expand(draws);
  await search.sample(draws.map(({ node }) => ({ node, n: 1 })));
  return [];
}
