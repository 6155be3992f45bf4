/** Ctrl-C: the first stops the work and keeps what was found, the second ends the process at once. */
import { STOP_MESSAGE } from "../protocol/run-output.ts";
import { EXIT } from "./exit.ts";

/** Why a signal of `interruptSignal` was aborted: whoever does not end by itself then throws it, which is no bug. */
export class Interruption extends Error {}

/**
 * A signal that Ctrl-C (or a SIGTERM) aborts, and so does the message or the end of a parent that started this program
 * with Node's channel. Call `release` when the work is over.
 */
export function interruptSignal(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Interruption("stopped by a person"));
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.cancelled);
    process.stderr.write("\nStopping… (again to end at once)\n");
    stop();
  };
  const onMessage = (message: unknown): void => {
    if (message === STOP_MESSAGE) stop();
  };
  const onDisconnect = (): void => stop();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  if (process.send !== undefined) {
    process.on("message", onMessage);
    process.on("disconnect", onDisconnect);
    // A parent that is gone reads nothing more; what is under way is still put into a checkpoint.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  }
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      // The channel keeps this program alive while somebody listens.
      process.off("message", onMessage);
      process.off("disconnect", onDisconnect);
    },
  };
}
