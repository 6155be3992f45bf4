/** Keeps one context loaded while it is used: opens it on the first call, unloads it when idle, opens it again. */
import { setMaxListeners } from "node:events";
import { messageOf } from "../errors.ts";
import type { Decoder } from "./decoder.ts";
import type { PrefixTokenizer } from "./tokenizer.ts";

/** A loaded context, as tasks see it. */
export interface OpenContext {
  readonly decoder: Decoder;
  readonly tokenizer: PrefixTokenizer;
  /** The most tokens a sequence can hold. */
  readonly contextLength: number;
  /** A number greater than all before it: requests are served in this order. */
  nextOrder(): number;
}

/** A piece of work under way; its result never rejects. */
export interface Job<R> {
  readonly result: Promise<R>;
  /** Nobody waits for the result any more. */
  cancel(): void;
}

/** Opens a context; the second function frees everything that the first one took. */
export interface ContextSource {
  open(): Promise<OpenContext>;
  close(context: OpenContext, reason: string): Promise<void>;
}

/** There is no context, and why. */
export class UnloadedError extends Error {
  override readonly name = "UnloadedError";
}

/** Counts the calls under way over a context that comes and goes. */
export class ContextHost {
  readonly #source: ContextSource;
  readonly #idleUnloadMs: number;
  #context: Promise<OpenContext> | null;
  #closing: Promise<void> = Promise.resolve();
  #active = 0;
  #disposed = false;
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param first The context, already open.
   * @param idleUnloadMs After how long without a call the context is unloaded; Infinity for never.
   */
  constructor(source: ContextSource, first: OpenContext, idleUnloadMs: number) {
    this.#source = source;
    this.#idleUnloadMs = idleUnloadMs;
    this.#context = Promise.resolve(first);
    this.#arm();
  }

  /** Whether the context is in memory (or being brought there). */
  get loaded(): boolean {
    return this.#context !== null;
  }

  /**
   * Starts jobs on the open context and waits for their results.
   *
   * @throws the signal's reason as soon as it is aborted; the jobs are cancelled then. UnloadedError when the context
   *   is gone for good or cannot be opened again.
   */
  async run<R>(
    signal: AbortSignal,
    start: (context: OpenContext) => readonly Job<R>[],
  ): Promise<readonly R[]> {
    signal.throwIfAborted();
    if (this.#disposed) throw new UnloadedError("the model was closed");
    this.#active++;
    this.#disarm();
    const aborted = abortion(signal);
    let context: OpenContext | null = null;
    let jobs: readonly Job<R>[] = [];
    try {
      this.#context ??= this.#open();
      context = await Promise.race([this.#context, aborted.promise]);
      jobs = start(context);
      return await Promise.race([Promise.all(jobs.map((job) => job.result)), aborted.promise]);
    } finally {
      aborted.dispose();
      for (const job of jobs) job.cancel();
      context?.decoder.poke();
      this.#active--;
      this.#arm();
    }
  }

  /** Unloads for good. Calls under way get `failed` results. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#disarm();
    await this.#unload("the model was closed");
  }

  async #open(): Promise<OpenContext> {
    await this.#closing;
    try {
      return await this.#source.open();
    } catch (error) {
      this.#context = null;
      throw new UnloadedError(messageOf(error));
    }
  }

  #unload(reason: string): Promise<void> {
    const pending = this.#context;
    this.#context = null;
    if (pending !== null) {
      this.#closing = pending
        .then((context) => this.#source.close(context, reason))
        .catch(() => {
          // It never opened, and whoever waited for it was told; or its memory is lost, and nobody can do a thing about it.
        });
    }
    return this.#closing;
  }

  #arm(): void {
    if (this.#active > 0 || this.#disposed || !Number.isFinite(this.#idleUnloadMs)) return;
    this.#disarm();
    this.#timer = setTimeout(() => void this.#unload("idle"), this.#idleUnloadMs);
    this.#timer.unref();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** A promise that rejects with the signal's reason, and the way to stop listening. */
export function abortion(signal: AbortSignal): { readonly promise: Promise<never>; dispose(): void } {
  let onAbort: () => void = () => undefined;
  // As many requests as there are may wait for one signal; Node would take eleven for a leak and say so.
  setMaxListeners(0, signal);
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  promise.catch(() => undefined); // It may reject after the race is over.
  return { promise, dispose: () => signal.removeEventListener("abort", onAbort) };
}
