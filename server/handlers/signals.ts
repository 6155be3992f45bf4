/** Abort signals out of what the Language Server Protocol has. */
import type { CancellationToken } from "vscode-languageserver";
import { Stopped } from "../turns.ts";

/** A signal that is aborted when the token is. */
export function signalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Stopped("cancelled by the client"));
  if (token.isCancellationRequested) stop();
  else token.onCancellationRequested(stop);
  return controller.signal;
}
