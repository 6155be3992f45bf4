/**
 * The interfaces through which search, commands and evolution see the outside: models, Python, graders, storage.
 * `server/compose.ts` builds the real ones; the tests build fakes.
 */
import type { Place } from "./protocol/lines.ts";
import type { Trace } from "./protocol/trace.ts";
import type { MetricsLine, TrainingJob, TrainingResult } from "./protocol/training.ts";

/* ------------------------------------------------------------------ models */

/**
 * A prompt and what was accepted after it, as consecutive pieces of text. Every piece is tokenised on its own, so
 * the tokens of a node's prefix are always a prefix of its children's tokens and their KV state can be reused.
 */
export type Prefix = readonly string[];

/** How the next token is drawn. `temperature` 0 is greedy; the other filters are then ignored. */
export interface SamplingOptions {
  readonly temperature: number;
  /** Nucleus: the smallest set of tokens with at least this much probability. 1 is off. */
  readonly topP: number;
  /** At most this many tokens. 0 is off. */
  readonly topK?: number;
  /** Drops tokens less likely than this share of the likeliest. 0 is off. */
  readonly minP?: number;
}

/** Asks for one candidate for each seed, all continuing the same prefix. */
export interface ProposeRequest {
  readonly prefix: Prefix;
  /** One unsigned 32-bit seed per candidate: the candidate depends on its seed and prefix, not on its neighbours. */
  readonly seeds: readonly number[];
  readonly sampling: SamplingOptions;
  /** Generation ends after the first of these strings that appears, across token boundaries too. */
  readonly stop: readonly string[];
  /** The most tokens one candidate may take. */
  readonly maxTokens: number;
  /** Hears a candidate's text whenever it has a line more: for displays only. `candidate` is the seed's position. */
  readonly onText?: (candidate: number, text: string) => void;
}

/** One continuation of a prefix. */
export interface Candidate {
  /** The generated text, without the stop string that ended it and without anything after that. */
  readonly text: string;
  /** How many tokens were generated, those of the stop string included. */
  readonly tokens: number;
  /** Natural log-probabilities of the generated tokens under the unfiltered distribution (temperature 1); null where
   * a server does not tell them. */
  readonly logProb: { readonly mean: number; readonly min: number } | null;
  readonly finish:
    | { readonly kind: "stop"; readonly stop: string }
    | { readonly kind: "end-of-text" }
    | { readonly kind: "length" };
}

/** What one request led to, and what it cost. */
export type ProposeResult =
  | {
      readonly kind: "candidates";
      /** In the order of the request's seeds. */
      readonly candidates: readonly Candidate[];
      /** Prompt tokens that had to be computed for this request: those that no KV state held. */
      readonly evaluatedTokens: number;
      /** Prompt tokens whose KV state was found and reused. */
      readonly reusedTokens: number;
    }
  | { readonly kind: "too-long"; readonly tokens: number; readonly limit: number }
  | { readonly kind: "failed"; readonly reason: string };

/** What a model is, for reports and traces. */
export interface ModelIdentity {
  /** The manifest entry's id, the file's name for a model of the user's own, or what a server calls it. */
  readonly id: string;
  /** SHA-256 of the GGUF file, lower-case hex. A server does not tell the hash of what it runs. */
  readonly sha256?: string;
  /** Scheme, host and port of the server that ran it, where it was not this machine's engine. */
  readonly endpoint?: string;
  readonly adapter?: { readonly id: string; readonly sha256: string };
}

/** A model of the manifest, or of the user's own, whose files are on this machine and have the right hashes. */
export interface ResolvedModel {
  readonly id: string;
  readonly role: "policy" | "ppm";
  /** Absolute path and SHA-256 of the GGUF file. */
  readonly path: string;
  readonly sha256: string;
  /** LoRA adapter in GGUF form, loaded beside the untouched base. */
  readonly adapter?: { readonly id: string; readonly path: string; readonly sha256: string };
  /** Longest context the model was trained for, in tokens. */
  readonly contextLength: number;
  /** Number of parameters, for FLOP and memory estimates. */
  readonly parameters: number;
  /** `two-shot` puts worked examples before the problem (an untuned base); `bare` does not (a tuned policy). */
  readonly promptFormat: "two-shot" | "bare";
  /** Where a PPM's score is read: the text put after the last step, and the two tokens whose logits are compared. */
  readonly ppm?: { readonly suffix: string; readonly positive: string; readonly negative: string };
}

/** Proposes next steps. Calls may overlap; the engine decodes all their candidates together. */
export interface PolicyModel {
  readonly identity: ModelIdentity;
  /**
   * Results come in the order of `requests`.
   * @throws the signal's reason when it is aborted, within 250 ms.
   */
  propose(requests: readonly ProposeRequest[], signal: AbortSignal): Promise<readonly ProposeResult[]>;
}

/** One PPM score: `tanh((l+ - l-) / 2)` in [-1, 1] over the manifest entry's two tokens. */
export type ScoreResult =
  | {
      readonly kind: "score";
      readonly value: number;
      readonly evaluatedTokens: number;
      readonly reusedTokens: number;
    }
  | { readonly kind: "too-long"; readonly tokens: number; readonly limit: number }
  | { readonly kind: "failed"; readonly reason: string };

/** Scores partial solutions; the process preference model (PPM) of rStar-Math section 3.3. */
export interface PreferenceModel {
  readonly identity: ModelIdentity;
  /** Results come in the order of `prefixes`. @throws the signal's reason when it is aborted, within 250 ms. */
  score(prefixes: readonly Prefix[], signal: AbortSignal): Promise<readonly ScoreResult[]>;
}

/* ----------------------------------------------------------------- sandbox */

/**
 * The Python state after some accepted steps. It is a value: the steps' code says all there is to know, and whatever a
 * worker caches for it may vanish at any time.
 */
export interface SandboxState {
  /** The code of every step so far, in order. */
  readonly program: readonly string[];
}

/** How a step is run. */
export interface RunOptions {
  /** Puts in well-known imports that the step forgot (`sqrt`, `Rational`, `math`), as models often do. */
  readonly completeImports?: boolean;
}

/** What came of running one step on top of a state. `ms` is wall time of the step itself. */
export type RunResult = {
  /** What was run: the step, with the imports that were put in. Lines in messages count in it. */
  readonly code: string;
} & (
  | {
      readonly kind: "ok";
      /** What was printed, at most the output limit; `truncated` says whether there was more. */
      readonly output: string;
      readonly truncated: boolean;
      /** `str()` of the last statement when it is an expression whose value is not None; else null. */
      readonly value: string | null;
      /** How many `assert` statements the step's code executed, all of which held. */
      readonly assertions: number;
      readonly ms: number;
      /** The state after the step. */
      readonly state: SandboxState;
    }
  | {
      readonly kind: "error";
      readonly output: string;
      /** Exception type (`NameError`), message, and the line within the step's code (1-based) where known. */
      readonly error: { readonly type: string; readonly message: string; readonly line: number | null };
      readonly ms: number;
    }
  | { readonly kind: "timeout"; readonly output: string; readonly limitMs: number; readonly ms: number }
  | { readonly kind: "memory"; readonly output: string; readonly limitMB: number; readonly ms: number }
  /** The interpreter died (deep recursion, a fatal error); it has been replaced. */
  | { readonly kind: "crash"; readonly reason: string; readonly ms: number }
);

/** A service that cannot work on this machine as it is. The message says what happened and what to do. */
export class ServiceUnavailable extends Error {}

/** Runs model-written Python where it can reach no file, network, environment, process or host JavaScript. */
export interface Sandbox {
  /** Runs `step` on top of `state`. @throws the signal's reason when it is aborted, within 250 ms. */
  run(state: SandboxState, step: string, signal: AbortSignal, options?: RunOptions): Promise<RunResult>;
}

/** The state before any step. */
export const EMPTY_STATE: SandboxState = { program: [] };

/* ----------------------------------------------------------------- grading */

/** `strict` compares the values as written; `lenient` also forgives units, text around the value and rounding. */
export type GradingMode = "strict" | "lenient";

/** Whether two answers are the same, and by which rule (`text`, `number`, `symbolic`, …) that was seen. */
export interface Verdict {
  readonly kind: "equal" | "different" | "undecided";
  readonly how: string;
}

export interface Grader {
  /**
   * Symmetric. Undecided when nothing could tell within the time limit; never an exception for odd input.
   * @throws ServiceUnavailable when there is no Python to compare with.
   */
  equivalent(a: string, b: string, mode: GradingMode, signal: AbortSignal): Promise<Verdict>;
}

/* ------------------------------------------------------------------ traces */

/** A line of the store that could not be read, with its 1-based number. */
export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

export interface TraceStore {
  /** Appends durably (fsync) and returns once the line is on disk. */
  append(trace: Trace): Promise<void>;
  /** Every stored trace that passes the filter, oldest first, and the lines that could not be read. */
  query(
    filter?: TraceFilter,
  ): Promise<{ readonly traces: readonly Trace[]; readonly bad: readonly BadLine[] }>;
  /** The same, but of each trace only what `of` takes from it: a large store is never in memory whole. */
  read<T>(
    of: (trace: Trace, place: Place) => T,
    filter?: TraceFilter,
  ): Promise<{ readonly traces: readonly T[]; readonly bad: readonly BadLine[] }>;
  /** The trace at a place. @throws Error where something else stands there by now. */
  at(place: Place): Promise<Trace>;
  /** Deletes what the predicate picks (null stands for a line that cannot be read) and says how many lines went. */
  remove(isPicked: (trace: Trace | null) => boolean): Promise<number>;
}

export interface TraceFilter {
  /** How the id begins. */
  readonly id?: string;
  /** The whole id. Nothing is read beyond the first trace that has it. */
  readonly exactId?: string;
}

/* ---------------------------------------------------------------- training */

/** Trains adapters: makes its environment when there is none, trains, exports to GGUF and tests parity. */
export interface Trainer {
  /**
   * Before anything is spent: Python, space, the environment (made when it is missing), then the whole chain once on
   * one line of the job's kind (train one step, export, load), below `job.out`. The job's data need not exist yet.
   * @throws the signal's reason when it is aborted.
   */
  prepare(
    job: TrainingJob,
    signal: AbortSignal,
    onMetrics?: (line: MetricsLine) => void,
  ): Promise<TrainingPreparation>;
  /**
   * Runs the job in `job.out`, which is made when it is missing. Every metrics line is reported as it is written.
   * An aborted signal ends it with `stopped`, after a checkpoint: the process gets some seconds to write it.
   */
  train(
    job: TrainingJob,
    signal: AbortSignal,
    onMetrics?: (line: MetricsLine) => void,
  ): Promise<TrainingResult>;
}

/** Whether training can begin. */
export type TrainingPreparation =
  { readonly kind: "ready" } | Extract<TrainingResult, { readonly kind: "failed" }>;
