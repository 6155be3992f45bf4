/** Ctrl-C: the first stops the work and keeps what was found, the second ends the process at once. */
import { STOP_MESSAGE } from "../protocol/run-output.ts";
import { EXIT } from "./exit.ts";

/** Why a signal of `interruptSignal` was aborted: whoever does not end by itself then throws it, which is no bug. */
export class Interruption extends Error {}

/** How the work under way is stopped. */
const underWay = new Set<() => void>();

/**
 * A reader that is gone (`rstar … | head`, a parent that ended) stops the work, as Ctrl-C does, so that what was found is
 * kept; where there is none, it ends the process without a word.
 */
export function endWithReader(): void {
  let isStopping = false;
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // A terminal that is gone: who has left this program running wants it to go on.
      if (error.code === "EIO") return;
      if (error.code !== "EPIPE") throw error;
      // What is stopped ends by itself, and may have more to say.
      if (underWay.size === 0 && !isStopping) process.exit(EXIT.ok);
      isStopping = true;
      for (const stop of underWay) stop();
    });
}

/**
 * A signal that Ctrl-C (or a SIGTERM) aborts, and so does a terminal that is closed, or the message or the end of a parent
 * that started this program with Node's channel. Call `release` when the work is over.
 */
export function interruptSignal(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Interruption("stopped by a person"));
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      // Progress bars hide it, and have no time to show it again.
      if (process.stderr.isTTY) process.stderr.write("\u001b[?25h");
      process.exit(EXIT.cancelled);
    }
    process.stderr.write("\nStopping… (again to end at once)\n");
    stop();
  };
  const onMessage = (message: unknown): void => {
    if (message === STOP_MESSAGE) stop();
  };
  const onDisconnect = (): void => stop();
  // The shell and the system may both send it.
  const onHangUp = (): void => stop();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGHUP", onHangUp);
  underWay.add(stop);
  if (process.send !== undefined) {
    process.on("message", onMessage);
    process.on("disconnect", onDisconnect);
  }
  return {
    signal: controller.signal,
    release: () => {
      underWay.delete(stop);
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      process.off("SIGHUP", onHangUp);
      // The channel keeps this program alive while somebody listens.
      process.off("message", onMessage);
      process.off("disconnect", onDisconnect);
    },
  };
}
