/** Turns generated tokens into text as they come and finds the first stop string, across token boundaries too. */

/** What the text so far amounts to. */
export type StopState =
  | { readonly kind: "open" }
  /** `text` is what came before the stop string. */
  | { readonly kind: "stop"; readonly stop: string; readonly text: string };

/**
 * Watches growing text for stop strings. The one whose last character comes first ends the text; of several that end
 * there, the longest. So the result does not depend on how the text was cut into pieces. Empty stop strings are ignored.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  readonly #longest: number;
  #text = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "").sort((a, b) => b.length - a.length);
    this.#longest = this.#stops[0]?.length ?? 0;
  }

  /** All the text so far. */
  get text(): string {
    return this.#text;
  }

  /** Appends a piece and says whether a stop string is now complete. */
  push(piece: string): StopState {
    const from = Math.max(0, this.#text.length - this.#longest + 1);
    this.#text += piece;
    let end = Infinity;
    let found = "";
    for (const stop of this.#stops) {
      const at = this.#text.indexOf(stop, from);
      // Longer strings come first, so a shorter one wins only by ending earlier.
      if (at >= 0 && at + stop.length < end) {
        end = at + stop.length;
        found = stop;
      }
    }
    if (found === "") return { kind: "open" };
    return { kind: "stop", stop: found, text: this.#text.slice(0, end - found.length) };
  }
}

/** Text for a run of tokens; incomplete UTF-8 at its end comes out as U+FFFD. */
export type Detokenize = (tokens: readonly number[]) => string;

/**
 * Detokenises one token at a time. A piece that ends within a character is held back until the rest has come. Each
 * piece is the difference of two short texts with a common start, since some vocabularies write a token differently
 * at the start of a text (the space before a word).
 */
export class TextStream {
  readonly #detokenize: Detokenize;
  readonly #tokens: number[] = [];
  #start = 0;
  #read = 0;

  constructor(detokenize: Detokenize) {
    this.#detokenize = detokenize;
  }

  /** The text that this token completes; often its own, empty while a character is incomplete. */
  push(token: number): string {
    this.#tokens.push(token);
    const before = this.#detokenize(this.#tokens.slice(this.#start, this.#read));
    const after = this.#detokenize(this.#tokens.slice(this.#start));
    if (after.endsWith("\uFFFD") && this.#tokens.length - this.#read < 8) return "";
    this.#start = this.#read;
    this.#read = this.#tokens.length;
    return after.slice(before.length);
  }

  /** Whatever is still held back, as it is. */
  flush(): string {
    const before = this.#detokenize(this.#tokens.slice(this.#start, this.#read));
    const after = this.#detokenize(this.#tokens.slice(this.#start));
    this.#start = this.#read;
    this.#read = this.#tokens.length;
    return after.slice(before.length);
  }
}
