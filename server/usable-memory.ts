/** The memory that a program can have. */
import { freemem, totalmem } from "node:os";

/** What is known of a machine's memory, in bytes. */
export interface MachineMemory {
  readonly total: number;
  /** What the system calls free; on Linux and Windows with what it gives back on demand. */
  readonly free: number;
  /** What this process's container may have; 0, or more than there is, where there is no such limit. */
  readonly limit: number;
  /** What this process takes of it. */
  readonly own: number;
}

/**
 * Bytes of memory that this process can have more. On macOS what the system calls free leaves out all that it gives back
 * on demand, which is most: there it is taken to be half of the memory at least. Of a container the limit counts, less
 * what this process takes: what the container calls used holds all files that were ever read.
 */
export function usableMemory(
  { total, free, limit, own }: MachineMemory = thisMachine(),
  platform: NodeJS.Platform = process.platform,
): number {
  const usable = platform === "darwin" ? Math.max(free, total / 2) : free;
  return limit > 0 && limit < total ? Math.max(0, Math.min(usable, limit - own)) : usable;
}

function thisMachine(): MachineMemory {
  return {
    total: totalmem(),
    free: freemem(),
    limit: process.constrainedMemory(),
    own: process.memoryUsage.rss(),
  };
}
