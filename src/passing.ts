/** What is said without being in the way. */
import * as vscode from "vscode";

/** How long it stays in the status bar, in milliseconds. */
const PASSING_MS = 8_000;

/** Says in the status bar what nobody has to answer. */
export function tellInPassing(message: string): void {
  vscode.window.setStatusBarMessage(message, PASSING_MS);
}
