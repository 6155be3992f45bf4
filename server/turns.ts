/** Waiting that ends with a signal, and letting only so many work at once. */

/** Why a person stopped something. */
export class Stopped extends Error {}

/** The promise's value, unless the signal is aborted first. @throws the signal's reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // A promise nobody waits for any more may still fail.
  promise.catch(() => undefined);
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = (): void => reject(signal.reason instanceof Error ? signal.reason : new Stopped("stopped"));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Runs `work` on every item, at most `concurrency` at a time, until all are done or the signal is aborted.
 * @throws what `work` throws first, once nothing is under way any more.
 */
export async function sideBySide<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length && !signal.aborted && !hasFailed; index = next++) {
      const item = items[index];
      if (item === undefined) continue;
      try {
        await work(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, items.length) }, worker);
  for (const ended of await Promise.allSettled(workers)) if (ended.status === "rejected") throw ended.reason;
}

/** Lets at most so many through at once, in order. */
export class Turns {
  readonly #limit: () => number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Runs `work` when it is its turn. @throws the signal's reason when that is aborted while waiting. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || this.#inside >= this.#limit()) {
      let enter: () => void = () => undefined;
      const turn = new Promise<void>((resolve) => {
        enter = resolve;
        this.#waiting.push(enter);
      });
      this.#admit();
      try {
        await unlessAborted(turn, signal);
      } catch (error) {
        const at = this.#waiting.indexOf(enter);
        // Its turn came in the same moment: it goes to the next.
        if (at < 0) this.#leave();
        else this.#waiting.splice(at, 1);
        throw error;
      }
    } else this.#inside++;
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    this.#inside--;
    this.#admit();
  }

  /** Lets in as many as the limit, which may have changed, has room for. Their places are taken before they know. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#inside < this.#limit()) {
      this.#inside++;
      this.#waiting.shift()?.();
    }
  }
}
