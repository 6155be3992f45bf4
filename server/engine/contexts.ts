/** Opens a context over a model file with a decoder on top: sizes from a memory budget, adapter, native or public backend. */
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import type { ResolvedModel } from "../services.ts";
import type { BatchBackend } from "./backend.ts";
import type { ContextSource, OpenContext } from "./context-host.ts";
import { wholeGroups } from "./batch-plan.ts";
import { type ContextOptions, contextSizes } from "./context-sizes.ts";
import { Decoder, type DecoderStats } from "./decoder.ts";
import { OpenError, type ModelFiles } from "./model-files.ts";
import { NativeBackend, nativeParts } from "./native-backend.ts";
import { PublicBackend } from "./public-backend.ts";
import type { ThreadGovernor } from "./thread-governor.ts";
import { PrefixTokenizer, type Vocabulary } from "./tokenizer.ts";
import { usableMemory } from "../usable-memory.ts";

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

/** Rows that llama.cpp's kernels for quantised weights compute together on CPUs; what is left over is rounded differently. */
const CPU_ROW_GROUP = 4;

/** Opens contexts for one model, and adds up the counters of those that were closed. */
export class ModelContexts implements ContextSource {
  readonly #around: Surroundings;
  readonly #model: ResolvedModel;
  readonly #optionsFor: (onGpu: boolean) => ContextOptions;
  readonly #open = new Set<Decoder>();
  #past: DecoderStats | null = null;
  #order = 0;
  #info: ContextInfo | null = null;

  /** @param optionsFor asked when the model is loaded, which may be on the CPU though there is a GPU. */
  constructor(around: Surroundings, model: ResolvedModel, optionsFor: (onGpu: boolean) => ContextOptions) {
    this.#around = around;
    this.#model = model;
    this.#optionsFor = optionsFor;
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
    const rowGroup = this.#around.reproducible && !onGpu ? CPU_ROW_GROUP : 1;
    const { id, contextLength: limit } = this.#model;
    const size = contextSizes(
      { id, bytesPerToken: kvBytesPerToken(model), longest: Math.min(limit, model.trainContextSize) },
      this.#optionsFor(onGpu),
      onGpu ? await memoryOfGpu(llama) : memoryOfCpu(),
      rowGroup,
    );
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

/** Not by llama.cpp's own figure, which takes what Linux caches of files for used. */
function memoryOfCpu(): { readonly free: number; readonly most: number } {
  const free = usableMemory();
  return { free, most: free / 2 };
}

/** Of memory that is the processor's too, as on Apple's chips, less: the rest of the computer lives in it. */
async function memoryOfGpu(llama: Llama): Promise<{ readonly free: number; readonly most: number }> {
  const { free, unifiedSize } = await llama.getVramState();
  return { free, most: free / (unifiedSize > 0 ? 4 : 2) };
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
