/** A run of the evolution as its messages tell of it: two finished rounds and a third in training. Numbers are made up. */
import type { GateReport, RoundReport, RunState, Stage } from "../../server/protocol/evolution.ts";
import type { DashboardRun, TrainingMetrics } from "../../server/protocol/dashboard.ts";

const at = "2026-01-05T10:00:00.000Z";
const sha256 = "a".repeat(64);
const training = {
  epochs: 2,
  maxSteps: null,
  batchSize: 8,
  microBatchSize: 1,
  maxTokens: 1024,
  learningRate: 2e-4,
  schedule: "cosine" as const,
  warmupShare: 0.05,
  weightDecay: 0,
  maxGradientNorm: 1,
  lora: { rank: 16, alpha: 32, dropout: 0 },
  precision: "auto" as const,
};
const ppm = { suffix: "\n# Right?", positive: " yes", negative: " no" };
const plan = {
  annotation: "terminal-guided" as const,
  rollouts: 8,
  ladder: [16],
  candidates: 8,
  policy: "adopted" as const,
};

/** The run's state in a stage of its third round. */
export function stateIn(stage: Stage, changes: Partial<RunState> = {}): RunState {
  return {
    version: 1,
    id: "run-1",
    createdAt: at,
    updatedAt: at,
    command: "rstar evolve --problems sums.jsonl --rounds 4",
    settings: {
      base: "qwen2.5-coder-0.5b",
      bootstrap: "qwen2.5-coder-1.5b",
      rounds: [plan, plan, plan, plan],
      traces: "searched",
      searchProfile: "default",
      concurrency: 4,
      tokensPerRollout: 200,
      seed: 1,
      heldOutShare: 0.2,
      gateLevel: 0.05,
      gateTokens: 1600,
      selection: {
        trajectories: 2,
        perSide: 2,
        minMargin: 0.3,
        minEdits: 10,
        agreement: null,
        consent: "agreed",
        policies: null,
        rounds: "own",
        curveShare: 0.1,
      },
      profile: "small",
      policyTraining: training,
      ppmTraining: training,
      ppmLoss: "pairwise",
      ppm,
    },
    problems: { sha256, train: 320, held: 80 },
    round: 3,
    stage,
    roundStartedAt: at,
    seconds: {},
    policy: null,
    ppm: null,
    policyGate: null,
    ppmGate: null,
    adopted: { policy: "r2-policy", ppm: null },
    status: "running",
    failure: null,
    ...changes,
  };
}

/** The list of runs that goes with it. */
export const RUNS: DashboardRun[] = [
  {
    id: "run-1",
    name: "gsm8k small",
    createdAt: at,
    base: "qwen2.5-coder-0.5b",
    problems: 320,
    round: 2,
    rounds: 4,
    status: "running",
  },
  {
    id: "run-0",
    name: "first try",
    createdAt: "2026-01-03T08:30:00.000Z",
    base: "qwen2.5-coder-0.5b",
    problems: 40,
    round: 1,
    rounds: 1,
    status: "finished",
  },
];

/** The report of round 1 or 2. */
export function reportOf(round: number): RoundReport {
  const gate = (role: "policy" | "ppm", adopted: boolean): GateReport => ({
    role,
    challenger: `r${round}-${role}`,
    incumbent: round === 1 ? null : `r${round - 1}-${role}`,
    problems: 80,
    strategy: "greedy",
    both: 20 + 4 * round,
    challengerOnly: adopted ? 12 : 4,
    incumbentOnly: 3,
    neither: adopted ? 45 - 4 * round : 53 - 4 * round,
    pValue: adopted ? 0.02 : 0.4,
    level: 0.05,
    adopted,
    why: adopted
      ? "adopted: better on 12 problems and worse on 3 (p = 0.02)"
      : "kept aside: better on 4 problems and worse on 3 (p = 0.4)",
  });
  const adapter = (role: "policy" | "ppm") => ({
    kind: "adapter" as const,
    adapter: `r${round}-${role}`,
    examples: 120 * round,
    steps: 60,
    loss: 0.4 / round,
    held: { loss: 0.5 / round, accuracy: 0.6 + 0.1 * round },
    seconds: 900,
    parity: {
      prompts: 8,
      sameTokens: true,
      maxDifference: 0.02,
      meanDifference: 0.004,
      sameFirst: 1,
      sameStops: true,
      tolerance: { mean: 0.05, max: 0.5, sameFirst: 0.95 },
      passed: true,
    },
  });
  const group = (name: string, problems: number, share: number) => ({
    group: name,
    problems,
    solved: Math.round(problems * share),
    easy: Math.round(problems * share * 0.3),
    medium: Math.round(problems * share * 0.7),
    hard: Math.round(problems * (1 - share)),
  });
  return {
    version: 1,
    round,
    startedAt: at,
    endedAt: at,
    plan,
    searchedBy: { policy: "qwen2.5-coder-0.5b", ppm: null },
    problems: 320,
    rungs: [{ rollouts: 8, searched: 320, solved: 170 }],
    generatedTokens: 410_000 * round,
    selection: {
      traces: 320,
      used: 300,
      leftOut: [{ reason: "no reference answer", traces: 20 }],
      trajectories: { all: 2400, right: 700 * round },
      coverage: [
        group("gsm8k", 220, 0.5 + 0.1 * round),
        group("math", 100, 0.3 + 0.1 * round),
        group("all", 320, 0.44 + 0.1 * round),
      ],
      sft: { examples: 240 * round, problems: 150 },
      pairs: { step: 180 * round, answer: 60, person: 2, problems: 120 },
    },
    policy: adapter("policy"),
    ppm:
      round === 1 ? { kind: "skipped", why: "Too few pairs: 12 of the 50 that are needed." } : adapter("ppm"),
    policyGate: gate("policy", true),
    ppmGate: round === 1 ? null : gate("ppm", false),
    seconds: { search: 5400, training: 1900, gate: 600 },
  };
}

/** What the trainer told of one training so far. */
export function metricsOf(round: number, role: "policy" | "ppm", steps: number): TrainingMetrics {
  const lines: TrainingMetrics["lines"] = [];
  for (let step = 1; step <= steps; step++) {
    const loss =
      (1.1 / round) * Math.exp(-step / 25) + 0.25 + 0.05 * Math.sin(step * 1.7) + 0.03 * Math.cos(step * 5.1);
    lines.push({
      kind: "step",
      at,
      step,
      steps: 60,
      epoch: step / 30,
      loss,
      learningRate: 2e-4,
      gradientNorm: 1,
      tokensPerSecond: 70,
      secondsLeft: (60 - step) * 14,
    });
    if (step % 10 === 0)
      lines.push({
        kind: "evaluation",
        at,
        step,
        loss: loss + 0.06,
        accuracy: Math.min(0.95, 0.5 + step / 130 + round / 50),
      });
  }
  return { round, role, lines };
}
