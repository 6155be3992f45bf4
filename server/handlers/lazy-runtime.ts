/** Models and Python, opened when first needed and kept; several searches share one opening. */
import type {
  Endpoint,
  Python,
  Runtime,
  RuntimeListener,
  RuntimeOpening,
  RuntimeOptions,
} from "../compose.ts";
import { namedPpm, type Settings } from "../protocol/settings.ts";
import type { EditorServices } from "./services.ts";
import { unlessAborted } from "../turns.ts";

/** What is in memory now. */
export interface RuntimeState {
  readonly kind: "unloaded" | "loading" | "ready";
  /** What computes and why, in words. */
  readonly why: string | null;
  /** Ids of the models that are open. */
  readonly policy: string | null;
  readonly ppm: string | null;
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
  #idle: NodeJS.Timeout | undefined;
  readonly #unloaded: () => void;
  readonly #keyFor: (url: string) => Promise<string | null>;

  /**
   * `unloaded` hears that everything was freed because nobody had used it for as long as the settings say; `keyFor`
   * gives the key of an endpoint.
   */
  constructor(
    services: EditorServices,
    settings: () => Settings,
    listener: RuntimeListener,
    unloaded: () => void,
    keyFor: (url: string) => Promise<string | null>,
  ) {
    this.#services = services;
    this.#settings = settings;
    this.#listener = listener;
    this.#unloaded = unloaded;
    this.#keyFor = keyFor;
  }

  get state(): RuntimeState {
    if (this.#open === null)
      return {
        kind: this.#opening === null ? "unloaded" : "loading",
        why: null,
        policy: null,
        ppm: null,
      };
    const { why, services } = this.#open.runtime;
    const { policy, ppm } = services;
    return { kind: "ready", why, policy: policy.identity.id, ppm: ppm?.identity.id ?? null };
  }

  /** Tokens generated since the models were opened; 0 while none is. */
  get generatedTokens(): number {
    return this.#open?.runtime.stats().policy.generatedTokens ?? 0;
  }

  /**
   * Runs `work` with everything a search needs, opening it first. Models are never downloaded here. When the settings
   * name other models now, what is open or being opened is closed first, as soon as nobody uses it.
   * @throws the signal's reason.
   */
  async withRuntime<T>(signal: AbortSignal, work: (opening: RuntimeOpening) => Promise<T>): Promise<T> {
    return this.#using(async () => work(await unlessAborted(this.#runtime(), signal)));
  }

  /** Runs `work` with Python, and without any model. */
  async withPython<T>(work: (python: Python) => Promise<T>): Promise<T> {
    return this.#using(async () => work(await this.#openPython()));
  }

  async #using<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      if (this.#users === 0) {
        const minutes = this.#settings().model.idleUnloadMinutes;
        // Nobody waits for this: a process that could end may end.
        this.#idle = setTimeout(() => void this.close().then(this.#unloaded), minutes * 60_000).unref();
      }
    }
  }

  /** Frees everything unless somebody uses it; whether it did. */
  async closeUnused(): Promise<boolean> {
    if (this.#users > 0) return false;
    await this.close();
    this.#unloaded();
    return true;
  }

  /** Frees everything; what is being loaded is given up. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
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
    // What was adopted or rolled back since is another model, and fetched binaries compute elsewhere; whoever searches
    // now keeps what is open.
    const files = await this.#services.filesRevision(model.dataFolder);
    const endpoint = await this.#endpoint();
    const key = JSON.stringify([model, endpoint, this.#pythonKey(), files]);
    const before = this.#open ?? this.#opening;
    if (before !== null && before.key !== key && this.#users <= 1) await this.close();
    if (this.#open !== null) return { kind: "ready", runtime: this.#open.runtime };
    if (this.#opening !== null) return this.#opening.done;
    const signal = this.#loading.signal;
    const done = this.#openRuntime(model, endpoint, signal).then(async (opening) => {
      if (opening.kind !== "ready") return opening;
      if (signal.aborted) {
        // Everything was unloaded in the moment in which this was ready.
        await opening.runtime.dispose();
        signal.throwIfAborted();
      }
      this.#open = { key, runtime: opening.runtime };
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

  /** The server that the settings name, with its key; null for a model of this machine. */
  async #endpoint(): Promise<Endpoint | null> {
    const { url, timeoutSeconds, ...endpoint } = this.#settings().endpoint;
    if (url.trim() === "") return null;
    return { url, ...endpoint, timeoutMs: timeoutSeconds * 1000, key: await this.#keyFor(url) };
  }

  async #openRuntime(
    model: Settings["model"],
    endpoint: Endpoint | null,
    signal: AbortSignal,
  ): Promise<RuntimeOpening> {
    const options: RuntimeOptions = {
      ...(endpoint === null ? {} : { endpoint }),
      ...(model.policy === "" ? {} : { model: model.policy }),
      ...(model.ppm === "" ? {} : { ppm: namedPpm(model.ppm) }),
      ...(model.threads === 0 ? {} : { threads: model.threads }),
      folder: model.dataFolder,
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
    // What is open runs its steps in the Python that goes.
    const isUsed = this.#open !== null || this.#opening !== null;
    const ended = isUsed ? this.close() : this.#python?.done.then((python) => python.dispose());
    const { stepTimeoutSeconds, memoryMB } = this.#settings().verifier;
    const limits = { timeLimitMs: stepTimeoutSeconds * 1000, memoryLimitMB: memoryMB };
    const fresh = { key, done: this.#services.openPython(limits) };
    this.#python = fresh;
    await ended;
    return fresh.done;
  }

  #pythonKey(): string {
    const { stepTimeoutSeconds, memoryMB } = this.#settings().verifier;
    return JSON.stringify([stepTimeoutSeconds, memoryMB]);
  }
}
