/** The narrow interface between the decoder's scheduling and whatever evaluates batches of tokens. */

/** What is wanted of the logits after an item's last token. */
export type Readout =
  /** Every token whose logit is at most `window` nats below the greatest. */
  | { readonly kind: "top"; readonly window: number }
  /** The logits of these tokens, in this order. */
  | { readonly kind: "logits"; readonly tokens: readonly number[] };

/** Tokens to evaluate at consecutive positions of one sequence. */
export interface BatchItem {
  readonly sequence: number;
  /** Position of the first token; the sequence holds exactly this many cells already. */
  readonly position: number;
  readonly tokens: readonly number[];
  /** What to read after the last token; null when the prefix goes on. */
  readonly readout: Readout | null;
  /** Tokens of no meaning that are computed after these and leave no trace: 0 where `rowGroup` is 1. */
  readonly padding: number;
}

/** Parallel arrays of tokens and their raw logits, in no particular order. */
export interface Logits {
  readonly tokens: readonly number[];
  readonly logits: readonly number[];
}

/** What a batch gave and how long it took, in milliseconds. */
export interface BatchResult {
  /** One entry for each item, in order; null where nothing was to be read. */
  readonly outputs: readonly (Logits | null)[];
  readonly decodeMs: number;
  readonly readMs: number;
}

/**
 * A model context with numbered sequences, each with cells of its own. Calls never overlap.
 * Every method rejects when the native side fails; the decoder then truncates the sequences involved.
 */
export interface BatchBackend {
  /** Which implementation this is, for reports. */
  readonly kind: "native" | "public" | "fake";
  /** How many sequences there are, numbered from 0. */
  readonly sequences: number;
  /** The most tokens one sequence can hold. */
  readonly cells: number;
  /** The most tokens in one batch. */
  readonly batchSize: number;
  /**
   * Batches of whole groups of so many rows give each sequence the same logits, to the last bit, whatever else they hold.
   * 1: batches are not padded, and their shape may show in the last bits of what they give.
   */
  readonly rowGroup: number;
  /** Evaluates items with ascending sequence numbers in one batch. */
  evaluate(items: readonly BatchItem[]): Promise<BatchResult>;
  /** Makes `to` hold exactly what `from` holds. */
  fork(from: number, to: number): Promise<void>;
  /** Drops the cells of a sequence from position `length` on. */
  truncate(sequence: number, length: number): Promise<void>;
  /** Frees the context. */
  dispose(): Promise<void>;
}
