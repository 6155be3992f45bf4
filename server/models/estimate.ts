/** What a model would take of this machine, before anything is downloaded: memory, and speed from the memory's speed. */
import { usableMemory } from "../usable-memory.ts";

/** KV state of policy and PPM at most; work space and two Python interpreters. */
const KV_BYTES = 1e9;
const WORK_BYTES = 0.9e9;

/**
 * Decoding reads every weight once a token. Measured with two threads: 491 MB of weights at 43 to 60 tokens/s (21 to
 * 29 GB/s) on a machine whose `memorySpeed` is 25 GB/s: as fast as copying, reading and writing counted.
 */
const DECODING_SHARE = 1;

export interface ModelEstimate {
  /** Weights, KV state at most, and work space. */
  readonly memoryBytes: number;
  readonly fits: boolean;
  /** One candidate alone, on the processor. */
  readonly tokensPerSecond: number;
  /** How the speed is known. */
  readonly basis: string;
}

/** The estimate for weights of this size. `bytesPerSecond` is what `memorySpeed` measured. */
export function estimateModel(
  bytes: number,
  bytesPerSecond: number,
  freeBytes = usableMemory(),
): ModelEstimate {
  const memoryBytes = bytes + KV_BYTES + WORK_BYTES;
  return {
    memoryBytes,
    fits: memoryBytes <= freeBytes,
    tokensPerSecond: Math.max(0.1, Math.round((10 * DECODING_SHARE * bytesPerSecond) / bytes) / 10),
    basis: `estimated from this machine's memory speed (${(bytesPerSecond / 1e9).toFixed(1)} GB/s) for the processor alone; a GPU is faster, and candidates drawn together are several times faster`,
  };
}

/** Bytes read and written a second when copying more than caches hold. Takes about 50 ms. */
export function memorySpeed(clock: () => number = () => performance.now()): number {
  const size = 32 << 20;
  const [from, to] = [new Uint8Array(size).fill(1), new Uint8Array(size)];
  to.set(from);
  const begun = clock();
  let copied = 0;
  do {
    to.set(from);
    copied += 2 * size;
  } while (clock() - begun < 40);
  return (1000 * copied) / Math.max(1, clock() - begun);
}
