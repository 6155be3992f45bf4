/** How much of the disk folders take. */
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { formatBytes } from "../protocol/text.ts";

/** Bytes of the files below a folder. */
export interface FolderSize {
  readonly bytes: number;
  /** False where the time was up before all of it was counted. */
  readonly isWhole: boolean;
}

/** Where a person waits: tens of thousands of files, as Python's packages are, take seconds on a slow disk. */
const PATIENCE_MS = 2_000;

/** Ends the counting for somebody who waits for it. */
export function patience(): AbortSignal {
  return AbortSignal.timeout(PATIENCE_MS);
}

/**
 * Counts the files below `folder` until `signal` says that it is enough. Links are not followed; what is not there or
 * cannot be read counts nothing.
 */
export async function folderSize(folder: string, signal?: AbortSignal): Promise<FolderSize> {
  return { bytes: await bytesBelow(folder, signal), isWhole: signal?.aborted !== true };
}

/** One folder after the other: what was asked of the system all at once could not be taken back. */
async function bytesBelow(folder: string, signal: AbortSignal | undefined): Promise<number> {
  if (signal?.aborted === true) return 0;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  let bytes = sum(await Promise.all(files.map(({ name }) => bytesOf(path.join(folder, name)))));
  for (const entry of entries)
    if (entry.isDirectory()) bytes += await bytesBelow(path.join(folder, entry.name), signal);
  return bytes;
}

async function bytesOf(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** `1.3 GB`, or that it is more. */
export function describeSize({ bytes, isWhole }: FolderSize): string {
  return `${isWhole ? "" : "more than "}${formatBytes(bytes)}`;
}
