/** The trace: the one form in which a search is stored, sent, replayed and trained on. Versioned plain data. */
import * as z from "zod";

/**
 * The version this program writes. Readers accept it and every older one, and say so when they meet a newer one.
 * Version 2 added what is needed to go on with a search and what a person chose; all of it may be missing.
 */
export const TRACE_VERSION = 2;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);

/** What producing something cost. Tokens are counts, `sandboxMs` is wall time. */
export const Cost = z.strictObject({
  /** Tokens the policy generated. */
  generatedTokens: z.int().nonnegative(),
  /** Prompt tokens the policy had to compute because no KV state held them. */
  evaluatedTokens: z.int().nonnegative(),
  /** Tokens the PPM computed. */
  ppmTokens: z.int().nonnegative(),
  sandboxMs: z.number().nonnegative(),
});
export type Cost = z.infer<typeof Cost>;

/** Why a candidate was rejected: a named failure of the step grammar, or what its run came to. */
export const Rejection = z.strictObject({
  kind: z.enum([
    "empty",
    "no-code",
    "unclosed",
    "repeats",
    "no-output",
    "too-deep",
    "error",
    "timeout",
    "memory",
    "crash",
    /** The search was stopped before the step was run. */
    "interrupted",
    /** A person said no. */
    "person",
  ]),
  /** One line for a person: what happened. */
  message: z.string(),
  /** The line of the step's code (1-based) where known. */
  line: z.int().nullable(),
});
export type Rejection = z.infer<typeof Rejection>;

/** One step of a solution, or one candidate for it. Execution result, PPM score and Q stay separate fields. */
export const TraceNode = z.strictObject({
  /** Position in `Trace.nodes`; the root is 0 and parents come before their children. */
  id: z.int().nonnegative(),
  parent: z.int().nonnegative().nullable(),
  kind: z.enum(["root", "step", "answer"]),
  /** The generated text in the step grammar, without its closing mark. */
  text: z.string(),
  /** The comment that says why. */
  reason: z.string(),
  code: z.string(),
  /** Whether the step closed the program (`<end_of_code>`). */
  final: z.boolean(),
  status: z.enum(["ok", "rejected"]),
  rejection: Rejection.nullable(),
  /** What the step printed, and the value of its last expression. */
  output: z.string(),
  value: z.string().nullable(),
  /** `assert` statements that ran and held. */
  assertions: z.int().nonnegative(),
  /** PPM score in [-1, 1]; null where there is no PPM. */
  ppm: z.number().min(-1).max(1).nullable(),
  /** Sum of backed-up values and number of visits: `Q = sum / N` (rStar-Math Eq. 1); the prior counts as one visit. */
  sum: z.number(),
  visits: z.int().nonnegative(),
  /** How many candidates had exactly this text: identical siblings are merged. */
  samples: z.int().nonnegative(),
  /** Trajectories that ended here: at an answer, or at a rejected step that a continuation ran into. */
  arrivals: z.int().nonnegative().optional(),
  /** Candidates ever drawn from here, merged ones included: the next candidate's seed follows from it. */
  drawn: z.int().nonnegative().optional(),
  /** Mean and minimum natural log-probability of the generated tokens; null for what no model generated. */
  logProb: z.strictObject({ mean: z.number(), min: z.number() }).nullable(),
  /** The final answer, on nodes of kind `answer`. */
  answer: z.string().nullable(),
  /** Against the reference answer, where there is one. */
  graded: z.enum(["equal", "different", "undecided"]).nullable(),
  cost: Cost,
});
export type TraceNode = z.infer<typeof TraceNode>;

/** One group of equivalent answers and what spoke for it. */
export const Vote = z.strictObject({
  /** The answer as the group's best trajectory gives it. */
  answer: z.string(),
  /** Answer nodes in the group. */
  nodes: z.array(z.int().nonnegative()),
  /** Trajectories that ended here. */
  count: z.int().nonnegative(),
  /** Sum of weights: of `(1 + ppm) / 2` over the top-K trajectories, or the count where there is no PPM. */
  weight: z.number().nonnegative(),
});
export type Vote = z.infer<typeof Vote>;

/** A file on this machine by its hash, or what a server calls its model (`endpoint`: scheme, host and port, no secret). */
const Model = z
  .strictObject({
    id: z.string(),
    sha256: sha256.optional(),
    adapter: z.strictObject({ id: z.string(), sha256 }).optional(),
    endpoint: z.string().optional(),
  })
  .refine((model) => (model.sha256 === undefined) !== (model.endpoint === undefined), {
    message: "a model has either a hash or an endpoint",
  });

/** What a person decided about a step. With both nodes it is a pair to learn from: same prefix, one is better. */
export const Preference = z.strictObject({
  kind: z.enum(["pin", "reject", "edit"]),
  /** The step the person wants; of a rejection, the sibling that the search then chose instead. */
  preferred: z.int().nonnegative().nullable(),
  /** The step they do not want; of a pinned one, the sibling that had been chosen. */
  rejected: z.int().nonnegative().nullable(),
  createdAt: z.iso.datetime(),
});
export type Preference = z.infer<typeof Preference>;

/** A whole search of one problem. */
export const Trace = z.strictObject({
  version: z.union([z.literal(1), z.literal(TRACE_VERSION)]),
  id: z.string(),
  createdAt: z.iso.datetime(),
  problem: z.strictObject({
    id: z.string(),
    text: z.string(),
    sha256,
    /** The given answer. No model ever sees it. */
    reference: z.string().nullable(),
    /** Where it came from, for a person. */
    source: z.string().nullable(),
  }),
  models: z.strictObject({ policy: Model, ppm: Model.nullable() }),
  prompt: z.strictObject({ format: z.enum(["two-shot", "bare"]), sha256 }),
  /** The search settings in full, seed included: they and the models' hashes are enough to run it again. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  nodes: z.array(TraceNode),
  /** The stored search that this one went on from; its nodes are all here too, in the same order. */
  continues: z.string().optional(),
  /** The node that every solution has to go through, by a person's choice. Left out, it is the root. */
  origin: z.int().nonnegative().optional(),
  preferences: z.array(Preference).optional(),
  /**
   * Whether it may train models, as the person had decided when it was made: `agreed` to collecting, or not, or this
   * file left out. Absent in traces of searches that were made for training.
   */
  training: z.enum(["agreed", "not-agreed", "opted-out"]).optional(),
  /** Best first. */
  votes: z.array(Vote),
  /** The answer node chosen, or null when no trajectory reached an answer. */
  chosen: z.int().nonnegative().nullable(),
  /** Trajectories that ran to an answer, and that were started. */
  trajectories: z.strictObject({ finished: z.int().nonnegative(), started: z.int().nonnegative() }),
  stop: z.enum(["done", "settled", "budget", "exhausted", "cancelled", "failed"]),
  /** What went wrong when `stop` is `failed`, in a sentence. */
  failure: z.string().nullable(),
  cost: Cost,
  /** Wall time of the whole search and of the time spent waiting for each part of it. */
  ms: z.strictObject({
    total: z.number().nonnegative(),
    policy: z.number().nonnegative(),
    ppm: z.number().nonnegative(),
    sandbox: z.number().nonnegative(),
    grading: z.number().nonnegative(),
  }),
});
export type Trace = z.infer<typeof Trace>;

/** What a list of traces shows. */
export interface TraceSummary {
  readonly id: string;
  readonly createdAt: string;
  readonly problem: string;
  /** The problem's id; the statement's hash where a document's problem was solved. */
  readonly problemId: string;
  readonly strategy: string;
  readonly stop: Trace["stop"];
  readonly answer: string | null;
  /** The answer that was given then, and how the search's own compared with it. */
  readonly reference: string | null;
  readonly graded: TraceNode["graded"];
  readonly nodes: number;
  readonly generatedTokens: number;
}

/** The summary of one trace. */
export function summarise(trace: Trace): TraceSummary {
  const chosen = trace.chosen === null ? undefined : trace.nodes[trace.chosen];
  return {
    id: trace.id,
    createdAt: trace.createdAt,
    problem: trace.problem.text,
    problemId: trace.problem.id,
    stop: trace.stop,
    strategy: String(trace.settings["strategy"] ?? ""),
    answer: chosen?.answer ?? null,
    reference: trace.problem.reference,
    graded: chosen?.graded ?? null,
    nodes: trace.nodes.length,
    generatedTokens: trace.cost.generatedTokens,
  };
}
