/** The names of the search strategies. */

/** The strategies, in the order in which reports list them. */
export const STRATEGIES = [
  "greedy",
  "self-consistency",
  "best-of-n",
  "beam",
  "dvts",
  "mcts",
  "auto",
] as const;
export type StrategyName = (typeof STRATEGIES)[number];
