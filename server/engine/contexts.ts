/** Opens a context over a model file with a decoder on top: sizes from a memory budget, adapter, native or public backend. */
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import type { ResolvedModel } from "../services.ts";
import type { BatchBackend } from "./backend.ts";
import type { ContextSource, OpenContext } from "./context-host.ts";
import { wholeGroups } from "./batch-plan.ts";
import { Decoder, type DecoderStats } from "./decoder.ts";
import { OpenError, type ModelFiles } from "./model-files.ts";
import { NativeBackend, nativeParts } from "./native-backend.ts";
import { PublicBackend } from "./public-backend.ts";
import type { ThreadGovernor } from "./thread-governor.ts";
import { PrefixTokenizer, type Vocabulary } from "./tokenizer.ts";
import { usableMemory } from "../usable-memory.ts";

/** How a context is sized. */
export interface ContextOptions {
  /** The most sequences extended at the same time. More make each batch slower and all of them together faster. */
  readonly lanes: number;
  /** The longest prefix plus candidate, in tokens, unless the model's own limit is lower. Each fork copies this much. */
  readonly contextLength: number;
  /** Memory for the KV state in bytes, at most half of what is free; what the lanes leave of it caches prefixes. */
  readonly kvBytes: number;
}

/** What was opened, for reports. */
export interface ContextInfo {
  /** `native` is the fast way; `public` comes with the reason. */
  readonly backend: { readonly kind: "native" } | { readonly kind: "public"; readonly why: string };
  /** Layers that the GPU computes, and how many there are. */
  readonly layersOnGpu: number;
  readonly layers: number;
  readonly lanes: number;
  readonly sequences: number;
  readonly contextLength: number;
  /** Bytes of KV state for all sequences together. */
  readonly kvBytes: number;
  readonly threads: number;
}

/** What all contexts of an engine share. */
export interface Surroundings {
  readonly llama: Llama;
  readonly files: ModelFiles;
  readonly version: string;
  readonly threads: number;
  /** Never the internals of the library, even where they are known. */
  readonly publicOnly: boolean;
  /** Chooses the threads for a model file: what one context learned of its batches holds for the next. */
  readonly governor: (path: string) => ThreadGovernor;
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  /** Pads batches so that a sequence's logits do not depend on what else they hold. */
  readonly reproducible: boolean;
}

/**
 * Prefill tokens a turn: two cores compute about 200 a second, and a batch should be over in 300 ms. From 64 queries of a
 * sequence on, flash attention adds up in another order than for fewer.
 */
const CPU_PREFILL = { beside: 32, alone: 60 };
const GPU_PREFILL = { beside: 128, alone: 512 };

/** As llama.cpp has it (`LLAMA_MAX_SEQ`). */
const MOST_SEQUENCES = 256;

/** Rows that llama.cpp's kernels for quantised weights compute together on CPUs; what is left over is rounded differently. */
const CPU_ROW_GROUP = 4;

/** Opens contexts for one model, and adds up the counters of those that were closed. */
export class ModelContexts implements ContextSource {
  readonly #around: Surroundings;
  readonly #model: ResolvedModel;
  readonly #options: ContextOptions;
  readonly #open = new Set<Decoder>();
  #past: DecoderStats | null = null;
  #order = 0;
  #info: ContextInfo | null = null;

  constructor(around: Surroundings, model: ResolvedModel, options: ContextOptions) {
    this.#around = around;
    this.#model = model;
    this.#options = options;
  }

  /** What the last context opened was. */
  get info(): ContextInfo | null {
    return this.#info;
  }

  /** The counters of all contexts so far; null before the first. */
  get stats(): DecoderStats | null {
    return [...this.#open].map((decoder) => decoder.stats).reduce<DecoderStats | null>(add, this.#past);
  }

  /** @throws OpenError */
  async open(): Promise<OpenContext> {
    const model = await this.#around.files.acquire(this.#model.path);
    try {
      return await this.#openOver(model);
    } catch (error) {
      await this.#around.files.release(this.#model.path);
      throw error;
    }
  }

  async close(context: OpenContext, reason: string): Promise<void> {
    await context.decoder.dispose(reason);
    this.#past = add(this.#past, context.decoder.stats);
    this.#open.delete(context.decoder);
    await this.#around.files.release(this.#model.path);
  }

  async #openOver(model: LlamaModel): Promise<OpenContext> {
    const { threads, llama } = this.#around;
    const onGpu = model.gpuLayers > 0;
    const memory = !onGpu ? await llama.getRamState() : await llama.getVramState();
    const free = onGpu ? memory.free : usableMemory(memory);
    const rowGroup = this.#around.reproducible && !onGpu ? CPU_ROW_GROUP : 1;
    const size = sizes(model, this.#model, this.#options, free, rowGroup);
    const prefill = onGpu ? GPU_PREFILL : CPU_PREFILL;
    const batchSize = wholeGroups(size.lanes, rowGroup) + prefill.alone;
    const context = await this.#create(model, { ...size, batchSize });
    const { backend, info } = this.#backend(model, context, rowGroup);
    const { exclusive } = this.#around;
    const decoder = new Decoder(backend, { lanes: size.lanes, prefill, exclusive });
    const contextLength = Math.min(backend.cells, this.#model.contextLength);
    this.#open.add(decoder);
    this.#info = {
      backend: info,
      layersOnGpu: model.gpuLayers,
      layers: model.fileInsights.totalLayers,
      lanes: size.lanes,
      sequences: size.sequences,
      contextLength,
      kvBytes: size.kvBytes,
      threads,
    };
    const tokenizer = new PrefixTokenizer(vocabulary(model));
    return { decoder, tokenizer, contextLength, nextOrder: () => this.#order++ };
  }

  async #create(
    model: LlamaModel,
    size: { readonly contextSize: number; readonly sequences: number; readonly batchSize: number },
  ): Promise<LlamaContext> {
    const { adapter } = this.#model;
    try {
      return await model.createContext({
        ...size,
        threads: this.#around.threads,
        // On the CPU it adds up a token's attention in one order whether the token is decoded or part of a prompt; without
        // it these two differ, and a step whose state was evicted is another one when it is computed again.
        flashAttention: model.gpuLayers === 0 ? true : "auto",
        // Without the whole cache a sliding window would have dropped what a fork needs.
        swaFullCache: true,
        failedCreationRemedy: false,
        ...(adapter === undefined ? {} : { lora: { adapters: [{ filePath: adapter.path }] } }),
      });
    } catch (error) {
      const { files } = this.#around;
      throw new OpenError(
        adapter === undefined
          ? files.explain(error, "native", `no context could be made for ${this.#model.id}`)
          : files.explain(
              error,
              "bad-adapter",
              `${this.#model.id} cannot be used with adapter ${adapter.path}`,
            ),
      );
    }
  }

  #backend(
    model: LlamaModel,
    context: LlamaContext,
    rowGroup: number,
  ): { readonly backend: BatchBackend; readonly info: ContextInfo["backend"] } {
    const { publicOnly, llama, version, governor } = this.#around;
    const parts = publicOnly
      ? { kind: "other" as const, why: "asked for" }
      : nativeParts(llama, model, context, version);
    if (parts.kind === "native") {
      return {
        backend: new NativeBackend(context, parts.parts, governor(this.#model.path), rowGroup),
        info: { kind: "native" },
      };
    }
    return { backend: new PublicBackend(context), info: { kind: "public", why: parts.why } };
  }
}

/**
 * As many sequences as the budget holds, and llama.cpp has at most: lanes first, the rest caches.
 *
 * @param free Bytes of memory that nobody uses. At most half of it is taken: the system would kill us for the rest.
 * @throws OpenError when not even one sequence fits.
 */
function sizes(
  model: LlamaModel,
  { id, contextLength }: ResolvedModel,
  options: ContextOptions,
  free: number,
  rowGroup: number,
): { contextSize: number; sequences: number; lanes: number; kvBytes: number } {
  const wanted = Math.min(options.contextLength, contextLength, model.trainContextSize);
  const padded = Math.ceil(wanted / 256) * 256;
  const each = padded * kvBytesPerToken(model);
  const affordable = Math.floor(Math.min(options.kvBytes, free / 2) / each);
  if (affordable < 1) {
    const needed = Math.ceil(each / 1e6);
    const message = `${id} needs ${needed} MB for a context of ${padded} tokens; ${Math.floor(free / 1e6)} MB are free`;
    throw new OpenError({ reason: "out-of-memory", message });
  }
  const most = Math.max(1, Math.min(options.lanes, affordable));
  // Without a sequence left to fill a batch up with, lanes have to come in whole groups themselves.
  const lanes = most === affordable && most > rowGroup ? most - (most % rowGroup) : most;
  const sequences = Math.min(affordable, MOST_SEQUENCES);
  return { contextSize: padded, sequences, lanes, kvBytes: each * sequences };
}

/** Bytes of KV state that one token takes in all layers together, at 16 bits a value. */
function kvBytesPerToken(model: LlamaModel): number {
  const { block_count: layers, embedding_length: width, attention } = model.fileInfo.architectureMetadata;
  const heads = attention?.head_count;
  const kvHeads = attention?.head_count_kv ?? heads;
  const headSize = width !== undefined && typeof heads === "number" ? width / heads : 128;
  const keys = attention?.key_length ?? headSize;
  const values = attention?.value_length ?? headSize;
  const allHeads = Array.isArray(kvHeads)
    ? kvHeads.reduce<number>((sum, count) => sum + Number(count), 0)
    : (kvHeads ?? 1) * (layers ?? 1);
  return allHeads * (keys + values) * 2;
}

function vocabulary(model: LlamaModel): Vocabulary {
  type Tokens = Parameters<LlamaModel["detokenize"]>[0];
  const { bos, shouldPrependBosToken } = model.tokens;
  return {
    tokenize: (text) => model.tokenize(text, false),
    tokenizeTrusted: (text) => model.tokenize(text, true),
    detokenize: (tokens) => model.detokenize(tokens as Tokens, false),
    bos: shouldPrependBosToken ? bos : null,
    isEndOfText: (token) => model.isEogToken(token as Tokens[number]),
  };
}

function add(a: DecoderStats | null, b: DecoderStats): DecoderStats {
  if (a === null) return b;
  const sum = { ...b };
  for (const key of Object.keys(sum) as (keyof DecoderStats)[])
    Object.assign(sum, { [key]: a[key] + b[key] });
  return sum;
}
