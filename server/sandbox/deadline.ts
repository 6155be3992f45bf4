/** Ends an interpreter that is not done in time, or whose answer nobody waits for any more. */
import type { Interpreter } from "./interpreter.ts";

/** So many times the limit an interpreter may take by the clock, where it had to wait for a core. */
export const MOST_BY_THE_CLOCK = 3;

/** Why the host ended an interpreter; null when it did not. */
export type Ended = "timeout" | "abort" | null;

/** Watches over one request, until `settle` is called with its answer at hand. */
export class Deadline {
  readonly #interpreter: Pick<Interpreter, "kill" | "waitedMs">;
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #ended: Ended = null;
  #isSettled = false;
  readonly #onAbort = (): void => this.#end("abort");

  constructor(interpreter: Pick<Interpreter, "kill" | "waitedMs">, signal: AbortSignal) {
    this.#interpreter = interpreter;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  /**
   * Gives it so many milliseconds from now, in place of what was left. What it waits for a core is not counted, within
   * `MOST_BY_THE_CLOCK`: what is computed beside a step must not decide whether it is in time.
   */
  allow(ms: number): void {
    const [began, waited] = [performance.now(), this.#interpreter.waitedMs];
    const leftOf = (): number => {
      const waiting = Math.min(this.#interpreter.waitedMs - waited, (MOST_BY_THE_CLOCK - 1) * ms);
      return began + ms + waiting - performance.now();
    };
    this.#wake(ms, leftOf);
  }

  /** Stops watching; why the interpreter was ended, if it was. */
  settle(): Ended {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
    return this.#ended;
  }

  #wake(ms: number, leftOf: () => number): void {
    clearTimeout(this.#timer);
    // An answer that lies in the pipe while the host was busy still counts: it is read before the check.
    this.#timer = setTimeout(() => {
      setImmediate(() => {
        if (this.#isSettled) return;
        const left = leftOf();
        if (left < 1) this.#end("timeout");
        else this.#wake(left, leftOf);
      });
    }, ms);
  }

  #end(why: "timeout" | "abort"): void {
    if (this.#isSettled) return;
    this.#ended ??= why;
    this.#interpreter.kill(why);
  }
}
