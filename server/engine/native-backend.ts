/** Batches over node-llama-cpp's native context: the only file that uses the library's internals, checked before use. */
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import type { BatchBackend, BatchItem, BatchResult, Logits, Readout } from "./backend.ts";
import { outputRows } from "./batch-plan.ts";
import type { ThreadGovernor } from "./thread-governor.ts";

/** The version whose internals these are. Another one falls back to the public interface until this was reviewed. */
export const NATIVE_VERSION = "3.22.1";

/** `dist/bindings/AddonTypes.d.ts` of that version, as far as it is used here. */
interface NativeContext {
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  setThreads(threads: number): void;
  sampleToken(
    batchLogitIndex: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: boolean | [tokens: readonly number[], max: boolean, min: boolean, selected: boolean, top: number],
  ): Promise<[token: number, unknown, unknown, logits: number[] | undefined]>;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  disposeSequence(sequence: number): void;
  copySequenceStateFromOtherSequence(to: number, from: number): Promise<number>;
}

interface NativeSampler {
  applyConfig(config: Readonly<Record<string, number>>): void;
  dispose(): void;
}

interface NativeParts {
  readonly context: NativeContext;
  readonly newSampler: () => NativeSampler;
}

/** What padding consists of: any token will do, since nothing comes after it. */
const PADDING_TOKEN = 0;

/** How many readings run at the same time: enough to keep libuv's pool busy; each holds a copy of the vocabulary. */
const READERS = 8;

/**
 * The native parts of a context, or why they cannot be used.
 *
 * @param version The version of node-llama-cpp that is installed.
 */
export function nativeParts(
  llama: Llama,
  model: LlamaModel,
  context: LlamaContext,
  version: string,
):
  | { readonly kind: "native"; readonly parts: NativeParts }
  | { readonly kind: "other"; readonly why: string } {
  if (version !== NATIVE_VERSION) {
    return { kind: "other", why: `node-llama-cpp is ${version}, not ${NATIVE_VERSION}` };
  }
  const native: unknown = Reflect.get(context, "_ctx");
  const nativeModel: unknown = Reflect.get(model, "_model");
  const bindings: unknown = Reflect.get(llama, "_bindings");
  const Sampler: unknown = isObject(bindings) ? Reflect.get(bindings, "AddonSampler") : undefined;
  const methods = [
    "initBatch",
    "addToBatch",
    "decodeBatch",
    "setThreads",
    "sampleToken",
    "removeTokenCellsFromSequence",
    "disposeSequence",
    "copySequenceStateFromOtherSequence",
  ];
  const missing = methods.filter(
    (name) => !isObject(native) || typeof Reflect.get(native, name) !== "function",
  );
  if (missing.length > 0) return { kind: "other", why: `the native context has no ${missing.join(", ")}` };
  if (typeof Sampler !== "function") return { kind: "other", why: "the bindings have no AddonSampler" };
  if (!isObject(nativeModel)) return { kind: "other", why: "the model has no native part" };
  const NativeSamplerClass = Sampler as new (model: object) => NativeSampler;
  return {
    kind: "native",
    parts: { context: native as NativeContext, newSampler: () => new NativeSamplerClass(nativeModel) },
  };
}

/** Hands whole batches to llama.cpp in the order given, and reads logits without sorting the vocabulary. */
export class NativeBackend implements BatchBackend {
  readonly kind = "native";
  readonly sequences: number;
  readonly cells: number;
  readonly batchSize: number;
  readonly rowGroup: number;
  readonly #owner: LlamaContext;
  readonly #native: NativeContext;
  readonly #readers: Reader[];
  readonly #governor: ThreadGovernor;

  /**
   * @param context Used by nobody else from now on; disposed with the backend.
   * @param governor Says with how many threads each batch is computed.
   * @param rowGroup Rows that the processor's kernels compute together; 1 where batches need not be padded.
   */
  constructor(context: LlamaContext, parts: NativeParts, governor: ThreadGovernor, rowGroup: number) {
    this.#governor = governor;
    this.rowGroup = rowGroup;
    this.sequences = context.totalSequences;
    this.cells = context.contextSize - 1; // The public interface cannot use the last one either.
    this.batchSize = context.batchSize;
    this.#owner = context;
    this.#native = parts.context;
    this.#readers = Array.from(
      { length: Math.min(READERS, this.sequences) },
      () => new Reader(parts.context, parts.newSampler),
    );
  }

  async evaluate(items: readonly BatchItem[]): Promise<BatchResult> {
    const started = performance.now();
    const rows = items.map(({ tokens, padding, readout }) => ({
      rows: tokens.length + padding,
      read: readout === null ? null : tokens.length - 1,
    }));
    const size = rows.reduce((sum, item) => sum + item.rows, 0);
    this.#native.setThreads(this.#governor.threads);
    this.#native.initBatch(size);
    const computed = outputRows(rows, this.rowGroup);
    const indexes = items.map(({ sequence, position, tokens, padding }, at) => {
      const padded = [...tokens, ...Array.from({ length: padding }, () => PADDING_TOKEN)];
      const outputs = computed[at] ?? [];
      const places = this.#native.addToBatch(
        sequence,
        position,
        Uint32Array.from(padded),
        Uint32Array.from(outputs),
      );
      return places[outputs.indexOf(tokens.length - 1)];
    });
    await this.#native.decodeBatch();
    for (const { sequence, position, tokens, padding } of items)
      if (padding > 0) await this.truncate(sequence, position + tokens.length);
    const decoded = performance.now();
    this.#governor.report(size, decoded - started);
    const outputs: (Logits | null)[] = items.map(() => null);
    const pending = items.flatMap(({ readout }, at) => {
      const index = indexes[at];
      return readout === null || index === undefined ? [] : [{ at, index, readout }];
    });
    let next = 0;
    await Promise.all(
      this.#readers.map(async (reader) => {
        for (let job = pending[next++]; job !== undefined; job = pending[next++]) {
          outputs[job.at] = await reader.read(job.index, job.readout);
        }
      }),
    );
    return { outputs, decodeMs: decoded - started, readMs: performance.now() - decoded };
  }

  async fork(from: number, to: number): Promise<void> {
    await this.#native.copySequenceStateFromOtherSequence(to, from);
  }

  truncate(sequence: number, length: number): Promise<void> {
    if (length === 0) this.#native.disposeSequence(sequence);
    else if (!this.#native.removeTokenCellsFromSequence(sequence, length, -1)) {
      return Promise.reject(new Error("this model's state cannot be cut back"));
    }
    return Promise.resolve();
  }

  async dispose(): Promise<void> {
    for (const reader of this.#readers) reader.dispose();
    await this.#owner.dispose();
  }
}

/** Reads logits through two of llama.cpp's samplers: min-p alone for the likeliest, greedy alone for named tokens. */
class Reader {
  readonly #native: NativeContext;
  readonly #newSampler: () => NativeSampler;
  #top: { readonly window: number; readonly sampler: NativeSampler } | null = null;
  #named: NativeSampler | null = null;

  constructor(native: NativeContext, newSampler: () => NativeSampler) {
    this.#native = native;
    this.#newSampler = newSampler;
  }

  async read(index: number, readout: Readout): Promise<Logits> {
    switch (readout.kind) {
      case "top":
        return pairs(
          (await this.#native.sampleToken(index, this.#topSampler(readout.window), false, false, true))[3],
        );
      case "logits": {
        const { tokens } = readout;
        const filter: [readonly number[], boolean, boolean, boolean, number] = [
          tokens,
          false,
          false,
          false,
          0,
        ];
        const result = await this.#native.sampleToken(index, this.#namedSampler(), false, false, filter);
        return inOrder(pairs(result[3]), tokens);
      }
      default:
        return readout satisfies never;
    }
  }

  dispose(): void {
    this.#top?.sampler.dispose();
    this.#named?.dispose();
  }

  /** Temperature 1 leaves logits as they are; min-p alone drops the far ones in one pass, without sorting. */
  #topSampler(window: number): NativeSampler {
    if (this.#top?.window !== window) {
      const sampler = this.#top?.sampler ?? this.#newSampler();
      sampler.applyConfig({ temperature: 1, minP: Math.exp(-window), seed: 0 });
      this.#top = { window, sampler };
    }
    return this.#top.sampler;
  }

  #namedSampler(): NativeSampler {
    if (this.#named === null) {
      this.#named = this.#newSampler();
      this.#named.applyConfig({ temperature: 0, seed: 0 });
    }
    return this.#named;
  }
}

/** Splits token, logit, token, logit, …; throws where the model gave no usable logits. */
export function pairs(flat: readonly number[] | undefined): Logits {
  const tokens: number[] = [];
  const logits: number[] = [];
  for (let i = 1; flat !== undefined && i < flat.length; i += 2) {
    const token = flat[i - 1];
    const logit = flat[i];
    if (token === undefined || logit === undefined || Number.isNaN(logit)) continue;
    tokens.push(token);
    logits.push(logit);
  }
  if (tokens.length === 0) throw new Error("the model gave no logits");
  return { tokens, logits };
}

/** The logits of these tokens, in their order. */
export function inOrder({ tokens, logits }: Logits, wanted: readonly number[]): Logits {
  const values = wanted.map((token) => logits[tokens.indexOf(token)]);
  const found = values.filter((value) => value !== undefined);
  if (found.length < wanted.length) throw new Error("the model gave no logit for a token");
  return { tokens: wanted, logits: found };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
