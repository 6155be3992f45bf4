/** Whether a program that was started still runs. */
import type { ChildProcess } from "node:child_process";

/** One that a signal ended has no exit code. */
export function isAlive({ exitCode, signalCode }: Pick<ChildProcess, "exitCode" | "signalCode">): boolean {
  return exitCode === null && signalCode === null;
}
