/** Ends an interpreter that is not done in time, or whose answer nobody waits for any more. */
import type { Interpreter } from "./interpreter.ts";

/** Why the host ended an interpreter; null when it did not. */
export type Ended = "timeout" | "abort" | null;

/** Watches over one request, until `settle` is called with its answer at hand. */
export class Deadline {
  readonly #interpreter: Interpreter;
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #ended: Ended = null;
  #isSettled = false;
  readonly #onAbort = (): void => this.#end("abort");

  constructor(interpreter: Interpreter, signal: AbortSignal) {
    this.#interpreter = interpreter;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  /** Gives it so many milliseconds from now, in place of what was left. */
  allow(ms: number): void {
    clearTimeout(this.#timer);
    // An answer that lies in the pipe while the host was busy still counts: it is read before the check.
    this.#timer = setTimeout(() => setImmediate(() => this.#end("timeout")), ms);
  }

  /** Stops watching; why the interpreter was ended, if it was. */
  settle(): Ended {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
    return this.#ended;
  }

  #end(why: "timeout" | "abort"): void {
    if (this.#isSettled) return;
    this.#ended ??= why;
    this.#interpreter.kill(why);
  }
}
