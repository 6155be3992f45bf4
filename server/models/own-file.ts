/** A file of the person's own that is one of the manifest's, as the place where that one is fetched from. */
import { createReadStream, createWriteStream } from "node:fs";
import { access, constants, link, realpath, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { partialName, type FetchJob, type FetchOutcome } from "./sources.ts";

/**
 * Brings the file as a hard link, which takes no room, else as a copy.
 * @throws the signal's reason within 250 ms of an abort, and errors of the file system (`ENOSPC`, `EACCES`, …).
 */
export async function takeOwn(file: string, { asset, folder, signal }: FetchJob): Promise<FetchOutcome> {
  const partial = path.join(folder, partialName(asset.file, "own"));
  await rm(partial, { force: true });
  if (!(await tryLink(file, partial))) await copy(file, partial, signal);
  return { kind: "fetched", path: partial };
}

/** Whether a link to the file can lie in a folder, as far as is known before it is tried. */
export async function isLinkable(file: string, folder: string): Promise<boolean> {
  const [one, other] = await Promise.all([stat(file), stat(folder)]);
  return one.dev === other.dev;
}

async function tryLink(file: string, target: string): Promise<boolean> {
  try {
    // A link is the file itself: one that must not be written could not be made sure of here either.
    await access(file, constants.W_OK);
    await link(await realpath(file), target);
    return true;
  } catch {
    return false;
  }
}

/** In pieces, so that it can be stopped. */
async function copy(file: string, target: string, signal: AbortSignal): Promise<void> {
  const piece = { highWaterMark: 1 << 20 };
  await pipeline(createReadStream(file, piece), createWriteStream(target, piece), { signal });
}
