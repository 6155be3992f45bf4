/** Ctrl-C: the first stops the work and keeps what was found, the second ends the process at once. */
import { EXIT } from "./exit.ts";

/** A signal that Ctrl-C (or a SIGTERM) aborts. Call `release` when the work is over. */
export function interruptSignal(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.cancelled);
    process.stderr.write("\nStopping… (again to end at once)\n");
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
