/** The numbers of self-evolution: training profiles, rounds, selection; the paper's (arXiv 2501.04519) and small ones. */
import type { EvolutionSettings, RoundPlan, SelectionSettings } from "../protocol/evolution.ts";
import type { HyperParameters, ScoreReading, TrainingProfile } from "../protocol/training.ts";

/** Hyper-parameters of both kinds of training. */
export interface TrainingNumbers {
  readonly policy: HyperParameters;
  readonly ppm: HyperParameters;
}

const COMMON = {
  maxSteps: null,
  warmupShare: 0,
  maxGradientNorm: 1,
  precision: "auto",
} as const;

/** The training numbers of a profile. */
export function trainingNumbers(profile: TrainingProfile): TrainingNumbers {
  switch (profile) {
    // Appendix A.1: 2 epochs, 4096 tokens, batch 128, AdamW, linear from 7e-6; PPM 1 epoch, batch 512. Weight decay as
    // in the public code. The paper trains all weights; an adapter that can be shipped and rolled back is a LoRA.
    case "paper": {
      const lora = { rank: 64, alpha: 128, dropout: 0 };
      const paper = { ...COMMON, lora, maxTokens: 4096, learningRate: 7e-6, weightDecay: 0.1 } as const;
      return {
        policy: { ...paper, epochs: 2, batchSize: 128, microBatchSize: 8, schedule: "linear" },
        ppm: { ...paper, epochs: 1, batchSize: 512, microBatchSize: 8, schedule: "linear" },
      };
    }
    // For hundreds of traces and a CPU: an adapter starts at zero, so it takes a larger learning rate than all weights.
    case "small": {
      // Dropout took a third of the time of a step on two cores: its random numbers are drawn by one of them.
      const lora = { rank: 16, alpha: 32, dropout: 0 };
      const small = { ...COMMON, lora, maxTokens: 768, warmupShare: 0.05, weightDecay: 0 } as const;
      return {
        policy: {
          ...small,
          epochs: 2,
          batchSize: 16,
          microBatchSize: 4,
          learningRate: 2e-4,
          schedule: "linear",
        },
        // At 1e-4 it was behind after as many steps (docs/results/evolution).
        ppm: {
          ...small,
          epochs: 1,
          batchSize: 16,
          microBatchSize: 4,
          learningRate: 3e-4,
          schedule: "linear",
        },
      };
    }
    // The whole chain in minutes; nothing is learnt.
    case "smoke": {
      const smoke: HyperParameters = {
        ...COMMON,
        lora: { rank: 4, alpha: 8, dropout: 0 },
        ...{ epochs: 1, maxSteps: 2, batchSize: 2, microBatchSize: 1, maxTokens: 512 },
        ...{ learningRate: 1e-4, weightDecay: 0 },
        schedule: "constant",
      };
      return { policy: smoke, ppm: smoke };
    }
    default:
      return profile satisfies never;
  }
}

/** The question that a PPM answers after a step. Both answers are one token for the models of the manifest. */
export const SCORE_READING: ScoreReading = {
  suffix: "\n# Is the last step right? Answer:",
  positive: " Yes",
  negative: " No",
};

/** Selection as in the paper, with the filters of its public code. */
export const SELECTION: SelectionSettings = {
  trajectories: 2,
  perSide: 2,
  minMargin: 0.5,
  minEdits: 20,
  agreement: { count: 3, share: 0.5 },
  consent: "any",
  policies: null,
  rounds: "own",
  curveShare: 0.1,
};

/**
 * The paper's four rounds (section 3.4.2, appendix A.1), the first `count` of them; later ones repeat the fourth.
 * 1: bootstrap, 8 rollouts of 5 candidates, terminal-guided. 2: the tuned policy, 16 rollouts of 8. 3: PPM-augmented.
 * 4: 16 candidates; what is unsolved after 16 rollouts gets 64 more, and 128, each with a new seed. Hard problems get
 * one more tree in every round but the first. Appendix A.1 grows a second tree of every problem in the fourth; here one
 * that its first search solved gets none.
 */
export function paperRounds(count: number): RoundPlan[] {
  const second: RoundPlan = {
    annotation: "terminal-guided",
    rollouts: 16,
    ladder: [16],
    candidates: 8,
    policy: "adopted",
  };
  const third: RoundPlan = { ...second, annotation: "ppm-augmented" };
  const fourth: RoundPlan = { ...third, ladder: [64, 128], candidates: 16 };
  const all: RoundPlan[] = [
    { ...second, rollouts: 8, ladder: [], candidates: 5, policy: "bootstrap" },
    second,
    third,
  ];
  return Array.from({ length: count }, (_, index) => all[index] ?? fourth);
}

/** The same rounds with fewer candidates, for a laptop: what the policy draws together fills the batch already. */
export function smallRounds(count: number): RoundPlan[] {
  return paperRounds(count).map((plan) => ({ ...plan, candidates: 4 }));
}

/** Settings of a run, apart from what has to be named. */
export function settingsOf(
  profile: TrainingProfile,
  named: Pick<EvolutionSettings, "base" | "bootstrap" | "rounds" | "traces">,
): EvolutionSettings {
  const numbers = trainingNumbers(profile);
  const isPaper = profile === "paper";
  return {
    ...named,
    searchProfile: isPaper ? "paper" : "default",
    concurrency: isPaper ? 64 : 4,
    tokensPerRollout: isPaper ? 3300 : 160,
    seed: 1,
    heldOutShare: 0.1,
    gateLevel: 0.05,
    gateTokens: profile === "smoke" ? 400 : 1600,
    selection: SELECTION,
    profile,
    policyTraining: numbers.policy,
    ppmTraining: numbers.ppm,
    ppmLoss: "pairwise",
    ppm: SCORE_READING,
  };
}
