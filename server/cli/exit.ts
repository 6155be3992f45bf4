/** Exit codes of the `rstar` command, as the README documents them. */
import type { Refusal } from "../protocol/run-output.ts";

export const EXIT = {
  ok: 0,
  /** A bug: please report it with `rstar doctor`. */
  bug: 1,
  /** Wrong arguments. */
  usage: 2,
  /** The file cannot be used: missing, not UTF-8, without problems; or the solutions not be written into it. */
  input: 3,
  /** A model, the sandbox or the engine could not be made ready, or a run's folder not be written: a full disk. */
  unavailable: 4,
  /** At least one problem got no answer, or its search failed. */
  unsolved: 5,
  /** `verify`: at least one stored step does not check. */
  unverified: 6,
  /** Stopped by Ctrl-C. */
  cancelled: 130,
} as const;

/** Ends a command with a message for a person and an exit code; `refusal` says the reason to programs. */
export class CommandFailure extends Error {
  readonly code: number;
  readonly refusal: Refusal | undefined;
  constructor(code: number, message: string, refusal?: Refusal) {
    super(message);
    this.code = code;
    this.refusal = refusal;
  }
}
