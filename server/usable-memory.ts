/** The memory that a program can have. */

/**
 * Bytes of it, from what the system calls free. On macOS that leaves out all that it gives back on demand, which is most:
 * there it is taken to be half of the memory at least.
 */
export function usableMemory(
  { free, total }: { readonly free: number; readonly total: number },
  platform: NodeJS.Platform = process.platform,
): number {
  return platform === "darwin" ? Math.max(free, total / 2) : free;
}
