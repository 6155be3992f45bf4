/** Makes sure that one model file is on this machine and is the right one, fetching it when it is missing. */
import { mkdir, open, readdir, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { removeWidened } from "../engine/widened.ts";
import { sha256OfFile, type CheckedFiles } from "./checked-files.ts";
import { modelFolder } from "./home.ts";
import { LockLost, withLock } from "../lock.ts";
import { writeFailure } from "./write-failure.ts";
import type { Asset, Source } from "./manifest.ts";
import type { ModelFailure, ModelProgress, SourceFailure } from "./outcomes.ts";
import { isLinkable, takeOwn } from "./own-file.ts";
import { progressReporter, type PhaseReporter } from "./progress.ts";
import { addressOf, isPartialOf, type FetchJob, type FetchOutcome, type Fetchers } from "./sources.ts";
import { moveTo } from "../replace-file.ts";

/** Room that must stay free: 5% for what a file system adds, and 200 MB so that the machine stays usable. */
const RESERVE_SHARE = 0.05;
const RESERVE_BYTES = 200e6;
/** With less than this left, a download that failed for no named reason failed for lack of room. */
const FULL_BYTES = 32e6;

/** What {@link ensureAsset} works with; the manager fills it in once. */
export interface EnsureContext {
  /** The data folder; files go to its folder `models`. */
  readonly home: string;
  /** The root that the paths of bundled sources start from. */
  readonly packageRoot: string;
  readonly fetchers: Fetchers;
  readonly checked: CheckedFiles;
  readonly log: (line: string) => void;
  /** Free bytes of the file system that holds a folder. */
  readonly freeBytes: (folder: string) => Promise<number>;
}

/** How one request wants it. */
export interface EnsureOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
  /** Fail rather than use the network. */
  readonly offline?: boolean | undefined;
  /** A file of the person's own with these very bytes: it is taken in the place of all sources. */
  readonly own?: string | undefined;
}

export type Ensured =
  | { readonly kind: "present"; readonly path: string }
  | { readonly kind: "failed"; readonly reason: ModelFailure };

/** The absolute path at which a file is used: where it lies in this package, else in the data folder. */
export function assetPath(asset: Asset, context: Pick<EnsureContext, "home" | "packageRoot">): string {
  for (const source of asset.sources)
    if (source.kind === "bundled") return path.join(context.packageRoot, source.path);
  return path.join(modelFolder(context.home), asset.file);
}

/**
 * Finds the file, or fetches it from the first source that has it, and checks its SHA-256. No network is used once the
 * file is there. Processes that want the same file at once fetch it once.
 * @throws the signal's reason within 250 ms of an abort; what had arrived is kept for the next time.
 */
export async function ensureAsset(
  id: string,
  asset: Asset,
  context: EnsureContext,
  options: EnsureOptions,
): Promise<Ensured> {
  const file = assetPath(asset, context);
  const folder = path.dirname(file);
  const report = progressReporter(asset, options.onProgress);
  try {
    const present = await inspect(file, asset, context, options.signal, report);
    if (present.kind === "right") return { kind: "present", path: file };
    if (present.kind === "wrong" && (options.offline === true || isBundled(asset)))
      return {
        kind: "failed",
        reason: { kind: "wrong-hash", path: file, expected: asset.sha256, found: present.sha256 },
      };
    if (options.offline === true || isBundled(asset))
      return { kind: "failed", reason: { kind: "not-installed", id, file: asset.file, bytes: asset.bytes } };

    await mkdir(folder, { recursive: true });
    const work = async (signal: AbortSignal): Promise<Ensured> => {
      // Another process may have finished it meanwhile.
      const now = await inspect(file, asset, context, signal, report);
      if (now.kind === "right") return { kind: "present", path: file };
      if (now.kind === "wrong") await setAside(file, context);
      return await fetchFile(file, asset, context, { ...options, signal }, report);
    };
    const waiting = report.phase("waiting", null);
    return await withLock(file, options.signal, work, () => waiting(0));
  } catch (error) {
    options.signal.throwIfAborted();
    return { kind: "failed", reason: await explain(error, file, asset) };
  }
}

function isBundled(asset: Asset): boolean {
  return asset.sources.some((source) => source.kind === "bundled");
}

type Inspection = { readonly kind: "absent" | "right" } | { readonly kind: "wrong"; readonly sha256: string };

async function inspect(
  file: string,
  asset: Asset,
  context: EnsureContext,
  signal: AbortSignal,
  report: PhaseReporter,
): Promise<Inspection> {
  signal.throwIfAborted();
  try {
    await stat(file);
  } catch {
    return { kind: "absent" };
  }
  const sha256 = await context.checked.sha256(file, signal, report.phase("checking", null));
  return sha256 === asset.sha256 ? { kind: "right" } : { kind: "wrong", sha256 };
}

/** A file of our name with other content is not deleted: it may be someone's. Copies of it are ours. */
async function setAside(file: string, context: EnsureContext): Promise<void> {
  const aside = `${file}.damaged`;
  await moveTo(file, aside);
  // One that is in use goes when the model is loaded next.
  await removeWidened(file).catch(() => undefined);
  await context.checked.forget(file);
  context.log(`${file} was not what it should be; it is now ${aside}, and the file is fetched again`);
}

async function fetchFile(
  file: string,
  asset: Asset,
  context: EnsureContext,
  { signal, own }: EnsureOptions,
  report: PhaseReporter,
): Promise<Ensured> {
  const folder = path.dirname(file);
  const isLink = own !== undefined && (await isLinkable(own, folder));
  const available = isLink ? Infinity : await context.freeBytes(folder);
  const missing = Math.max(0, asset.bytes - (await partialBytes(file)));
  const needed = Math.ceil(missing + asset.bytes * RESERVE_SHARE + RESERVE_BYTES);
  if (available < needed) return { kind: "failed", reason: { kind: "no-space", folder, needed, available } };

  const attempts: SourceFailure[] = [];
  for (const source of own === undefined ? asset.sources : [{ kind: "own" as const, path: own }]) {
    signal.throwIfAborted();
    context.log(`fetching ${asset.file} from ${source.kind}`);
    const outcome = await fetchFrom(source, context.fetchers, {
      asset,
      folder,
      signal,
      onBytes: report.phase("downloading", source.kind),
    });
    if (outcome.kind === "failed") {
      context.log(`${source.kind}: ${outcome.detail}`);
      if (outcome.reason === "other" && (await context.freeBytes(folder)) < FULL_BYTES)
        return { kind: "failed", reason: { kind: "disk-full", folder, kept: await partialBytes(file) } };
      attempts.push({ source: source.kind, reason: outcome.reason, detail: outcome.detail });
      continue;
    }
    const sha256 = await sha256OfFile(outcome.path, signal, report.phase("checking", null));
    if (sha256 !== asset.sha256) {
      // Nothing of it can be trusted, so there is nothing to resume from.
      await rm(outcome.path, { force: true });
      const detail = `what arrived has the SHA-256 ${sha256}, not ${asset.sha256}; it was thrown away`;
      attempts.push({ source: source.kind, reason: "wrong-content", detail });
      continue;
    }
    await flush(outcome.path);
    await moveTo(outcome.path, file);
    await context.checked.remember(file, sha256);
    await removePartials(file);
    return { kind: "present", path: file };
  }
  const address = addressOf(asset);
  return { kind: "failed", reason: { kind: "all-sources-failed", file: asset.file, address, attempts } };
}

function fetchFrom(
  source: Source | { readonly kind: "own"; readonly path: string },
  fetchers: Fetchers,
  job: FetchJob,
): Promise<FetchOutcome> {
  switch (source.kind) {
    case "own":
      return takeOwn(source.path, job);
    case "huggingface":
      return fetchers.huggingface(source, job);
    case "wheels":
      return fetchers.wheels(source, job);
    case "bundled":
      return Promise.resolve({ kind: "failed", reason: "not-found", detail: `${source.path} is not there` });
    default:
      return source satisfies never;
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/* ---------------------------------------------------------------- partials */

async function partialsOf(file: string): Promise<string[]> {
  const folder = path.dirname(file);
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => isPartialOf(path.basename(file), name))
    .map((name) => path.join(folder, name));
}

/** Bytes that unfinished downloads of `file` take on the disk. */
export async function partialBytes(file: string): Promise<number> {
  let bytes = 0;
  for (const partial of await partialsOf(file)) {
    const found = await stat(partial).catch(() => null);
    // A download in several streams leaves holes: count what is there, where the file system tells.
    if (found?.isFile() === true)
      bytes += found.blocks > 0 ? Math.min(found.size, found.blocks * 512) : found.size;
  }
  return bytes;
}

/** Deletes what unfinished downloads of `file` left. */
export async function removePartials(file: string): Promise<void> {
  for (const partial of await partialsOf(file)) await rm(partial, { recursive: true, force: true });
}

/* ------------------------------------------------------------------ errors */

/** Free bytes for this user on the file system that holds `folder`. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** The failure that a file system error stands for. @throws the error when it is none that a person can put right. */
async function explain(error: unknown, file: string, asset: Asset): Promise<ModelFailure> {
  if (error instanceof LockLost) return { kind: "lock-lost", file: asset.file };
  const failure = writeFailure(error, path.dirname(file), await partialBytes(file));
  if (failure === null) throw error;
  return failure;
}
