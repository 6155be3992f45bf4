/** One process at a time on a file: a lock beside it, which a killed process loses after a few seconds. */
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { codeOf } from "./errors.ts";
import { whileHeld } from "./replace-file.ts";

const POLL_MS = 200;
/** A lock that was not touched for this long belongs to a process that is gone. */
const STALE_MS = 10_000;
const TOUCH_MS = 2_000;

const lockOptions = { realpath: false, stale: STALE_MS };

/** For work that nobody stops: it is over in a moment. */
export const UNSTOPPED = new AbortController().signal;

/** Thrown into the work when another process took the lock over, this one having been suspended for too long. */
export class LockLost extends Error {}

/**
 * Runs `work` while no other process works on `file`, which need not exist; waits for its turn and says so, once, through
 * `onWaiting`. The work's own signal is aborted as well when the lock is lost.
 * @throws the signal's reason, what `work` throws, and errors of the file system.
 */
export async function withLock<T>(
  file: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  onWaiting?: () => void,
): Promise<T> {
  for (let isTold = false; ; isTold = true) {
    const attempt = await ifFree(file, signal, work);
    if (attempt.kind === "done") return attempt.value;
    if (!isTold) onWaiting?.();
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

type Attempt<T> = { readonly kind: "done"; readonly value: T } | { readonly kind: "locked" };

/**
 * Like {@link withLock}, but does nothing when another process works on the file. One that works touches its lock: that
 * is seen within seconds. The lock of one that was killed is waited for until it is stale, ten seconds at most.
 */
export async function tryWithLock<T>(
  file: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Attempt<T>> {
  const touched = await touchedAt(file);
  for (;;) {
    const attempt = await ifFree(file, signal, work);
    if (attempt.kind === "done") return attempt;
    // One that was given back meanwhile is free.
    const now = await touchedAt(file);
    if (now !== null && now !== touched) return attempt;
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Whether some process works on the file; no, too, where that cannot be found out. */
export async function isLocked(file: string): Promise<boolean> {
  return await lockfile.check(file, lockOptions).catch(() => false);
}

/** When the lock was last touched; null where there is none. */
async function touchedAt(file: string): Promise<number | null> {
  return await stat(`${file}.lock`).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}

async function ifFree<T>(
  file: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Attempt<T>> {
  signal.throwIfAborted();
  const lost = new AbortController();
  let release: () => Promise<void>;
  try {
    // On Windows a lock that is being given back is in the way for a moment.
    release = await whileHeld(() =>
      lockfile.lock(file, {
        ...lockOptions,
        update: TOUCH_MS,
        onCompromised: () => lost.abort(new LockLost("the lock was taken over")),
      }),
    );
  } catch (error) {
    if (codeOf(error) !== "ELOCKED") throw error;
    return { kind: "locked" };
  }
  try {
    return { kind: "done", value: await work(AbortSignal.any([signal, lost.signal])) };
  } finally {
    if (!lost.signal.aborted) await release().catch(() => undefined);
  }
}
