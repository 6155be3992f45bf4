/**
 * Self-evolution as data: the settings and state of a run, the report of a round, the lineage of adapters. The data
 * sets and training jobs are in `training.ts`. Plain versioned data; a leaf.
 */
import * as z from "zod";
import {
  HyperParameters,
  ParityReport,
  ScoreReading,
  TRAINING_FAILURES,
  TRAINING_PROFILES,
} from "./training.ts";

export * from "./training.ts";

/** The version this program writes. Fields are only ever added to a version. */
export const EVOLUTION_VERSION = 1;

const version = z.literal(EVOLUTION_VERSION);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const at = z.iso.datetime();
const id = z.string().min(1);

/* --------------------------------------------------------------- selection */

/**
 * How hard a problem was for the policy that searched it, by the share of right trajectories (rStar-Math section 3.4.1):
 * `easy` all, `medium` some, `hard` none.
 */
export type Difficulty = "easy" | "medium" | "hard";

/** Problems of one group: how many, and how many were solved at least once. Coverage is `solved / problems` (Table 2). */
export const Coverage = z.strictObject({
  /** What the group has in common: a source (`gsm8k`), a level (`level 3`), or `all`. */
  group: z.string(),
  problems: count,
  solved: count,
  easy: count,
  medium: count,
  hard: count,
});
export type Coverage = z.infer<typeof Coverage>;

/** What selection did with the traces it was given. Every trace is in exactly one of `used` and `leftOut`. */
export const SelectionReport = z.strictObject({
  traces: count,
  used: count,
  /** By reason, in words: `evaluation problem`, `its file is opted out`, `other base model`. */
  leftOut: z.array(z.strictObject({ reason: z.string(), traces: count })),
  trajectories: z.strictObject({ all: count, right: count }),
  /** The last is `all`. */
  coverage: z.array(Coverage),
  sft: z.strictObject({ examples: count, problems: count }),
  pairs: z.strictObject({ step: count, answer: count, person: count, problems: count }),
});
export type SelectionReport = z.infer<typeof SelectionReport>;

/* -------------------------------------------------------------------- gate */

/** The paired comparison by which a new adapter is adopted or kept aside. */
export const GateReport = z.strictObject({
  role: z.enum(["policy", "ppm"]),
  /** Adapter ids; null is the untouched base, or for a PPM none. */
  challenger: id,
  incumbent: id.nullable(),
  /** Held-out training problems on which both were tried, with the same strategy, budget and seeds. */
  problems: count,
  strategy: z.string(),
  /** Problems that both, only one, and neither got right. */
  both: count,
  challengerOnly: count,
  incumbentOnly: count,
  neither: count,
  /** McNemar's exact test, one-sided: how likely the challenger looks at least this good if it is no better. */
  pValue: share,
  /** Adopted when the challenger has more of the discordant problems and `pValue` is at most this. */
  level: share,
  adopted: z.boolean(),
  /** For a person: why it was adopted or kept aside. */
  why: z.string(),
});
export type GateReport = z.infer<typeof GateReport>;

/* ------------------------------------------------------------------ rounds */

/** How the values that decide where a search looks are made (rStar-Math Eq. 2 and 3). */
const ANNOTATIONS = ["terminal-guided", "ppm-augmented"] as const;

/** What one round does. */
export const RoundPlan = z.strictObject({
  annotation: z.enum(ANNOTATIONS),
  /** Trajectories asked for in a problem's first search. */
  rollouts: z.int().positive(),
  /** The same for what is still unsolved, one search after the other, each with a new seed. */
  ladder: z.array(z.int().positive()),
  /** Candidates of an expansion. */
  candidates: z.int().positive(),
  /** Who searches: the given bootstrap model, or the policy adopted so far (the base where none is). */
  policy: z.enum(["bootstrap", "adopted"]),
});
export type RoundPlan = z.infer<typeof RoundPlan>;

/** The rules of data selection that are settings. */
export const SelectionSettings = z.strictObject({
  /** Right trajectories of a problem that train the policy. */
  trajectories: z.int().positive(),
  /** Best and worst siblings of a step that make pairs. */
  perSide: z.int().positive(),
  /** Least distance of their Q-values, and of their texts in characters. */
  minMargin: z.number().nonnegative(),
  minEdits: count,
  /** For problems without a given answer; null leaves them out. */
  agreement: z.strictObject({ count: z.int().positive(), share }).nullable(),
  /** `agreed`: only traces whose collecting the person agreed to. `any`: all but those of files they opted out. */
  consent: z.enum(["agreed", "any"]),
  /** SHA-256 of the policies whose traces may train; null for all. */
  policies: z.array(sha256).nullable(),
  /** Whose traces train: the round's `own`, as in the paper, or those of `all` rounds so far. */
  rounds: z.enum(["own", "all"]).default("own"),
  /** Share of the problems with examples that only the trainer's `evaluation` metrics see. */
  curveShare: z.number().min(0).lt(1),
});
export type SelectionSettings = z.infer<typeof SelectionSettings>;

/** The settings of a run, fixed when it begins; only rounds may be added. */
export const EvolutionSettings = z.strictObject({
  /** Model ids: what is trained, and what searches in the first round (the same model when none is given). */
  base: id,
  bootstrap: id,
  rounds: z.array(RoundPlan).min(1),
  /** `given`: a single fine-tuning on traces that were there; its one round searches nothing. */
  traces: z.enum(["searched", "given"]),
  /** The search profile whose settings the searches take, apart from those of the round's plan. */
  searchProfile: z.enum(["default", "paper"]),
  /** Problems searched side by side. */
  concurrency: z.int().positive(),
  /** Tokens the policy may generate for one trajectory, on average over a problem's search. */
  tokensPerRollout: z.int().positive(),
  seed: count,
  /** Share of the problems that never train and on which the gate compares. */
  heldOutShare: z.number().min(0).lt(1),
  /** A new adapter is adopted when the paired comparison is at most this likely by chance. */
  gateLevel: share,
  /** Tokens the policy may generate for one held-out problem when PPMs are compared. */
  gateTokens: z.int().positive(),
  selection: SelectionSettings,
  profile: z.enum(TRAINING_PROFILES),
  policyTraining: HyperParameters,
  ppmTraining: HyperParameters,
  ppmLoss: z.enum(["pairwise", "orm", "pqm"]),
  ppm: ScoreReading,
});
export type EvolutionSettings = z.infer<typeof EvolutionSettings>;

/** What one trained adapter of a round came to. */
export const TrainingReport = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("adapter"),
    adapter: id,
    examples: count,
    steps: count,
    loss: z.number(),
    held: z.strictObject({ loss: z.number(), accuracy: z.number() }).nullable(),
    seconds: z.number().nonnegative(),
    parity: ParityReport,
  }),
  /** Nothing to train on: why. The round goes on with the adapter there was. */
  z.strictObject({ kind: z.literal("skipped"), why: z.string() }),
  z.strictObject({ kind: z.literal("failed"), reason: z.enum(TRAINING_FAILURES), message: z.string() }),
]);
export type TrainingReport = z.infer<typeof TrainingReport>;

/** What a round did, as `report.json` in the round's folder. */
export const RoundReport = z.strictObject({
  version,
  /** From 1. */
  round: z.int().positive(),
  startedAt: at,
  endedAt: at,
  plan: RoundPlan,
  /** What searched, each by one id: a model's, or that of an adapter that was adopted. Null is no PPM. */
  searchedBy: z.strictObject({ policy: z.string(), ppm: z.string().nullable() }),
  /** Problems with a trace of this round, and by rung of the ladder how many were searched and first solved there. */
  problems: count,
  rungs: z.array(z.strictObject({ rollouts: z.int().positive(), searched: count, solved: count })),
  generatedTokens: count,
  selection: SelectionReport,
  policy: TrainingReport,
  ppm: TrainingReport,
  policyGate: GateReport.nullable(),
  ppmGate: GateReport.nullable(),
  seconds: z.strictObject({
    search: z.number().nonnegative(),
    training: z.number().nonnegative(),
    gate: z.number().nonnegative(),
  }),
});
export type RoundReport = z.infer<typeof RoundReport>;

/** The stages of a round, in order. */
export const STAGES = ["search", "select", "train-policy", "gate-policy", "train-ppm", "gate-ppm"] as const;
export type Stage = (typeof STAGES)[number];

/**
 * Where a run stands: `state.json`, written whole at every boundary. What a stage has done so far is in its own
 * append-only files, so a kill loses at most the problem under way.
 */
export const RunState = z.strictObject({
  version,
  id,
  createdAt: at,
  updatedAt: at,
  settings: EvolutionSettings,
  /** What would begin the same run in a terminal; runs from before it was kept have none. */
  command: z.string().optional(),
  /** SHA-256 of the problems' ids and texts: another file is another run. */
  problems: z.strictObject({ sha256, train: count, held: count }),
  /** From 1; one more than the number of plans when all are done. */
  round: z.int().positive(),
  stage: z.enum(STAGES),
  /** When the round under way began, and what its stages took so far, in seconds. */
  roundStartedAt: at,
  seconds: z.partialRecord(z.enum(STAGES), z.number().nonnegative()),
  /** What the finished stages of the round under way came to. */
  policy: TrainingReport.nullable(),
  ppm: TrainingReport.nullable(),
  policyGate: GateReport.nullable(),
  ppmGate: GateReport.nullable(),
  /** Models that search from here on, at first those in use when the run began; null is the base, or no PPM. */
  adopted: z.strictObject({ policy: id.nullable(), ppm: id.nullable() }),
  status: z.enum(["running", "stopped", "failed", "finished"]),
  /** Why it failed, for a person. */
  failure: z.string().nullable(),
});
export type RunState = z.infer<typeof RunState>;

/* ----------------------------------------------------------------- lineage */

/** One trained adapter that is kept: what it is, what it was made from, and how it did. */
export const LineageEntry = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/u),
  role: z.enum(["policy", "ppm"]),
  createdAt: at,
  /** File name within the adapters' folder. */
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/u),
  sha256,
  bytes: z.int().positive(),
  base: z.strictObject({ id, sha256 }),
  promptFormat: z.enum(["two-shot", "bare"]),
  /** On PPMs. */
  ppm: ScoreReading.nullable(),
  /** The run and round it came from; a single fine-tuning is a run of one round. Nothing writes null. */
  run: z.strictObject({ id, round: z.int().positive() }).nullable(),
  /** The adapter it started from (the policy, for a PPM); null for the base. */
  startedFrom: id.nullable(),
  /** What it was trained on: the SHA-256 is of the data set's bytes. */
  data: z.strictObject({ examples: count, problems: count, traces: count, sha256 }),
  settings: z.strictObject({
    profile: z.enum(TRAINING_PROFILES),
    loss: z.string(),
    seed: count,
    hyperParameters: HyperParameters,
  }),
  /** Null while it was not compared. */
  gate: GateReport.nullable(),
});
export type LineageEntry = z.infer<typeof LineageEntry>;

/** `lineage.json` in the adapters' folder. */
export const Lineage = z.strictObject({
  version,
  /** Oldest first. */
  entries: z.array(LineageEntry),
  /**
   * Which adapter was put to use on which base, oldest first; null is none. The last of a base and role is in use,
   * rolling back takes it off.
   */
  uses: z.array(
    z.strictObject({
      at,
      role: z.enum(["policy", "ppm"]),
      baseSha256: sha256,
      adapter: id.nullable(),
      /** `gate`, `person`, … for a person to read. */
      why: z.string(),
    }),
  ),
});
export type Lineage = z.infer<typeof Lineage>;
