/** A batch backend without a model: its logits are a function of the tokens in a sequence's cells, and it checks its caller. */
import type { BatchBackend, BatchItem, BatchResult, Logits } from "../../../server/engine/backend.ts";
import type { OpenContext } from "../../../server/engine/context-host.ts";
import { Decoder, type DecoderOptions } from "../../../server/engine/decoder.ts";
import { PrefixTokenizer, type Vocabulary } from "../../../server/engine/tokenizer.ts";

export const END_OF_TEXT = 0;

/** One token per character. */
export const characters: Vocabulary = {
  tokenize: (text) => Array.from(text, (char) => char.codePointAt(0) ?? 0),
  tokenizeTrusted: (text) => Array.from(text, (char) => char.codePointAt(0) ?? 0),
  detokenize: (tokens) => String.fromCodePoint(...tokens.filter((token) => token !== END_OF_TEXT)),
  bos: null,
  isEndOfText: (token) => token === END_OF_TEXT,
};

/** The next character after these tokens, for seeds to choose from: four letters that depend on every token. */
export function lettersAfter(cells: readonly number[]): Logits {
  let hash = 7;
  for (const token of cells) hash = (Math.imul(hash, 31) + token) >>> 0;
  const tokens = [0, 1, 2, 3].map((i) => 97 + ((hash >>> (i * 5)) % 26));
  return { tokens: [...new Set(tokens)], logits: [...new Set(tokens)].map((token) => (token % 7) / 3) };
}

export class FakeBackend implements BatchBackend {
  readonly kind = "fake";
  readonly sequences: number;
  readonly cells: number;
  readonly batchSize: number;
  readonly rowGroup: number;
  /** Every batch so far. */
  readonly batches: (readonly BatchItem[])[] = [];
  /** Sequence numbers of every batch that were not consecutive. */
  gaps = 0;
  forks = 0;
  disposed = false;
  /** Called before a batch; may throw, as a native decoder does, or wait. */
  beforeBatch: (items: readonly BatchItem[]) => void | Promise<void> = () => undefined;
  logits: (cells: readonly number[]) => Logits = lettersAfter;
  readonly #state: number[][];
  #running = false;

  constructor({ sequences = 8, cells = 256, batchSize = 64, rowGroup = 1 } = {}) {
    this.rowGroup = rowGroup;
    this.sequences = sequences;
    this.cells = cells;
    this.batchSize = batchSize;
    this.#state = Array.from({ length: sequences }, () => []);
  }

  async evaluate(items: readonly BatchItem[]): Promise<BatchResult> {
    if (this.#running) throw new Error("two batches at once");
    this.#running = true;
    try {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await this.beforeBatch(items);
      this.batches.push(items);
      const size = items.reduce((sum, item) => sum + item.tokens.length + item.padding, 0);
      if (size > this.batchSize) throw new Error(`a batch of ${size}`);
      return { outputs: items.map((item, at) => this.#one(item, items[at - 1])), decodeMs: 1, readMs: 0 };
    } finally {
      this.#running = false;
    }
  }

  fork(from: number, to: number): Promise<void> {
    this.forks++;
    this.#state[to] = [...this.#cells(from)];
    return Promise.resolve();
  }

  truncate(sequence: number, length: number): Promise<void> {
    this.#cells(sequence).length = Math.min(this.#cells(sequence).length, length);
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }

  #one(item: BatchItem, before: BatchItem | undefined): Logits | null {
    if (before !== undefined && item.sequence <= before.sequence) throw new Error("not in ascending order");
    if (before !== undefined && item.sequence !== before.sequence + 1) this.gaps++;
    const cells = this.#cells(item.sequence);
    if (cells.length !== item.position) {
      throw new Error(`sequence ${item.sequence} holds ${cells.length} cells, not ${item.position}`);
    }
    if (item.tokens.length + item.padding === 0) throw new Error("an item without tokens");
    cells.push(...item.tokens);
    if (cells.length + item.padding > this.cells) throw new Error("out of cells");
    if (item.readout === null) return null;
    if (item.readout.kind === "top") return this.logits(cells);
    const sum = cells.reduce((total, token, index) => total + token * (index + 1), 0);
    return {
      tokens: item.readout.tokens,
      logits: item.readout.tokens.map((token) => ((sum * token) % 13) / 6),
    };
  }

  #cells(sequence: number): number[] {
    const cells = this.#state[sequence];
    if (cells === undefined) throw new Error(`there is no sequence ${sequence}`);
    return cells;
  }
}

/** A context over a fake backend, as policies and PPMs see it. */
export function fakeContext(backend: BatchBackend, options: Partial<DecoderOptions> = {}): OpenContext {
  const decoder = new Decoder(backend, {
    lanes: backend.sequences,
    prefill: { beside: 8, alone: 64 },
    ...options,
  });
  let order = 0;
  return {
    decoder,
    tokenizer: new PrefixTokenizer(characters),
    contextLength: backend.cells,
    nextOrder: () => order++,
  };
}
