/** The process preference model: scores prefixes by two tokens' logits after a fixed suffix. */
import type { ModelIdentity, PreferenceModel, Prefix, ScoreResult } from "../services.ts";
import type { Logits, Readout } from "./backend.ts";
import { UnloadedError, type ContextHost, type OpenContext } from "./context-host.ts";
import type { Task } from "./decoder.ts";
import type { Vocabulary } from "./tokenizer.ts";

/** Where a score is read, in tokens. */
export interface ScoreTokens {
  /** Put after the prefix; its state is dropped once the score was read. */
  readonly suffix: readonly number[];
  readonly positive: number;
  readonly negative: number;
}

/** The score of two logits: `p+ - p-` when only these two tokens compete; in [-1, 1]. */
export function scoreOf(positive: number, negative: number): number {
  return Math.tanh((positive - negative) / 2);
}

/** Reads a manifest entry's suffix and tokens with the model's vocabulary; says what is wrong with them if anything is. */
export function scoreTokens(
  ppm: { readonly suffix: string; readonly positive: string; readonly negative: string },
  vocabulary: Vocabulary,
):
  { readonly kind: "tokens"; readonly tokens: ScoreTokens } | { readonly kind: "bad"; readonly why: string } {
  const suffix = vocabulary.tokenizeTrusted(ppm.suffix);
  const [positive, ...morePositive] = vocabulary.tokenizeTrusted(ppm.positive);
  const [negative, ...moreNegative] = vocabulary.tokenizeTrusted(ppm.negative);
  if (positive === undefined || morePositive.length > 0) {
    return { kind: "bad", why: `"${ppm.positive}" is not a single token of this model` };
  }
  if (negative === undefined || moreNegative.length > 0) {
    return { kind: "bad", why: `"${ppm.negative}" is not a single token of this model` };
  }
  if (positive === negative) return { kind: "bad", why: "the positive and the negative token are the same" };
  if (suffix.length === 0) return { kind: "bad", why: "the suffix is empty" };
  return { kind: "tokens", tokens: { suffix, positive, negative } };
}

/** What a PPM scored. */
export interface PpmCounters {
  readonly scores: number;
}

/** A PPM over a context that is loaded when needed. */
export class Ppm implements PreferenceModel {
  readonly identity: ModelIdentity;
  readonly #tokens: ScoreTokens;
  readonly #host: ContextHost;
  readonly #counters = { scores: 0 };

  constructor(identity: ModelIdentity, tokens: ScoreTokens, host: ContextHost) {
    this.identity = identity;
    this.#tokens = tokens;
    this.#host = host;
  }

  async score(prefixes: readonly Prefix[], signal: AbortSignal): Promise<readonly ScoreResult[]> {
    try {
      const results = await this.#host.run(signal, (context) =>
        prefixes.map((prefix) => new ScoreJob(prefix, this.#tokens, context)),
      );
      this.#counters.scores += results.filter((result) => result.kind === "score").length;
      return results;
    } catch (error) {
      if (!(error instanceof UnloadedError)) throw error;
      return prefixes.map(() => ({ kind: "failed", reason: error.message }));
    }
  }

  /** What was scored so far. */
  get counters(): PpmCounters {
    return { ...this.#counters };
  }

  /** Frees the context and, if nothing else uses it, the model. Calls under way end with `failed`. */
  dispose(): Promise<void> {
    return this.#host.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** One prefix under way. */
class ScoreJob implements Task {
  readonly result: Promise<ScoreResult>;
  readonly target: readonly number[];
  readonly readout: Readout;
  readonly order: number;
  readonly keep: number;
  cancelled = false;
  #evaluated = 0;
  #reused = 0;
  #settle: (result: ScoreResult) => void = () => undefined;

  constructor(prefix: Prefix, { suffix, positive, negative }: ScoreTokens, context: OpenContext) {
    const prompt = context.tokenizer.tokens(prefix);
    this.target = [...prompt, ...suffix];
    this.keep = prompt.length;
    this.readout = { kind: "logits", tokens: [positive, negative] };
    this.order = context.nextOrder();
    this.result = new Promise((resolve) => (this.#settle = resolve));
    const limit = context.contextLength;
    if (this.target.length > limit) this.#settle({ kind: "too-long", tokens: this.target.length, limit });
    else context.decoder.submit([this]);
  }

  cancel(): void {
    this.cancelled = true;
  }

  admitted(reused: number): void {
    this.#reused += reused;
  }

  evaluated(tokens: number): void {
    this.#evaluated += tokens;
  }

  fail(reason: string): void {
    this.cancelled = true;
    this.#settle({ kind: "failed", reason });
  }

  advance({ logits: [positive, negative] }: Logits): null {
    if (positive === undefined || negative === undefined) throw new Error("the model gave no logits");
    const value = scoreOf(positive, negative);
    if (!Number.isFinite(value)) throw new Error("the model gave logits that are not numbers");
    this.#settle({
      kind: "score",
      value,
      evaluatedTokens: this.#evaluated,
      reusedTokens: this.#reused,
    });
    return null;
  }
}
