/** The names of the search strategies and profiles, without what reads settings: pages have them too. */

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

/** Named sets of search settings. */
export const PROFILES = ["default", "paper", "fast"] as const;
export type ProfileName = (typeof PROFILES)[number];
