/** Opens what a command computes with, and says on the terminal what is being prepared. */
import { openRuntime, type Runtime, type RuntimeListener, type RuntimeOptions } from "../compose.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { modelProgressView } from "./model-progress.ts";
import { printable } from "./printable.ts";

/** A listener that shows what it hears. `stop` ends the line of a download; to be called however the opening ended. */
export interface PreparingView extends RuntimeListener {
  stop(): void;
}

/** A view on `stream`, normally `process.stderr`, so that results on standard output stay clean. */
export function preparingView(stream: NodeJS.WriteStream): PreparingView {
  const downloads = modelProgressView(stream);
  return {
    say: (line) => void stream.write(printable(`${line}\n`)),
    download: downloads.onProgress,
    stop: () => downloads.stop(),
  };
}

/**
 * Opens models and Python for a command.
 * @throws CommandFailure that says what is missing; the signal's reason when it is aborted.
 */
export async function openForCommand(options: RuntimeOptions, signal: AbortSignal): Promise<Runtime> {
  const view = preparingView(process.stderr);
  try {
    const opening = await openRuntime(options, signal, view);
    if (opening.kind === "failed") throw new CommandFailure(EXIT.unavailable, opening.message);
    return opening.runtime;
  } finally {
    view.stop();
  }
}
