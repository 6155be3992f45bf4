/** Keeps interpreters running and hands them out: starts, queue, affinity to cached states, replacement. */
import { setMaxListeners } from "node:events";
import { messageOf } from "../errors.ts";
import { namesOn } from "../protocol/surface.ts";
import { ServiceUnavailable } from "../services.ts";
import { Interpreter } from "./interpreter.ts";
import type { Ready } from "./interpreter.ts";
import type { WorkerConfig } from "./messages.ts";

/** Failed starts in a row, all fallbacks tried, after which those who wait are told, unless an interpreter is well. */
const MAX_FAILED_STARTS = 8;
/** Of each fallback, in a row: what failed once may have been the machine's trouble of that moment. */
const TRIES = 2;
/** The pause after the first failed start, in ms; the second is twice as long, and so on. */
const PAUSE_MS = 200;

/** What a start does without, from one failure to the next: Node's permission model, the snapshot, both. */
const FALLBACKS = [
  { permission: true, snapshot: true },
  { permission: false, snapshot: true },
  { permission: true, snapshot: false },
  { permission: false, snapshot: false },
] as const;

export interface PoolOptions {
  readonly size: number;
  readonly workerPath: string;
  readonly config: WorkerConfig;
}

/** One interpreter on loan. Give it back with `release`, exactly once. */
export interface Lease {
  readonly interpreter: Interpreter;
  /** Notes that the interpreter now holds a state under this key. */
  remember(key: string): void;
  /** @param replaceBecause why the interpreter must not be used again; omit when it may. */
  release(replaceBecause?: string): void;
}

export interface PoolStats {
  /** Interpreters that are ready, busy ones included. */
  readonly ready: number;
  /** How many processes were started, and how long the last took until it was ready, in ms. */
  readonly started: number;
  readonly startMs: number | null;
  /** Whether the last start used the memory snapshot, and Node's permission model; null before the first. */
  readonly snapshot: boolean | null;
  readonly permission: boolean | null;
  /** Why the last start that failed did; null when none did. */
  readonly startFailure: string | null;
  /** How often an interpreter was replaced, by reason. */
  readonly replaced: Readonly<Record<string, number>>;
}

interface Slot {
  interpreter: Interpreter | null;
  state: "empty" | "starting" | "idle" | "busy";
  /** Keys of the states it probably holds, oldest first. */
  keys: Set<string>;
}

interface Waiter {
  readonly key: string;
  readonly give: (slot: Slot) => void;
  readonly fail: (error: Error) => void;
}

/** A fixed number of interpreters of one role. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #slots: Slot[];
  readonly #queue: Waiter[] = [];
  readonly #replaced: Record<string, number> = {};
  /** What the last start came with. */
  #last: Ready | null = null;
  #started = 0;
  #failures = 0;
  /** Index in FALLBACKS; stays where the first start succeeded. */
  #fallback = 0;
  #lastFailure: string | null = null;
  readonly #pauses = new Set<NodeJS.Timeout>();
  #disposed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: Math.max(1, options.size) }, () => ({
      interpreter: null,
      state: "empty" as const,
      keys: new Set<string>(),
    }));
  }

  /** Starts the first interpreter, and resolves when it is ready; the others follow one after another. */
  async warm(): Promise<void> {
    const first = this.#slots[0];
    if (first === undefined || first.state === "idle" || first.state === "busy") return;
    const lease = await this.acquire("");
    lease.release();
  }

  /** Waits for an interpreter, preferably one that holds the state `key`. @throws the signal's reason. */
  acquire(key: string, signal?: AbortSignal): Promise<Lease> {
    signal?.throwIfAborted();
    if (this.#disposed) return Promise.reject(new Error("the sandbox has been disposed of"));
    // One signal often stands for a whole search: many runs listening to it are no leak.
    if (signal !== undefined) setMaxListeners(0, signal);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        key,
        give: (slot) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(this.#lend(slot));
        },
        fail: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(waiter);
      this.#serve();
    });
  }

  /** What happened so far. */
  stats(): PoolStats {
    return {
      ready: this.#slots.filter(({ state }) => state === "idle" || state === "busy").length,
      started: this.#started,
      startMs: this.#last?.ms ?? null,
      snapshot: this.#last?.snapshot ?? null,
      permission: this.#last?.permission ?? null,
      startFailure: this.#lastFailure,
      replaced: { ...this.#replaced },
    };
  }

  /** Ends every interpreter and resolves when their processes are gone. Waiting callers get an error. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    for (const waiter of this.#queue.splice(0)) waiter.fail(new Error("the sandbox has been disposed of"));
    const interpreters = this.#slots.map(({ interpreter }) => interpreter);
    for (const slot of this.#slots) slot.state = "empty";
    await Promise.all(
      interpreters.map(async (interpreter) => {
        interpreter?.kill("the sandbox has been disposed of");
        await interpreter?.gone;
      }),
    );
  }

  #lend(slot: Slot): Lease {
    slot.state = "busy";
    const { interpreter } = slot;
    if (interpreter === null) throw new Error("a slot without an interpreter was lent");
    let returned = false;
    return {
      interpreter,
      remember: (key) => {
        slot.keys.delete(key);
        slot.keys.add(key);
        const [oldest] = slot.keys;
        if (slot.keys.size > this.#options.config.cachedStates && oldest !== undefined)
          slot.keys.delete(oldest);
      },
      release: (replaceBecause) => {
        if (returned) return;
        returned = true;
        if (this.#disposed) return;
        const reason = replaceBecause ?? (interpreter.alive ? null : "ended");
        if (reason === null) slot.state = "idle";
        else {
          this.#countReplaced(reason);
          interpreter.kill(`replaced: ${reason}`);
          this.#start(slot);
        }
        this.#serve();
      },
    };
  }

  #countReplaced(reason: string): void {
    this.#replaced[reason] = (this.#replaced[reason] ?? 0) + 1;
  }

  /** Gives idle interpreters to those who wait, and starts more where they are needed. */
  #serve(): void {
    // Nobody heard it when one ended meanwhile, by the system for lack of memory for example.
    for (const slot of this.#slots) {
      if (slot.state !== "idle" || slot.interpreter?.alive === true) continue;
      this.#countReplaced("ended");
      slot.state = "empty";
    }
    for (;;) {
      const idle = this.#slots.filter(({ state }) => state === "idle");
      const waiter = this.#queue[0];
      if (waiter === undefined || idle.length === 0) break;
      this.#queue.shift();
      const chosen = idle.find(({ keys }) => keys.has(waiter.key)) ?? idle[0];
      if (chosen !== undefined) waiter.give(chosen);
    }
    // One start at a time: two would only slow each other down on a small machine.
    const wanted = this.#queue.length > 0 || this.#last !== null;
    const empty = this.#slots.find(({ state }) => state === "empty");
    if (wanted && empty !== undefined && !this.#slots.some(({ state }) => state === "starting"))
      this.#start(empty);
  }

  #start(slot: Slot): void {
    if (this.#disposed) return;
    slot.state = "starting";
    slot.keys.clear();
    const { config, workerPath } = this.#options;
    const { permission, snapshot } = FALLBACKS[this.#fallback] ?? FALLBACKS[0];
    this.#started += 1;
    try {
      slot.interpreter = new Interpreter({
        workerPath,
        permission,
        config: snapshot ? config : { ...config, snapshotDir: null },
      });
    } catch (error) {
      // Without memory for a process, Node says so at once.
      this.#startAgain(slot, error);
      return;
    }
    slot.interpreter.ready.then(
      (ready) => {
        if (this.#disposed) return;
        this.#last = ready;
        this.#failures = 0;
        slot.state = "idle";
        this.#serve();
      },
      (error: unknown) => this.#startAgain(slot, error),
    );
  }

  /** After a start that failed: tries again in a while, or tells those who wait. Whoever comes later is a new try. */
  #startAgain(slot: Slot, error: unknown): void {
    if (this.#disposed) return;
    this.#lastFailure = messageOf(error);
    this.#failures += 1;
    if (this.#last === null && this.#failures % TRIES === 0)
      this.#fallback = (this.#fallback + 1) % FALLBACKS.length;
    const isAnyWell = this.#slots.some(({ state }) => state === "idle" || state === "busy");
    if (this.#failures >= MAX_FAILED_STARTS && !isAnyWell) {
      slot.state = "empty";
      const failure = new ServiceUnavailable(
        `the Python sandbox cannot start: ${this.#lastFailure}. ${namesOn().setup} says more; nothing is lost.`,
      );
      for (const waiter of this.#queue.splice(0)) waiter.fail(failure);
      return;
    }
    // Meanwhile the slot counts as starting, so that no other start begins.
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      this.#start(slot);
    }, PAUSE_MS * this.#failures);
    this.#pauses.add(pause);
  }
}
