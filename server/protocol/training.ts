/**
 * What selection hands to the trainer and what comes back: lines of the data sets, the job, metrics while it runs, the
 * result. Plain versioned data, as JSON and JSON lines, because the trainer is a Python program. A leaf.
 */
import * as z from "zod";

/** The version this program writes. Fields are only ever added to a version. */
export const TRAINING_VERSION = 1;

const version = z.literal(TRAINING_VERSION);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const count = z.int().nonnegative();
const id = z.string().min(1);

/* --------------------------------------------------------------- data sets */

/**
 * A piece of a training text. Each piece is tokenised on its own, without special tokens and with the marks as plain
 * text, exactly as the engine tokenises the pieces of a prefix; the token ids are then joined. A beginning-of-text
 * token goes in front where the engine puts one (the GGUF's `tokenizer.ggml.add_bos_token`). Nothing is put behind.
 */
export const Segment = z.strictObject({
  text: z.string(),
  /** Whether its tokens count in the loss: what the policy writes. The prompt, tool output and fixed marks do not. */
  train: z.boolean(),
});
export type Segment = z.infer<typeof Segment>;

/** One line of an SFT data set: a right trajectory of one problem. */
export const SftExample = z.strictObject({
  version,
  kind: z.literal("sft"),
  /** Unique within the data set. */
  id,
  problemId: id,
  /** In order; the first is the prompt (`train: false`). */
  segments: z.array(Segment).min(2),
  traceId: id,
  /** The trajectory's answer node in that trace. */
  node: count,
  /** Mean Q-value over the trajectory's steps, by which it was chosen (rStar-Math section 3.4.1). */
  meanQ: z.number().min(-1).max(1),
});
export type SftExample = z.infer<typeof SftExample>;

/** One side of a pair and where it comes from. */
export const PairSide = z.strictObject({
  /** What follows the shared prefix, as pieces that are tokenised one by one like the prefix's. */
  pieces: z.array(z.string()).min(1),
  traceId: id,
  /** The node in that trace at which the score is read. */
  node: count,
  /** Its Q-value, or the trajectory's mean Q-value on pairs of level `answer`. The target of the PQM loss. */
  q: z.number().min(-1).max(1),
});
export type PairSide = z.infer<typeof PairSide>;

/**
 * One line of a preference data set. The score of a side is read after `prefix + pieces + suffix`, the suffix being the
 * job's (`TrainingJob.ppm`), tokenised as one more piece.
 */
export const PreferencePair = z.strictObject({
  version,
  kind: z.literal("pair"),
  /** Unique within the data set. */
  id,
  problemId: id,
  /** `step`: siblings, next steps after the very same steps. `answer`: whole trajectories, sharing only the prompt. */
  level: z.enum(["step", "answer"]),
  /** The shared prefix: the bare prompt first, then on level `step` the steps before. */
  prefix: z.array(z.string()).min(1),
  positive: PairSide,
  negative: PairSide,
  /** `search`: chosen by Q-values. `person`: somebody preferred one step to the other in the editor. */
  origin: z.enum(["search", "person"]),
  /**
   * Factor of the pair in the loss. Pairs of the same prefix sum to one, as the `1 / (2 * 2)` of Eq. 4 does; the loss of
   * a batch is the sum of `weight * loss` divided by the sum of the weights.
   */
  weight: z.number().positive(),
});
export type PreferencePair = z.infer<typeof PreferencePair>;

/* --------------------------------------------------------------------- job */

/** The sets of hyper-parameters: the paper's (appendix A.1), one for a CPU, and the smallest that runs the chain. */
export const TRAINING_PROFILES = ["paper", "small", "smoke"] as const;
export type TrainingProfile = (typeof TRAINING_PROFILES)[number];

/** What a training run is told in numbers. All resolved: the trainer has no defaults of its own. */
export const HyperParameters = z.strictObject({
  /** Passes over the data; a fraction trains on that share of a pass. */
  epochs: z.number().positive(),
  /** Optimiser steps at most, whatever the epochs say; null for no limit. */
  maxSteps: z.int().positive().nullable(),
  /** Examples (pairs) of one optimiser step, over all processes. */
  batchSize: z.int().positive(),
  /** Examples (pairs) computed together by one process; the rest of the batch is accumulated. */
  microBatchSize: z.int().positive(),
  /** Longer examples are left out (never cut) and counted in the `data` metrics line. */
  maxTokens: z.int().min(16),
  learningRate: z.number().positive(),
  schedule: z.enum(["linear", "cosine", "constant"]),
  /** Share of the steps over which the learning rate rises from zero. */
  warmupShare: z.number().min(0).max(1),
  weightDecay: z.number().nonnegative(),
  /** Gradients are clipped to this norm; null for no clipping. */
  maxGradientNorm: z.number().positive().nullable(),
  /** LoRA on all linear layers. */
  lora: z.strictObject({
    rank: z.int().positive(),
    alpha: z.number().positive(),
    dropout: z.number().min(0).lt(1),
  }),
  /** `auto`: bfloat16 where the machine computes it faster. */
  precision: z.enum(["auto", "float32", "bfloat16"]),
});
export type HyperParameters = z.infer<typeof HyperParameters>;

/** Where a PPM's score is read: the text put after the last step, and the two one-token answers compared there. */
export const ScoreReading = z.strictObject({
  suffix: z.string(),
  positive: z.string().min(1),
  negative: z.string().min(1),
});
export type ScoreReading = z.infer<typeof ScoreReading>;

/** What is trained. The adapter only ever fits this GGUF file. */
export const TrainingBase = z.strictObject({
  /** The model's id, for reports. */
  id,
  /** The GGUF in use, absolute, and its SHA-256: parity is tested against it. */
  gguf: z.strictObject({ path: z.string().min(1), sha256 }),
  /** `gguf`: the weights of that very file, dequantised. `hub`: the full-precision weights of a repository. */
  weights: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("gguf") }),
    z.strictObject({ kind: z.literal("hub"), repository: z.string().min(1), revision: z.string().min(1) }),
  ]),
});
export type TrainingBase = z.infer<typeof TrainingBase>;

/** A training run, as `job.json` in its output folder. Paths are absolute. */
export const TrainingJob = z.strictObject({
  version,
  id,
  /** `sft` trains a policy, `ppm` a process preference model. */
  kind: z.enum(["sft", "ppm"]),
  /**
   * `sft`: next token. `pairwise`: Eq. 4, all pairs. `orm`: only pairs of level `answer`, each side against its outcome.
   * `pqm`: mean squared error against the sides' Q-values. The last three are for `kind: ppm`.
   */
  loss: z.enum(["sft", "pairwise", "orm", "pqm"]),
  data: z.strictObject({
    /** JSON lines of `SftExample` or `PreferencePair`. */
    train: z.string().min(1),
    /** The same of other problems, for the `evaluation` metrics; null for none. */
    held: z.string().min(1).nullable(),
  }),
  base: TrainingBase,
  /** A PEFT adapter folder to start from: the round's policy for a PPM. Null starts at the base. */
  startFrom: z.string().min(1).nullable(),
  /** For `kind: ppm`; null else. */
  ppm: ScoreReading.nullable(),
  profile: z.enum(TRAINING_PROFILES),
  hyperParameters: HyperParameters,
  seed: z.int().nonnegative(),
  /** Everything is written below it: job, metrics, log, checkpoints, adapter. */
  out: z.string().min(1),
  /** Optimiser steps between checkpoints. */
  checkpointEvery: z.int().positive(),
  /** Go on from the newest complete checkpoint in `out`, if there is one; false starts over. */
  resume: z.boolean(),
});
export type TrainingJob = z.infer<typeof TrainingJob>;

/* ----------------------------------------------------------------- metrics */

/** ISO 8601, UTC. */
const at = z.iso.datetime();

/** One line of `metrics.jsonl`, written while it runs and read by the dashboard. */
export const MetricsLine = z.discriminatedUnion("kind", [
  /** A stage of the chain began. */
  z.strictObject({
    kind: z.literal("stage"),
    at,
    stage: z.enum(["environment", "dry-run", "load", "data", "train", "export", "parity"]),
    /** For a person, one line. */
    message: z.string(),
  }),
  /** What there is to train on. */
  z.strictObject({
    kind: z.literal("data"),
    at,
    examples: count,
    /** Tokens of one pass, and those of them in the loss. */
    tokens: count,
    trainedTokens: count,
    /** Examples longer than `maxTokens`. */
    leftOut: count,
    heldExamples: count,
    /** Optimiser steps in all. */
    steps: count,
    device: z.string(),
    processes: z.int().positive(),
  }),
  /** One optimiser step. */
  z.strictObject({
    kind: z.literal("step"),
    at,
    step: z.int().positive(),
    steps: z.int().positive(),
    epoch: z.number().nonnegative(),
    loss: z.number(),
    learningRate: z.number().nonnegative(),
    gradientNorm: z.number().nonnegative().nullable(),
    tokensPerSecond: z.number().nonnegative(),
    /** Estimated until the last step. */
    secondsLeft: z.number().nonnegative(),
  }),
  /** On the held-out examples. Accuracy: share of pairs in the right order, or of trained tokens predicted first. */
  z.strictObject({
    kind: z.literal("evaluation"),
    at,
    step: count,
    loss: z.number(),
    accuracy: z.number().min(0).max(1),
  }),
  z.strictObject({ kind: z.literal("checkpoint"), at, step: z.int().positive(), folder: z.string() }),
  /** The last line of a run. */
  z.strictObject({
    kind: z.literal("end"),
    at,
    outcome: z.enum(["adapter", "stopped", "failed"]),
    message: z.string(),
  }),
]);
export type MetricsLine = z.infer<typeof MetricsLine>;

/* ------------------------------------------------------------------ result */

/** Agreement of PyTorch and the engine on fixed prompts, with the adapter on in both. */
export const ParityReport = z.strictObject({
  prompts: z.int().positive(),
  /** Whether every prompt had the same token ids in both. */
  sameTokens: z.boolean(),
  /** Largest and mean absolute difference of the log-probabilities of the likeliest tokens. */
  maxDifference: z.number().nonnegative(),
  meanDifference: z.number().nonnegative(),
  /** Share of positions where both put the same token first, and where both would stop at the same marks. */
  sameFirst: z.number().min(0).max(1),
  sameStops: z.boolean(),
  /** What `maxDifference`, `meanDifference` and `sameFirst` were held against. */
  tolerance: z.strictObject({ mean: z.number(), max: z.number(), sameFirst: z.number() }),
  passed: z.boolean(),
});
export type ParityReport = z.infer<typeof ParityReport>;

/** A trained adapter in GGUF form that passed parity. */
export const TrainedAdapter = z.strictObject({
  /** Absolute. */
  path: z.string().min(1),
  sha256,
  bytes: z.int().positive(),
  /** SHA-256 of the GGUF base it fits. */
  baseSha256: sha256,
  /** The PEFT folder it was exported from: where a PPM starts. */
  peft: z.string().min(1),
});
export type TrainedAdapter = z.infer<typeof TrainedAdapter>;

/** What went wrong in a training run; each is a state that a person can change or must know. */
export const TRAINING_FAILURES = [
  "no-python",
  "wrong-python",
  "environment",
  "no-network",
  "no-space",
  "bad-data",
  "no-data",
  "bad-base",
  "corrupt-checkpoint",
  "out-of-memory",
  "not-a-number",
  "killed",
  "export",
  "parity",
  "other",
] as const;

/** What a training run led to. */
export const TrainingResult = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("adapter"),
    adapter: TrainedAdapter,
    parity: ParityReport,
    /** `metrics.jsonl`, absolute. */
    metrics: z.string(),
    steps: count,
    /** Loss of the last steps' mean, and on the held-out examples where there are any. */
    loss: z.number(),
    held: z.strictObject({ loss: z.number(), accuracy: z.number() }).nullable(),
    seconds: z.number().nonnegative(),
  }),
  z.strictObject({
    kind: z.literal("failed"),
    reason: z.enum(TRAINING_FAILURES),
    /** What happened, what to do, and what is kept. */
    message: z.string(),
    /** The log's last lines, or where it is. */
    log: z.string(),
    /** The newest complete checkpoint, from which `resume` goes on. */
    checkpoint: z.string().nullable(),
  }),
  /** The signal was aborted; what was trained until then is in the checkpoint. */
  z.strictObject({ kind: z.literal("stopped"), step: count, checkpoint: z.string().nullable() }),
]);
export type TrainingResult = z.infer<typeof TrainingResult>;
