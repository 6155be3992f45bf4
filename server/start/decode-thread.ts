/** Keeps the batches of small machines on one thread of Node's pool. */
import { physicalCores } from "../engine/cores.ts";

/** With so many cores or fewer, llama.cpp's threads take all of them. */
const SMALL = 2;

/**
 * Makes Node's pool one thread on a machine of two cores, unless the user chose its size. To be called before anything
 * uses the pool, which a CommonJS file's first lines are and an ES module's never are.
 *
 * Batches go to whichever thread of the pool is free. llama.cpp starts its second thread anew for each, and when the
 * first moves between cores, both are often put on the same one, where they wait for each other: 38 ms instead of 23 for
 * one token of the 0.5B. With more cores there is room, and on a GPU the reading of many logits wants several threads.
 *
 * On Windows it changes nothing: libuv reads there what the process was started with.
 *
 * Not in the language server: access to files waits for the batch under way, and a search that is killed there should
 * be on disk as it was shown.
 */
export function keepDecodingOnOneThread(
  environment: NodeJS.ProcessEnv = process.env,
  cores: number = physicalCores(),
): void {
  if (cores <= SMALL) environment["UV_THREADPOOL_SIZE"] ??= "1";
}
