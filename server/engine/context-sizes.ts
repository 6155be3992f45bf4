/** How many sequences a context has, by what their KV state takes and the memory that is there. Pure. */
import { OpenError } from "./model-files.ts";

/** How a context is sized. */
export interface ContextOptions {
  /** The most sequences extended at the same time. More make each batch slower and all of them together faster. */
  readonly lanes: number;
  /** The longest prefix plus candidate, in tokens, unless the model's own limit is lower. Each fork copies this much. */
  readonly contextLength: number;
  /**
   * Memory for the KV state in bytes; what the lanes leave of it caches prefixes. A model that takes more for what it
   * cannot do without gets that.
   */
  readonly kvBytes: number;
}

/** What of a model decides. */
export interface KvState {
  readonly id: string;
  /** Of all layers together. */
  readonly bytesPerToken: number;
  /** The longest context that it can have, in tokens. */
  readonly longest: number;
}

export interface ContextSizes {
  /** In tokens. */
  readonly contextSize: number;
  readonly sequences: number;
  readonly lanes: number;
  readonly kvBytes: number;
}

/** As llama.cpp has it (`LLAMA_MAX_SEQ`). */
const MOST_SEQUENCES = 256;

/**
 * As many sequences as the budget holds, and llama.cpp has at most: lanes first, the rest caches.
 *
 * @param memory Bytes that nobody uses, and how many of them are taken at most: the system would kill us for the rest.
 * @param rowGroup Rows that are computed together. With fewer sequences, batches cannot be filled up to that.
 * @throws OpenError when not even one sequence fits.
 */
export function contextSizes(
  { id, bytesPerToken, longest }: KvState,
  options: ContextOptions,
  memory: { readonly free: number; readonly most: number },
  rowGroup: number,
): ContextSizes {
  const padded = Math.ceil(Math.min(options.contextLength, longest) / 256) * 256;
  const each = padded * bytesPerToken;
  const budget = Math.max(options.kvBytes, rowGroup * each);
  const affordable = Math.floor(Math.min(budget, memory.most) / each);
  if (affordable < 1) {
    const needed = Math.ceil(each / 1e6);
    const message = `${id} needs ${needed} MB for a context of ${padded} tokens; ${Math.floor(memory.free / 1e6)} MB are free`;
    throw new OpenError({ reason: "out-of-memory", message });
  }
  const most = Math.max(1, Math.min(options.lanes, affordable));
  // Without a sequence left to fill a batch up with, lanes have to come in whole groups themselves.
  const lanes = most === affordable && most > rowGroup ? most - (most % rowGroup) : most;
  const sequences = Math.min(affordable, MOST_SEQUENCES);
  return { contextSize: padded, sequences, lanes, kvBytes: each * sequences };
}
