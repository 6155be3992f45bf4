/** Chooses by a probe: a few trajectories that agree settle an easy problem; the rest of the budget goes to a search. */
import { mcts } from "./mcts.ts";
import type { Strategy } from "./strategy.ts";

/** One wave of samples; unless it settles the vote, MCTS goes on from the very tree that the wave left. */
export const auto: Strategy = async (search) => {
  await search.sample([{ node: search.origin, n: search.config.candidates }]);
  if (search.isSettled()) return { stop: "settled", choose: "vote" };
  return mcts(search);
};
