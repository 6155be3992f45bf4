/** Loads GGUF files, one copy each in memory however many contexts use it, and explains what cannot be loaded. */
import { dirname } from "node:path";
import { InsufficientMemoryError, type Llama, type LlamaModel } from "node-llama-cpp";
import { messageOf } from "../errors.ts";
import { readGguf } from "./gguf.ts";
import { widened } from "./widened.ts";

/** Why a model or context could not be opened. */
export interface OpenFailure {
  readonly reason:
    | "file-not-found"
    | "bad-model"
    | "unsupported-model"
    | "bad-adapter"
    | "bad-tokens"
    | "out-of-memory"
    | "native";
  /** A sentence for people. */
  readonly message: string;
}

/** Carries an `OpenFailure` through promises. */
export class OpenError extends Error {
  override readonly name = "OpenError";
  readonly failure: OpenFailure;

  constructor(failure: OpenFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

interface Loaded {
  readonly model: Promise<LlamaModel>;
  users: number;
}

/** The models in memory, by path. */
export class ModelFiles {
  readonly #llama: Llama;
  readonly #lastErrors: () => string;
  readonly #widenIn: string | undefined;
  readonly #loaded = new Map<string, Loaded>();

  /**
   * @param lastErrors What llama.cpp logged as errors lately; goes into messages.
   * @param widenIn Files in this folder are loaded as their widened copies.
   */
  constructor(llama: Llama, lastErrors: () => string, widenIn?: string) {
    this.#llama = llama;
    this.#lastErrors = lastErrors;
    this.#widenIn = widenIn;
  }

  /** Loads a file, or hands out the copy in memory. Call `release` as often. @throws OpenError */
  async acquire(path: string): Promise<LlamaModel> {
    const loaded = this.#loaded.get(path) ?? { model: this.#load(path), users: 0 };
    this.#loaded.set(path, loaded);
    loaded.users++;
    try {
      return await loaded.model;
    } catch (error) {
      if (this.#loaded.get(path) === loaded) this.#loaded.delete(path);
      throw error;
    }
  }

  /** Gives a copy back; the last one frees the memory. */
  async release(path: string): Promise<void> {
    const loaded = this.#loaded.get(path);
    if (loaded === undefined || --loaded.users > 0) return;
    this.#loaded.delete(path);
    await (await loaded.model).dispose();
  }

  async #load(path: string): Promise<LlamaModel> {
    await check(path);
    const model = await this.#loadAnywhere(dirname(path) === this.#widenIn ? await widened(path) : path);
    if (model.fileInsights.isRecurrent || model.fileInsights.isHybrid) {
      await model.dispose();
      const message = `${path} is a recurrent model, whose state cannot be cut back to a prefix`;
      throw new OpenError({ reason: "unsupported-model", message });
    }
    return model;
  }

  /** On the GPU as far as it fits; on the CPU when the GPU's driver cannot do it. */
  async #loadAnywhere(path: string): Promise<LlamaModel> {
    const attempts = this.#llama.gpu === false ? [{}] : [{}, { gpuLayers: 0 }];
    let failure: unknown;
    for (const options of attempts) {
      try {
        return await this.#llama.loadModel({ modelPath: path, ...options });
      } catch (error) {
        failure ??= error;
      }
    }
    throw new OpenError(this.explain(failure, "bad-model", `${path} cannot be loaded`));
  }

  /** What went wrong natively, with what llama.cpp said about it. */
  explain(error: unknown, reason: OpenFailure["reason"], what: string): OpenFailure {
    const said = [messageOf(error), this.#lastErrors()];
    const message = `${what}: ${said.filter((part) => part !== "").join("; ")}`;
    return { reason: error instanceof InsufficientMemoryError ? "out-of-memory" : reason, message };
  }
}

/** Looks at the file before llama.cpp does: its own message for a damaged one says little. */
async function check(path: string): Promise<void> {
  let reading;
  try {
    reading = await readGguf(path, new AbortController().signal);
  } catch (error) {
    const message = `${path} cannot be read: ${messageOf(error)}`;
    throw new OpenError({ reason: "file-not-found", message });
  }
  if (reading.kind === "gguf") return;
  const reason = reading.kind === "unknown-architecture" ? "unsupported-model" : "bad-model";
  throw new OpenError({ reason, message: `${path} is not usable: ${reading.detail}` });
}
