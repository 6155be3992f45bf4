/** Tokens of prefixes: every segment is tokenised on its own and remembered, as neighbours share most segments. */
import type { Prefix } from "../services.ts";

/** What the engine needs of a model's vocabulary. */
export interface Vocabulary {
  /** Tokens of a text; nothing in it is read as a special token. */
  tokenize(text: string): readonly number[];
  /** Tokens of a text from the manifest, in which special tokens may be written out. */
  tokenizeTrusted(text: string): readonly number[];
  /** Text of tokens; an incomplete character at the end comes out as U+FFFD, special tokens as nothing. */
  detokenize(tokens: readonly number[]): string;
  /** The token that the model wants at the start of every text; null when it wants none. */
  readonly bos: number | null;
  /** Whether the model says with this token that the text is over. */
  isEndOfText(token: number): boolean;
}

/** Tokenises prefixes through a cache of segments, the least recently used of which are forgotten. */
export class PrefixTokenizer {
  readonly vocabulary: Vocabulary;
  readonly #capacity: number;
  readonly #cache = new Map<string, readonly number[]>();

  /** @param capacity The most segments remembered. */
  constructor(vocabulary: Vocabulary, capacity = 2000) {
    this.vocabulary = vocabulary;
    this.#capacity = capacity;
  }

  /** The start token, if the model has one, and the tokens of each segment in turn. */
  tokens(prefix: Prefix): number[] {
    const { bos } = this.vocabulary;
    const start = bos === null ? [] : [bos];
    return start.concat(...prefix.map((segment) => this.segment(segment)));
  }

  /** The tokens of one segment. */
  segment(text: string): readonly number[] {
    const tokens = this.#cache.get(text) ?? this.vocabulary.tokenize(text);
    this.#cache.delete(text);
    this.#cache.set(text, tokens);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= this.#capacity) break;
      this.#cache.delete(oldest);
    }
    return tokens;
  }
}
