/** Strategies that draw whole trajectories from the origin: greedy, self-consistency, best-of-N. */
import type { Strategy } from "./strategy.ts";

/** One trajectory at temperature 0: what the policy does alone (System 1). */
export const greedy: Strategy = async (search) => {
  await search.sample([{ node: search.origin, n: 1 }], 0);
  return { stop: "done", choose: "vote" };
};

/**
 * Independent trajectories, then a vote. Stops as soon as the vote is settled (adaptive-consistency), so easy problems
 * cost little.
 */
export const selfConsistency: Strategy = async (search) => {
  while (!search.isSpent()) {
    await search.sample([{ node: search.origin, n: search.config.candidates }]);
    if (search.isSettled()) return { stop: "settled", choose: "vote" };
  }
  return { stop: "budget", choose: "vote" };
};

/** Independent trajectories; the one that the PPM scores best wins (with no PPM, the one most likely under the policy). */
export const bestOfN: Strategy = async (search) => {
  while (!search.isSpent()) await search.sample([{ node: search.origin, n: search.config.candidates }]);
  return { stop: "budget", choose: "best" };
};
