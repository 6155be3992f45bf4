/** Opens the native library once, loads policies and PPMs over shared model files, and reports what was chosen and done. */
import {
  getLlama,
  getLlamaGpuTypes,
  getModuleVersion,
  type Llama,
  LlamaLogLevel,
  NoBinaryFoundError,
} from "node-llama-cpp";
import { messageOf } from "../errors.ts";
import { surface } from "../protocol/surface.ts";
import type { ModelIdentity, ResolvedModel } from "../services.ts";
import { abortion, ContextHost, type OpenContext } from "./context-host.ts";
import type { ContextOptions } from "./context-sizes.ts";
import { type ContextInfo, ModelContexts, type Surroundings } from "./contexts.ts";
import { physicalCores } from "./cores.ts";
import { useGpuBinaries } from "./gpu-binaries.ts";
import { type DecoderStats, NO_DECODING } from "./decoder.ts";
import { LogitReader } from "./logits.ts";
import { ModelFiles, OpenError, type OpenFailure } from "./model-files.ts";
import { Policy, type PolicyCounters } from "./policy.ts";
import { ThreadGovernor } from "./thread-governor.ts";
import { Ppm, type PpmCounters, scoreTokens } from "./ppm.ts";
import { whyWiden } from "./widened.ts";

/** How the engine is opened; every field has a default that suits most machines. */
export interface EngineOptions {
  /** Which processor computes. Default `auto`: a GPU when a driver for one is there, with as many layers as fit. */
  readonly gpu?: "auto" | "cuda" | "vulkan" | "metal" | false;
  /** Threads for what the GPU does not do. Default: physical cores; more than that nearly stops decoding. */
  readonly threads?: number;
  /** After how many milliseconds without a call a model leaves memory; it comes back by itself. Default: 10 minutes. */
  readonly idleUnloadMs?: number;
  /** `public` keeps to the library's documented interface, slower. Default `auto`: its internals where they are known. */
  readonly backend?: "auto" | "public";
  /**
   * On CPUs, the same text for the same seed whatever else is computed beside it: batches are filled up to whole groups of
   * rows, which costs most (twice the time) where a single sequence is decoded. Default false.
   */
  readonly reproducible?: boolean;
  /** Packages with binaries for a GPU that were fetched: the URL of each one's entry, by its name. */
  readonly binaries?: Readonly<Record<string, string>>;
  /** How many problems an evaluation or a round of evolution searches side by side; left out for a person's few. */
  readonly problemsAtOnce?: number;
  /**
   * A folder whose models may have copies beside them in a form that this processor computes faster, the same weights
   * (widened.ts). Without it, or where that would not be faster, none is made.
   */
  readonly widenIn?: string;
}

/** What the engine computes with, and why. */
export interface BackendInfo {
  readonly gpu: "cuda" | "vulkan" | "metal" | false;
  /** Names of the GPUs in use. */
  readonly devices: readonly string[];
  readonly threads: number;
  /** Bytes of GPU memory; zeros without a GPU. */
  readonly gpuMemory: { readonly total: number; readonly free: number };
  /** Version of node-llama-cpp and release of llama.cpp. */
  readonly version: string;
  /** A sentence on how this was chosen. */
  readonly why: string;
}

/** A model that was loaded and what was opened for it, or why not. */
export type PolicyLoad =
  | { readonly kind: "ready"; readonly policy: Policy; readonly info: ContextInfo }
  | ({ readonly kind: "failed" } & OpenFailure);
export type PpmLoad =
  | { readonly kind: "ready"; readonly ppm: Ppm; readonly info: ContextInfo }
  | ({ readonly kind: "failed" } & OpenFailure);

export type ReaderLoad =
  { readonly kind: "ready"; readonly reader: LogitReader } | ({ readonly kind: "failed" } & OpenFailure);

/** Counters since the engine was opened. */
export interface EngineStats {
  readonly policy: PolicyCounters & DecoderStats;
  readonly ppm: PpmCounters & DecoderStats;
}

export type EngineOpening =
  | { readonly kind: "ready"; readonly engine: Engine }
  /** `no-binary`: this platform has no build of the library. */
  | { readonly kind: "failed"; readonly reason: "no-binary" | "native"; readonly message: string };

/** Sizes for a policy: many lanes, and room to cache the branches of several trees. */
const POLICY_ON_CPU: ContextOptions = { lanes: 32, contextLength: 2048, kvBytes: 1_000_000_000 };
/** With many problems side by side a batch of 64 takes less time for a token than two of 32. */
const LANES_FOR_A_PROBLEM = 8;
const MOST_LANES_ON_CPU = 64;
/**
 * KV state for each of many problems side by side, in bytes: the steps that wait for Python or the PPM have to be cached
 * beside the lanes, or each is computed again when its turn comes. About eleven sequences of the default model. Not
 * simply all there may be: the memory is cleared first, which takes two seconds for a gigabyte.
 */
const KV_FOR_A_PROBLEM = 270_000_000;
/** A GPU reads the weights once for all lanes of a batch, so that more of them are nearly free; memory is the limit. */
const POLICY_ON_GPU: ContextOptions = { lanes: 64, contextLength: 2048, kvBytes: Infinity };

/** Sizes for a PPM: it reads each step once, so that a few lanes keep the processor busy. */
const PPM_ON_CPU: ContextOptions = { lanes: 8, contextLength: 2048, kvBytes: 500_000_000 };
const PPM_ON_GPU: ContextOptions = { lanes: 32, contextLength: 2048, kvBytes: 4_000_000_000 };

/** Sizes for reading distributions: one prefix after the other, no cache worth the name. */
const READER_SIZES: ContextOptions = { lanes: 1, contextLength: 1024, kvBytes: 200_000_000 };

const NEVER = new AbortController().signal;
const IDLE_UNLOAD_MS = 600_000;
const LOG_LINES = 8;

/** Opens the native library. Takes a fraction of a second; no model is loaded yet. Open one per process. */
export async function openEngine(options: EngineOptions = {}): Promise<EngineOpening> {
  const most = options.threads ?? physicalCores();
  const errors: string[] = [];
  const wanted = options.gpu ?? "auto";
  useGpuBinaries(options.binaries ?? {});
  try {
    const llama = await getLlama({
      gpu: wanted,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: most,
      logLevel: LlamaLogLevel.error,
      logger: (_level, message) => {
        errors.push(message.trim());
        errors.splice(0, errors.length - LOG_LINES);
      },
    });
    // Windows tells Node of logical processors only; llama.cpp counts cores.
    const isGiven = options.threads !== undefined;
    const threads = isGiven || process.platform !== "win32" ? most : Math.min(most, llama.cpuMathCores);
    const backend = await describe(llama, wanted, threads);
    const { widenIn, ...others } = options;
    const widen =
      widenIn === undefined || backend.gpu !== false
        ? null
        : whyWiden(llama.systemInfo, options.problemsAtOnce !== undefined);
    if (widen === null) return { kind: "ready", engine: new Engine(llama, backend, others, errors) };
    const why = `${backend.why}; ${widen}`;
    return { kind: "ready", engine: new Engine(llama, { ...backend, why }, options, errors) };
  } catch (error) {
    if (error instanceof NoBinaryFoundError && (wanted === "cuda" || wanted === "vulkan"))
      return {
        kind: "failed",
        reason: "no-binary",
        message: `the binaries for ${wanted} are not on this machine, or its driver is not. ${howToFetch(wanted)}`,
      };
    const message = messageOf(error);
    return { kind: "failed", reason: error instanceof NoBinaryFoundError ? "no-binary" : "native", message };
  }
}

/** The open library and what runs on it. */
export class Engine {
  readonly backend: BackendInfo;
  readonly #llama: Llama;
  readonly #around: Surroundings;
  readonly #idleUnloadMs: number;
  readonly #problemsAtOnce: number;
  readonly #policies: { readonly contexts: ModelContexts; readonly model: Policy }[] = [];
  readonly #ppms: { readonly contexts: ModelContexts; readonly model: Ppm }[] = [];
  readonly #readers: LogitReader[] = [];
  readonly #governors = new Map<string, ThreadGovernor>();
  #last: Promise<unknown> = Promise.resolve();

  /** Use `openEngine`. */
  constructor(llama: Llama, backend: BackendInfo, options: EngineOptions, errors: string[]) {
    this.backend = backend;
    this.#llama = llama;
    this.#idleUnloadMs = options.idleUnloadMs ?? IDLE_UNLOAD_MS;
    this.#problemsAtOnce = options.problemsAtOnce ?? 0;
    this.#around = {
      llama,
      files: new ModelFiles(llama, () => errors.splice(0).join("; "), options.widenIn),
      version: backend.version.split(" ")[0] ?? "",
      threads: backend.threads,
      publicOnly: options.backend === "public",
      governor: (path) => this.#governor(path),
      exclusive: (work) => this.#exclusive(work),
      reproducible: options.reproducible === true,
    };
  }

  /**
   * Loads a policy; the model file stays in memory once even if a PPM uses it too.
   *
   * @throws the signal's reason when it is aborted, at once; what was being loaded is freed when it is there.
   */
  async loadPolicy(
    model: ResolvedModel,
    options: Partial<ContextOptions> = {},
    signal: AbortSignal = NEVER,
  ): Promise<PolicyLoad> {
    const contexts = new ModelContexts(this.#around, model, (onGpu) => ({
      ...(onGpu ? POLICY_ON_GPU : this.#onCpu({ ...POLICY_ON_CPU, lanes: this.#lanes() })),
      ...options,
    }));
    try {
      const first = await openUnless(signal, contexts);
      const host = new ContextHost(contexts, first, this.#idleUnloadMs);
      const policy = new Policy(identity(model), host);
      this.#policies.push({ contexts, model: policy });
      return { kind: "ready", policy, info: opened(contexts) };
    } catch (error) {
      return failed(error, signal);
    }
  }

  /**
   * Loads a PPM; its manifest entry must name the suffix and two tokens.
   *
   * @throws the signal's reason when it is aborted, at once; what was being loaded is freed when it is there.
   */
  async loadPpm(
    model: ResolvedModel,
    options: Partial<ContextOptions> = {},
    signal: AbortSignal = NEVER,
  ): Promise<PpmLoad> {
    if (model.ppm === undefined) {
      const message = `${model.id} has no PPM entry: its suffix and its two tokens are not known`;
      return { kind: "failed", reason: "bad-tokens", message };
    }
    const contexts = new ModelContexts(this.#around, model, (onGpu) => ({
      ...(onGpu ? PPM_ON_GPU : this.#onCpu(PPM_ON_CPU)),
      ...options,
    }));
    try {
      const first = await openUnless(signal, contexts);
      const tokens = scoreTokens(model.ppm, first.tokenizer.vocabulary);
      if (tokens.kind === "bad") {
        await contexts.close(first, tokens.why);
        return { kind: "failed", reason: "bad-tokens", message: `${model.id}: ${tokens.why}` };
      }
      const host = new ContextHost(contexts, first, this.#idleUnloadMs);
      const ppm = new Ppm(identity(model), tokens.tokens, host);
      this.#ppms.push({ contexts, model: ppm });
      return { kind: "ready", ppm, info: opened(contexts) };
    } catch (error) {
      return failed(error, signal);
    }
  }

  /**
   * Loads a model to read its next-token distributions.
   *
   * @throws the signal's reason when it is aborted, at once; what was being loaded is freed when it is there.
   */
  async loadReader(model: ResolvedModel, signal: AbortSignal = NEVER): Promise<ReaderLoad> {
    const contexts = new ModelContexts(this.#around, model, () => READER_SIZES);
    try {
      const first = await openUnless(signal, contexts);
      const reader = new LogitReader(
        new ContextHost(contexts, first, this.#idleUnloadMs),
        first.tokenizer.vocabulary,
      );
      this.#readers.push(reader);
      return { kind: "ready", reader };
    } catch (error) {
      return failed(error, signal);
    }
  }

  /** What all policies and all PPMs did so far. */
  stats(): EngineStats {
    return { policy: total(this.#policies, NO_POLICY), ppm: total(this.#ppms, NO_PPM) };
  }

  /** Frees everything; calls under way get `failed` results. */
  async dispose(): Promise<void> {
    const models = [...this.#policies, ...this.#ppms].map(({ model }) => model);
    await Promise.all([...models, ...this.#readers].map((model) => model.dispose()));
    await this.#llama.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** With room for the problems side by side. */
  #onCpu(options: ContextOptions): ContextOptions {
    const kvBytes = Math.max(options.kvBytes, this.#problemsAtOnce * KV_FOR_A_PROBLEM);
    return { ...options, kvBytes };
  }

  /** Lanes of a policy on the CPU. */
  #lanes(): number {
    const wanted = Math.max(POLICY_ON_CPU.lanes, this.#problemsAtOnce * LANES_FOR_A_PROBLEM);
    return Math.min(wanted, MOST_LANES_ON_CPU);
  }

  #governor(path: string): ThreadGovernor {
    const governor = this.#governors.get(path) ?? new ThreadGovernor(this.backend.threads);
    this.#governors.set(path, governor);
    return governor;
  }

  /** One batch at a time: two contexts that compute at once fight for the same cores and both nearly stop. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

function opened(contexts: ModelContexts): ContextInfo {
  if (contexts.info === null) throw new Error("the context was not opened");
  return contexts.info;
}

/** Opens a context, unless the signal is aborted first; it is then closed again as soon as it is open. */
async function openUnless(signal: AbortSignal, contexts: ModelContexts): Promise<OpenContext> {
  signal.throwIfAborted();
  const opening = contexts.open();
  const aborted = abortion(signal);
  try {
    return await Promise.race([opening, aborted.promise]);
  } catch (error) {
    opening.then((context) => contexts.close(context, "aborted")).catch(() => undefined);
    throw error;
  } finally {
    aborted.dispose();
  }
}

/** @throws the signal's reason when that is what the error is. */
function failed(error: unknown, signal: AbortSignal): { readonly kind: "failed" } & OpenFailure {
  if (signal.aborted && error === signal.reason) throw error;
  if (error instanceof OpenError) return { kind: "failed", ...error.failure };
  return {
    kind: "failed",
    reason: "native",
    message: messageOf(error),
  };
}

function identity({ id, sha256, adapter }: ResolvedModel): ModelIdentity {
  if (adapter === undefined) return { id, sha256 };
  return { id, sha256, adapter: { id: adapter.id, sha256: adapter.sha256 } };
}

async function describe(llama: Llama, wanted: EngineOptions["gpu"], threads: number): Promise<BackendInfo> {
  const version = `${await getModuleVersion()} (llama.cpp ${llama.llamaCppRelease.release})`;
  const devices = llama.gpu === false ? [] : await llama.getGpuDeviceNames();
  // A driver's library may be installed without any device that it can use.
  const gpu = devices.length === 0 ? false : llama.gpu;
  const memory = gpu === false ? { total: 0, free: 0 } : await llama.getVramState();
  const how = wanted === "auto" ? "the best that this machine has a driver for" : "asked for";
  const none = wanted === false ? "asked for" : await whyNoGpu(llama);
  const what = gpu === false ? `CPU: ${none}` : `${gpu}: ${how}`;
  return {
    gpu,
    devices,
    threads,
    gpuMemory: { total: memory.total, free: memory.free },
    version,
    why: `${what}; ${threads} threads`,
  };
}

/** A machine may have a driver whose binaries were not fetched; that is worth knowing. */
async function whyNoGpu(llama: Llama): Promise<string> {
  const drivers = llama.gpu === false ? await getLlamaGpuTypes("supported") : [];
  const [driver] = drivers.filter((type) => type !== false);
  if (driver === undefined) return "no usable GPU was found";
  return `there is a driver for ${driver}, and no binaries that work with it. ${howToFetch(driver)}`;
}

function howToFetch(kind: string): string {
  // As in models/gpu-packages.json, which this room does not read.
  if (process.platform !== "linux" || process.arch !== "x64")
    return "There are none to fetch for this platform; its package has what there is";
  return `${surface() === "editor" ? "GPU Support…" : `\`rstar gpu fetch ${kind}\``} fetches them`;
}

const NO_POLICY: PolicyCounters = { candidates: 0, generatedTokens: 0, promptTokens: 0 };
const NO_PPM: PpmCounters = { scores: 0 };

function total<C extends PolicyCounters | PpmCounters>(
  models: readonly { readonly contexts: ModelContexts; readonly model: { readonly counters: C } }[],
  none: C,
): C & DecoderStats {
  const sum: Record<string, number> = { ...NO_DECODING, ...none };
  for (const { contexts, model } of models) {
    for (const [key, value] of Object.entries({ ...contexts.stats, ...model.counters })) {
      sum[key] = (sum[key] ?? 0) + Number(value);
    }
  }
  return sum as unknown as C & DecoderStats;
}
