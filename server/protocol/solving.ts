/** Solving, going on and checking: what is asked and what comes of it. */
import * as z from "zod";
import { SearchEvent, SearchProgress } from "./events.ts";
import { ProblemPlace } from "./places.ts";
import { PROFILES, STRATEGIES } from "./strategies.ts";

/** Tokens by which a client asks for `$/progress`, on every request that takes long. */
export const ProgressTokens = z.object({
  workDoneToken: z.union([z.string(), z.int()]).optional(),
  /** Receives `SolveProgress` values. */
  partialResultToken: z.union([z.string(), z.int()]).optional(),
});

/** What one solve does otherwise than the settings say. */
export const SearchOverrides = z.object({
  profile: z.enum(PROFILES).optional(),
  strategy: z.enum(STRATEGIES).optional(),
  /** Tokens the policy may generate. */
  budgetTokens: z.int().positive().optional(),
  candidates: z.int().min(1).max(64).optional(),
  seed: z.int().nonnegative().optional(),
});
export type SearchOverrides = z.infer<typeof SearchOverrides>;

/** Solve one problem. `insert` false keeps the result in the trace store only (comparisons do). */
export const SolveParams = z.object({
  ...ProblemPlace.shape,
  ...ProgressTokens.shape,
  overrides: SearchOverrides.optional(),
  /** By default what `display.solutionPlacement` says. */
  insert: z.boolean().optional(),
});
export type SolveParams = z.infer<typeof SolveParams>;

/** Why there was no search. Each is a state that a person can change. */
export const SolveObstacle = z.enum([
  /** The model's file is not on this machine; `rstar/models/download` fetches it. */
  "model-missing",
  /** The model or the engine could not be opened, or the endpoint not be used. */
  "model-failed",
  /** The endpoint wants a key, or another one. */
  "key-missing",
  /** No document is open under that URI, or it has no such problem. */
  "no-problem",
  "no-trace",
  "untrusted",
  /** The same problem of the same document is being solved. */
  "busy",
  /** The choice cannot be gone on from, such as an edited step that fails. */
  "bad-choice",
]);
export type SolveObstacle = z.infer<typeof SolveObstacle>;

const found = {
  traceId: z.string(),
  /** A sentence for the person. */
  message: z.string(),
  /** The search could not be stored, as the message says: it is gone when the server ends. */
  unstored: z.literal(true).optional(),
};

/** How a solve ended. The trace of every search that began is in the store, whatever `kind` says, if it could be stored. */
export const SolveOutcome = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("solved"),
    ...found,
    answer: z.string(),
    /** Trajectories that agree with the answer, of those that reached one. */
    support: z.int(),
    trajectories: z.int(),
    /** False: the solution is kept in the store, and `rstar/insertSolution` puts it in later. */
    inserted: z.boolean(),
  }),
  /** The budget was used up and no trajectory reached an answer. */
  z.object({ kind: z.literal("unsolved"), ...found }),
  /** Stopped by the person. `best` may be inserted, and `rstar/resume` goes on. */
  z.object({
    kind: z.literal("cancelled"),
    message: z.string(),
    unstored: found.unstored,
    /** Null when it was stopped before the search began. */
    traceId: z.string().nullable(),
    best: SearchProgress.shape.best,
  }),
  /** The search began and could not go on; what it found is kept. */
  z.object({ kind: z.literal("failed"), ...found }),
  z.object({
    kind: z.literal("not-started"),
    reason: SolveObstacle,
    message: z.string(),
    /** With `model-missing`: which model, and the bytes to download. */
    model: z.object({ id: z.string(), bytes: z.int() }).optional(),
  }),
]);
export type SolveOutcome = z.infer<typeof SolveOutcome>;

/** How fast a search goes, measured over all of it so far. Null until there is something to measure. */
export const SearchRate = z.object({
  tokensPerSecond: z.number().nonnegative(),
  /** Until the budget is used up; searches often end earlier. */
  secondsLeft: z.number().nonnegative(),
});
export type SearchRate = z.infer<typeof SearchRate>;

/** Which search something is about. */
export const SearchIdentity = z.object({
  /** The id of the trace to be, known from the start. */
  traceId: z.string(),
  uri: z.string(),
  /** The statement's hash. */
  problemHash: z.string(),
});

/** The partial result of a solve. */
export const SolveProgress = z.object({
  ...SearchIdentity.shape,
  progress: SearchProgress,
  rate: SearchRate.nullable(),
});
export type SolveProgress = z.infer<typeof SolveProgress>;

/** What happened in a search since the last such message: at most ten a second, in order; of a draft only its latest text. */
export const SearchNews = z.object({
  ...SearchIdentity.shape,
  events: z.array(SearchEvent),
  rate: SearchRate.nullable(),
  /** On the last news of a search that broke off and could not tell of its end. */
  ended: z.literal(true).optional(),
});
export type SearchNews = z.infer<typeof SearchNews>;

/** A node of a trace: by its number, or as the n-th step (0-based) of the trajectory that was chosen. */
export const NodeReference = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("node"), node: z.int().nonnegative() }),
  z.object({ kind: z.literal("step"), position: z.int().nonnegative() }),
]);
export type NodeReference = z.infer<typeof NodeReference>;

/**
 * What a person decided about a step. The search goes on from there, and the decision is stored as a preference:
 *
 * - `pin`: the solution has to go through this step
 * - `reject`: never through this step
 * - `edit`: through this text (comment and code) instead of the step
 */
export const PersonChoice = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("pin"), at: NodeReference }),
  z.object({ kind: z.literal("reject"), at: NodeReference }),
  z.object({ kind: z.literal("edit"), at: NodeReference, text: z.string().min(1).max(20_000) }),
]);
export type PersonChoice = z.infer<typeof PersonChoice>;

/** Go on with a search that is stored: as it was left (`rstar/resume`) or from a person's choice (`rstar/continue`). */
export const ResumeParams = z.object({
  traceId: z.string(),
  /** The document that gets the solution; without it the result is only stored. */
  place: ProblemPlace.optional(),
  ...ProgressTokens.shape,
  /** `budgetTokens` counts what is generated from now on. */
  overrides: SearchOverrides.optional(),
});
export const ContinueParams = z.object({ ...ResumeParams.shape, choice: PersonChoice });

/** What came of running one stored step again. */
export const StepCheck = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("same") }),
  z.object({ kind: z.literal("different"), stored: z.string(), now: z.string() }),
  z.object({ kind: z.literal("fails"), message: z.string() }),
]);
export type StepCheck = z.infer<typeof StepCheck>;

/** Whether the answer follows from the last step's output. `not-checked`: a step fails, so nothing was asked. */
export const AnswerCheck = z.enum(["follows", "does-not-follow", "not-printed", "not-checked", "none"]);
export type AnswerCheck = z.infer<typeof AnswerCheck>;

/** What came of checking stored solutions again. */
export const VerifyOutcome = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("checked"),
    message: z.string(),
    solutions: z.array(
      z.object({
        problemHash: z.string(),
        index: z.int().positive(),
        steps: z.array(StepCheck),
        answer: AnswerCheck,
        holds: z.boolean(),
      }),
    ),
  }),
  z.object({ kind: z.literal("not-done"), message: z.string() }),
]);
export type VerifyOutcome = z.infer<typeof VerifyOutcome>;

/** `solve_math_problem` of the tools that other programs call. Belongs to no document. */
export const SolveTextParams = z.object({
  problem: z.string().min(1).max(20_000).describe("The problem in words, Markdown and LaTeX."),
  budgetTokens: z
    .int()
    .min(50)
    .max(100_000)
    .optional()
    .describe(
      "Tokens the local model may generate; more is slower and surer. Default: 1600, or what the editor's settings say.",
    ),
});
export const SolveTextResult = z.object({
  kind: z.enum(["solved", "unsolved", "not-started"]),
  /** For a person or a model: the solution as Markdown, or what is in the way. */
  text: z.string(),
  answer: z.string().nullable(),
  traceId: z.string().nullable(),
});
export type SolveTextResult = z.infer<typeof SolveTextResult>;

/** `verify_math_step` of the tools that other programs call. */
export const VerifyStepParams = z.object({
  earlier: z
    .array(z.string().max(20_000))
    .max(64)
    .default([])
    .describe("Python code of the accepted steps before this one, in order."),
  step: z
    .string()
    .min(1)
    .max(20_000)
    .describe("Python code of the step to check; `assert` states what must hold."),
});
export const VerifyStepResult = z.object({
  kind: z.enum(["ok", "failed", "not-started"]),
  /** Whether it ran, its assertions held, and what it printed; or which line failed and why. */
  text: z.string(),
  output: z.string(),
  assertions: z.int().nonnegative(),
});
export type VerifyStepResult = z.infer<typeof VerifyStepResult>;
