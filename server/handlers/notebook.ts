/** Writes a running search down whenever it has grown, so that a killed process costs no search. */
import type { Trace } from "../protocol/trace.ts";

/** The shortest time between two writings; the first comes at once. */
const EVERY_MS = 1000;

export class Notebook {
  readonly #write: (trace: Trace) => Promise<void>;
  readonly #snapshot: () => Trace;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #last = -Infinity;

  /** `write` must not reject. */
  constructor(snapshot: () => Trace, write: (trace: Trace) => Promise<void>) {
    this.#snapshot = snapshot;
    this.#write = write;
  }

  /** The search has candidates that were not written down yet. */
  grown(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#writing = this.#writing.then(() => {
          this.#last = performance.now();
          return this.#write(this.#snapshot());
        });
      },
      Math.max(0, this.#last + EVERY_MS - performance.now()),
    );
  }

  /** Nothing is written any more once this has resolved. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
  }
}
