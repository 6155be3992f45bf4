/** Models and Python, opened when first needed and kept; several searches share one opening. */
import type { Python, Runtime, RuntimeListener, RuntimeOpening, RuntimeOptions } from "../compose.ts";
import type { Settings } from "../protocol/settings.ts";
import type { EditorServices } from "./services.ts";
import { unlessAborted } from "./signals.ts";

/** What is in memory now. */
export interface RuntimeState {
  readonly kind: "unloaded" | "loading" | "ready";
  readonly backend: Runtime["backend"] | null;
}

export class LazyRuntime {
  readonly #services: EditorServices;
  readonly #settings: () => Settings;
  readonly #listener: RuntimeListener;
  #opening: { readonly key: string; readonly done: Promise<RuntimeOpening> } | null = null;
  #open: { readonly key: string; readonly runtime: Runtime } | null = null;
  #python: { readonly key: string; readonly done: Promise<Python> } | null = null;
  #loading = new AbortController();
  /** Searches and checks that use what is open. */
  #users = 0;

  constructor(services: EditorServices, settings: () => Settings, listener: RuntimeListener) {
    this.#services = services;
    this.#settings = settings;
    this.#listener = listener;
  }

  get state(): RuntimeState {
    if (this.#open !== null) return { kind: "ready", backend: this.#open.runtime.backend };
    return { kind: this.#opening === null ? "unloaded" : "loading", backend: null };
  }

  /** Tokens generated since the models were opened; 0 while none is. */
  get generatedTokens(): number {
    return this.#open?.runtime.stats().policy.generatedTokens ?? 0;
  }

  /**
   * Runs `work` with everything a search needs, opening it first. Models are never downloaded here. When the settings
   * name other models now, what is open is closed first, as soon as nobody uses it.
   * @throws the signal's reason.
   */
  async withRuntime<T>(signal: AbortSignal, work: (opening: RuntimeOpening) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(await unlessAborted(this.#runtime(), signal));
    } finally {
      this.#users--;
    }
  }

  /** Runs `work` with Python, and without any model. */
  async withPython<T>(work: (python: Python) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(await this.#openPython());
    } finally {
      this.#users--;
    }
  }

  /** Frees everything; what is being loaded is given up. */
  async close(): Promise<void> {
    this.#loading.abort(new Error("unloaded"));
    this.#loading = new AbortController();
    const [open, python] = [this.#open, this.#python];
    this.#open = null;
    this.#opening = null;
    this.#python = null;
    await Promise.all([open?.runtime.dispose(), python?.done.then((each) => each.dispose())]);
  }

  async #runtime(): Promise<RuntimeOpening> {
    const { model } = this.#settings();
    const key = JSON.stringify([model, this.#pythonKey()]);
    if (this.#open !== null && this.#open.key !== key && this.#users <= 1) await this.close();
    if (this.#open !== null) return { kind: "ready", runtime: this.#open.runtime };
    if (this.#opening?.key === key) return this.#opening.done;
    const signal = this.#loading.signal;
    const done = this.#openRuntime(model, signal).then((opening) => {
      if (opening.kind === "ready") this.#open = { key, runtime: opening.runtime };
      return opening;
    });
    const opening = { key, done };
    this.#opening = opening;
    const forget = (): void => {
      if (this.#opening === opening) this.#opening = null;
    };
    done.then(forget, forget);
    return done;
  }

  async #openRuntime(model: Settings["model"], signal: AbortSignal): Promise<RuntimeOpening> {
    const options: RuntimeOptions = {
      ...(model.policy === "" ? {} : { model: model.policy }),
      ...(model.ppm === "" ? {} : { ppm: model.ppm }),
      ...(model.dataFolder === "" ? {} : { folder: model.dataFolder }),
      ...(model.threads === 0 ? {} : { threads: model.threads }),
      gpu: model.gpu === "off" ? false : model.gpu,
      idleUnloadMs: model.idleUnloadMinutes * 60_000,
      offline: true,
      python: await this.#openPython(),
    };
    return this.#services.openRuntime(options, signal, this.#listener);
  }

  async #openPython(): Promise<Python> {
    const key = this.#pythonKey();
    if (this.#python !== null && (this.#python.key === key || this.#users > 1)) return this.#python.done;
    const old = this.#python;
    const { stepTimeoutSeconds, memoryMB } = this.#settings().verifier;
    const limits = { timeLimitMs: stepTimeoutSeconds * 1000, memoryLimitMB: memoryMB };
    const fresh = { key, done: this.#services.openPython(limits) };
    this.#python = fresh;
    await old?.done.then((python) => python.dispose());
    return fresh.done;
  }

  #pythonKey(): string {
    const { stepTimeoutSeconds, memoryMB } = this.#settings().verifier;
    return JSON.stringify([stepTimeoutSeconds, memoryMB]);
  }
}
