/** What a strategy is: a function that grows a search's tree until it is done, settled or out of budget. */
import type { Trace } from "../../protocol/trace.ts";
import type { Search } from "../search.ts";

/** How a strategy ended and how its answer is to be chosen. */
export interface Outcome {
  readonly stop: Extract<Trace["stop"], "done" | "settled" | "budget" | "exhausted">;
  /** `vote`: PPM-weighted vote of the top-K trajectories. `best`: the single most promising trajectory. */
  readonly choose: "vote" | "best";
}

/** Grows the tree. Runs as a readable loop over the search's operations. @throws the search signal's reason. */
export type Strategy = (search: Search) => Promise<Outcome>;
