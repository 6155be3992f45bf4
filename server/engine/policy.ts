/** The policy model: turns requests for candidates into decoder tasks and their tokens into text. */
import type {
  Candidate,
  ModelIdentity,
  PolicyModel,
  ProposeRequest,
  ProposeResult,
  SamplingOptions,
} from "../services.ts";
import type { Logits, Readout } from "./backend.ts";
import { UnloadedError, type ContextHost, type OpenContext } from "./context-host.ts";
import type { Task } from "./decoder.ts";
import { drawToken, windowFor, type Draw } from "./sampling.ts";
import { StopMatcher, TextStream } from "./stop.ts";

/** What a policy generated and what it evaluated for that. */
export interface PolicyCounters {
  readonly candidates: number;
  readonly generatedTokens: number;
  /** Prompt tokens computed, those of evicted prefixes again included. */
  readonly promptTokens: number;
}

/** A policy over a context that is loaded when needed. */
export class Policy implements PolicyModel {
  readonly identity: ModelIdentity;
  readonly #host: ContextHost;
  readonly #counters = { candidates: 0, generatedTokens: 0, promptTokens: 0 };

  constructor(identity: ModelIdentity, host: ContextHost) {
    this.identity = identity;
    this.#host = host;
  }

  async propose(requests: readonly ProposeRequest[], signal: AbortSignal): Promise<readonly ProposeResult[]> {
    try {
      return await this.#host.run(signal, (context) =>
        requests.map((request) => new ProposeJob(request, context, this.#counters)),
      );
    } catch (error) {
      if (!(error instanceof UnloadedError)) throw error;
      return requests.map(() => ({ kind: "failed", reason: error.message }));
    }
  }

  /** What was generated so far. */
  get counters(): PolicyCounters {
    return { ...this.#counters };
  }

  /** Whether the model is in memory, or being loaded. */
  get loaded(): boolean {
    return this.#host.loaded;
  }

  /** Frees the context and, if nothing else uses it, the model. Calls under way end with `failed`. */
  dispose(): Promise<void> {
    return this.#host.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

type MutableCounters = { -readonly [Key in keyof PolicyCounters]: PolicyCounters[Key] };

/** One request under way: first its prefix, then a task for every branch of its candidates. */
class ProposeJob {
  readonly result: Promise<ProposeResult>;
  readonly request: ProposeRequest;
  readonly context: OpenContext;
  readonly prompt: readonly number[];
  readonly order: number;
  readonly readout: Readout;
  cancelled = false;
  evaluatedTokens = 0;
  reusedTokens = 0;
  readonly #candidates: (Candidate | null)[];
  readonly #counters: MutableCounters;
  #settle: (result: ProposeResult) => void = () => undefined;

  constructor(request: ProposeRequest, context: OpenContext, counters: MutableCounters) {
    this.#counters = counters;
    this.request = request;
    this.context = context;
    this.prompt = context.tokenizer.tokens(request.prefix);
    this.order = context.nextOrder();
    this.readout = { kind: "top", window: windowFor(request.sampling) };
    this.#candidates = request.seeds.map(() => null);
    this.result = new Promise((resolve) => (this.#settle = resolve));
    this.#start();
  }

  cancel(): void {
    this.cancelled = true;
  }

  fail(reason: string): void {
    this.cancelled = true;
    this.#settle({ kind: "failed", reason });
  }

  evaluatedPrompt(tokens: number): void {
    this.evaluatedTokens += tokens;
    this.#counters.promptTokens += tokens;
  }

  generated(): void {
    this.#counters.generatedTokens++;
  }

  finish(index: number, candidate: Candidate): void {
    this.#candidates[index] = candidate;
    this.#counters.candidates++;
    const done = this.#candidates.filter((entry) => entry !== null);
    if (done.length < this.#candidates.length) return;
    const { evaluatedTokens, reusedTokens } = this;
    this.#settle({ kind: "candidates", candidates: done, evaluatedTokens, reusedTokens });
  }

  #start(): void {
    const { prompt, context, request } = this;
    // One cell at least must be left for a generated token.
    const limit = context.contextLength - 1;
    if (prompt.length > limit) this.#settle({ kind: "too-long", tokens: prompt.length, limit });
    else if (prompt.length === 0) this.fail("the prefix is empty");
    else if (request.maxTokens < 1) this.fail(`maxTokens must be at least 1, got ${request.maxTokens}`);
    else if (request.seeds.length === 0) {
      this.#settle({ kind: "candidates", candidates: [], evaluatedTokens: 0, reusedTokens: 0 });
    } else context.decoder.submit([new PrefixTask(this)]);
  }
}

/** Computes a request's prefix once; its logits give the first token of every candidate. */
class PrefixTask implements Task {
  readonly #job: ProposeJob;

  constructor(job: ProposeJob) {
    this.#job = job;
  }

  get target(): readonly number[] {
    return this.#job.prompt;
  }
  get readout(): Readout {
    return this.#job.readout;
  }
  get order(): number {
    return this.#job.order;
  }
  get cancelled(): boolean {
    return this.#job.cancelled;
  }

  admitted(reused: number): void {
    this.#job.reusedTokens += reused;
  }

  evaluated(tokens: number): void {
    this.#job.evaluatedPrompt(tokens);
  }

  fail(reason: string): void {
    this.#job.fail(reason);
  }

  advance(logits: Logits): Task | null {
    const job = this.#job;
    const drafts = job.request.seeds.map((seed, index) => new Draft(job, index, seed));
    return branch(job, job.prompt, drafts, logits);
  }
}

/**
 * Candidates that have drawn the same tokens so far. What they share is evaluated once, with one place in the batch:
 * a sibling that repeats another costs nothing until the two part.
 */
class BranchTask implements Task {
  readonly target: readonly number[];
  readonly #job: ProposeJob;
  readonly #drafts: readonly Draft[];
  #promptLeft = 0;

  constructor(job: ProposeJob, target: readonly number[], drafts: readonly Draft[]) {
    this.#job = job;
    this.target = target;
    this.#drafts = drafts;
  }

  get readout(): Readout {
    return this.#job.readout;
  }
  get order(): number {
    return this.#job.order;
  }
  get cancelled(): boolean {
    return this.#job.cancelled;
  }

  admitted(reused: number): void {
    // The part of the prompt that was evicted before this branch had a lane has to be computed again.
    this.#promptLeft = Math.max(0, this.#job.prompt.length - reused);
  }

  evaluated(tokens: number): void {
    const prompt = Math.min(tokens, this.#promptLeft);
    this.#promptLeft -= prompt;
    if (prompt > 0) this.#job.evaluatedPrompt(prompt);
  }

  fail(reason: string): void {
    this.#job.fail(reason);
  }

  advance(logits: Logits): Task | null {
    return branch(this.#job, this.target, this.#drafts, logits);
  }
}

/**
 * Draws every draft's next token and makes a branch of those that drew the same. One goes on in this lane and is
 * returned, null when all drafts have ended; the others fork it as soon as there are lanes for them.
 */
function branch(
  job: ProposeJob,
  target: readonly number[],
  drafts: readonly Draft[],
  logits: Logits,
): BranchTask | null {
  const byToken = new Map<number, Draft[]>();
  for (const draft of drafts) {
    const token = draft.accept(target, logits);
    if (token !== null) byToken.set(token, [...(byToken.get(token) ?? []), draft]);
  }
  const [first, ...others] = [...byToken].map(
    ([token, same]) => new BranchTask(job, [...target, token], same),
  );
  if (others.length > 0) job.context.decoder.submit(others);
  return first ?? null;
}

/** One candidate under way. */
class Draft {
  readonly #job: ProposeJob;
  readonly #index: number;
  readonly #seed: number;
  readonly #stream: TextStream;
  readonly #stops: StopMatcher;
  #tokens = 0;
  #logProbSum = 0;
  #logProbMin = 0;

  constructor(job: ProposeJob, index: number, seed: number) {
    const { vocabulary } = job.context.tokenizer;
    this.#job = job;
    this.#index = index;
    this.#seed = seed;
    this.#stream = new TextStream((tokens) => vocabulary.detokenize(tokens));
    this.#stops = new StopMatcher(job.request.stop);
  }

  /** Draws the token that follows `target`; null when it ended the candidate. */
  accept(target: readonly number[], logits: Logits): number | null {
    const { sampling, maxTokens } = this.#job.request;
    const { token } = this.#draw(logits, sampling);
    if (this.#job.context.tokenizer.vocabulary.isEndOfText(token)) return this.#end({ kind: "end-of-text" });
    const piece = this.#stream.push(token);
    const state = this.#stops.push(piece);
    if (piece.includes("\n")) this.#job.request.onText?.(this.#index, this.#stops.text);
    if (state.kind === "stop") return this.#end({ kind: "stop", stop: state.stop }, state.text);
    const full = target.length + 1 >= this.#job.context.contextLength;
    return this.#tokens >= maxTokens || full ? this.#end({ kind: "length" }) : token;
  }

  #draw(logits: Logits, sampling: SamplingOptions): Draw {
    const draw = drawToken(logits, sampling, this.#seed, this.#tokens);
    this.#tokens++;
    this.#job.generated();
    this.#logProbSum += draw.logProb;
    this.#logProbMin = Math.min(this.#logProbMin, draw.logProb);
    return draw;
  }

  #end(finish: Candidate["finish"], text?: string): null {
    let whole = text;
    if (whole === undefined) {
      const state = this.#stops.push(this.#stream.flush());
      whole = this.#stops.text;
      if (state.kind === "stop") {
        this.#job.finish(this.#index, this.#candidate(state.text, { kind: "stop", stop: state.stop }));
        return null;
      }
    }
    this.#job.finish(this.#index, this.#candidate(whole, finish));
    return null;
  }

  #candidate(text: string, finish: Candidate["finish"]): Candidate {
    const mean = this.#logProbSum / this.#tokens;
    return { text, tokens: this.#tokens, logProb: { mean, min: this.#logProbMin }, finish };
  }
}
