/** Turns among the processes that share a file: a lock beside it, which a killed process loses after a few seconds. */
import lockfile from "proper-lockfile";

/** Waits for the turn at a file, which need not be there yet; gives what ends the turn. */
export function lock(file: string): Promise<() => Promise<void>> {
  return lockfile.lock(file, {
    realpath: false,
    retries: { retries: 50, minTimeout: 20, maxTimeout: 200 },
  });
}
