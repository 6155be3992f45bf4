/** Search settings: every field documented once, the profiles, and the checks on what a person may ask for. */
import * as z from "zod";
import { STRATEGIES, type ProfileName } from "../protocol/strategies.ts";

export { PROFILES, STRATEGIES, type ProfileName, type StrategyName } from "../protocol/strategies.ts";

/** The settings of a search. */
export const SearchConfig = z.strictObject({
  strategy: z.enum(STRATEGIES),
  /** Tokens the policy may generate for one problem. */
  budgetTokens: z.int().positive(),
  /** Names the whole search: same seed, same models, same settings, same search. */
  seed: z.int().nonnegative(),
  /** Candidates drawn together: children of an expansion, or trajectories of one wave. */
  candidates: z.int().min(1).max(64),
  /** MCTS: rollouts at most. */
  rollouts: z.int().min(1),
  /** MCTS: what a rollout is. `steps` expands every step of the way down (the paper); `continuation` lets the policy
   * write on to the end in one go and adds all its steps to the tree (cheaper in tokens, more answers per budget). */
  rollout: z.enum(["steps", "continuation"]),
  /** MCTS: the `c` of UCT. */
  exploration: z.number().nonnegative(),
  /** Beam search: partial solutions kept. DVTS: independent subtrees. */
  beams: z.int().min(1).max(64),
  /** Steps to an answer, at most. */
  maxDepth: z.int().min(1),
  /** Tokens of one step, at most. */
  maxStepTokens: z.int().min(8),
  /** Tokens of one continuation to the end, at most. */
  maxContinuationTokens: z.int().min(16),
  temperature: z.number().nonnegative(),
  topP: z.number().gt(0).max(1),
  /** At most this many of the likeliest tokens; 0 is off. */
  topK: z.int().nonnegative(),
  /** Drops tokens less likely than this share of the likeliest; 0 is off. */
  minP: z.number().min(0).max(1),
  /** Trajectories that vote, best by PPM first. */
  voters: z.int().min(1),
  /** Stops once the leading answer is the commoner one with this probability; 1 never stops early. It holds for
   * independent trajectories; for a tree, whose trajectories share steps, it is a rule of thumb. */
  settleConfidence: z.number().min(0.5).max(1),
  /** Value of a trajectory that ran into a rejected step; null leaves it out of the backup, as the paper does. */
  deadEndValue: z.number().min(-1).max(1).nullable(),
  /** `own`: values come from the PPM, else from agreement. `reference`: +1 or -1 against the given answer
   * (terminal-guided annotation), for collecting training data: it decides what is explored. */
  annotation: z.enum(["own", "reference"]),
});
export type SearchConfig = z.infer<typeof SearchConfig>;

const DEFAULT: SearchConfig = {
  strategy: "auto",
  budgetTokens: 1600,
  seed: 1,
  candidates: 4,
  rollouts: 64,
  rollout: "continuation",
  exploration: 1,
  beams: 2,
  maxDepth: 12,
  maxStepTokens: 128,
  maxContinuationTokens: 384,
  temperature: 0.8,
  // The filters that llama.cpp's own tools use by default.
  topP: 0.95,
  topK: 40,
  minP: 0.05,
  voters: 16,
  settleConfidence: 0.95,
  deadEndValue: -1,
  annotation: "own",
};

/** The settings of a profile. */
export function profile(name: ProfileName): SearchConfig {
  switch (name) {
    case "default":
      return DEFAULT;
    // rStar-Math section 3.4.1 and appendix A.1: 8 candidates, 16 rollouts, c = 2, depth 16; temperature as in the public
    // code. The paper takes the trajectory of highest score; here all vote by their scores, so that what several agree
    // on wins.
    case "paper":
      return {
        ...DEFAULT,
        strategy: "mcts",
        budgetTokens: 100_000,
        candidates: 8,
        rollouts: 16,
        rollout: "steps",
        exploration: 2,
        maxDepth: 16,
        maxStepTokens: 256,
        maxContinuationTokens: 2048,
        temperature: 1,
        topP: 1,
        topK: 0,
        minP: 0,
        // Every trajectory: each of a rollout's last candidates can be one.
        voters: 8 * 16,
        settleConfidence: 1,
        deadEndValue: null,
      };
    case "fast":
      return { ...DEFAULT, budgetTokens: 600, settleConfidence: 0.85 };
    default:
      return name satisfies never;
  }
}
