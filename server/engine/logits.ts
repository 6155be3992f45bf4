/** Reads the engine's next-token distribution after given prefixes, to hold it against another implementation's. */
import type { Prefix } from "../services.ts";
import type { Logits, Readout } from "./backend.ts";
import type { ContextHost, OpenContext } from "./context-host.ts";
import type { Task } from "./decoder.ts";
import { logSumExp } from "./sampling.ts";
import type { Vocabulary } from "./tokenizer.ts";

/** The distribution after one prefix. */
export interface LogitReading {
  /** The prefix's tokens, the beginning-of-text token included where the model wants one. */
  readonly tokens: readonly number[];
  /** Natural log-probabilities of all tokens that are not negligible. */
  readonly logProbs: ReadonlyMap<number, number>;
}

/** A model, with or without an adapter, that only answers how likely each next token is. */
export class LogitReader {
  readonly #host: ContextHost;
  readonly #vocabulary: Vocabulary;

  constructor(host: ContextHost, vocabulary: Vocabulary) {
    this.#host = host;
    this.#vocabulary = vocabulary;
  }

  /**
   * In the order of `prefixes`.
   * @throws the signal's reason when it is aborted; Error when the model cannot evaluate a prefix.
   */
  async read(prefixes: readonly Prefix[], signal: AbortSignal): Promise<readonly LogitReading[]> {
    const readings = await this.#host.run(signal, (context) =>
      prefixes.map((prefix) => new ReadJob(prefix, context)),
    );
    return readings.map((reading) => {
      if (typeof reading === "string") throw new Error(reading);
      return reading;
    });
  }

  /** Whether the model says with this token that the text is over. */
  isEndOfText(token: number): boolean {
    return this.#vocabulary.isEndOfText(token);
  }

  /** Frees the context and, if nothing else uses it, the model. */
  dispose(): Promise<void> {
    return this.#host.dispose();
  }
}

/** Nats below the likeliest token: a whole vocabulary of what lies further down has less than 0.0002 of the probability. */
const WINDOW = 20;

class ReadJob implements Task {
  readonly result: Promise<LogitReading | string>;
  readonly target: readonly number[];
  readonly readout: Readout = { kind: "top", window: WINDOW };
  readonly order: number;
  cancelled = false;
  #settle: (result: LogitReading | string) => void = () => undefined;

  constructor(prefix: Prefix, context: OpenContext) {
    this.target = context.tokenizer.tokens(prefix);
    this.order = context.nextOrder();
    this.result = new Promise((resolve) => (this.#settle = resolve));
    const { length } = this.target;
    if (length === 0 || length > context.contextLength)
      this.fail(`a prefix of ${length} tokens cannot be read`);
    else context.decoder.submit([this]);
  }

  cancel(): void {
    this.cancelled = true;
  }

  fail(reason: string): void {
    this.cancelled = true;
    this.#settle(reason);
  }

  advance({ tokens, logits }: Logits): null {
    const total = logSumExp(logits);
    const logProbs = new Map(tokens.map((token, index) => [token, (logits[index] ?? -Infinity) - total]));
    this.#settle({ tokens: this.target, logProbs });
    return null;
  }
}
