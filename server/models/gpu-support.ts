/** The engine's binaries for GPUs: too large for the package, fetched on request with npm and checked by their hashes. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { GpuKind } from "../protocol/models.ts";
import { freeBytesOf } from "./ensure.ts";
import { folderSize } from "./folder-size.ts";
import packages from "./gpu-packages.json" with { type: "json" };
import { withLock } from "../lock.ts";
import { formatBytes } from "../protocol/text.ts";
import { runProgram } from "./program.ts";
import { moveTo } from "../replace-file.ts";

/** A kind that there are binaries of for this platform. */
export interface GpuSupport {
  readonly kind: GpuKind;
  /** Unpacked. */
  readonly bytes: number;
  readonly installed: boolean;
}

/** What came of fetching or removing; the message says what to do. */
export type GpuOutcome =
  { readonly kind: "done"; readonly bytes: number } | { readonly kind: "failed"; readonly message: string };

interface GpuPackage {
  readonly name: string;
  readonly integrity: string;
  readonly bytes: number;
}

/** How to fetch. `onBytes` hears how much has been unpacked. */
export interface GpuFetchOptions {
  readonly signal: AbortSignal;
  readonly onBytes?: (bytes: number, totalBytes: number) => void;
  readonly target?: string;
  /** How npm is started; a test has one of its own. */
  readonly npm?: readonly string[];
}

const { version } = packages;
const TARGETS: Readonly<Record<string, Readonly<Record<GpuKind, readonly GpuPackage[]>>>> = packages.targets;
const KINDS: readonly GpuKind[] = ["cuda", "vulkan"];
const POLL_MS = 300;
/** npm keeps the packed files in its cache beside what it unpacks. */
const SPACE = 1.5;
const HERE = `${process.platform}-${process.arch}`;

/** Whether the package itself computes on a platform's GPUs: the one for Apple's chips has Metal, others none. */
export function hasGpuInPackage(target: string = HERE): boolean {
  return target === "darwin-arm64";
}

/** The kinds that can be fetched for a platform, and which are here. */
export function listGpuSupport(home: string, target: string = HERE): GpuSupport[] {
  return KINDS.flatMap((kind) => {
    const wanted = TARGETS[target]?.[kind] ?? [];
    if (wanted.length === 0) return [];
    return [{ kind, bytes: bytesOf(wanted), installed: existsSync(folderOf(home, kind)) }];
  });
}

/** The packages that were fetched, each with the URL of its entry, for `openEngine`. */
export function gpuBinaries(home: string, target: string = HERE): Record<string, string> {
  const found = listGpuSupport(home, target).filter(({ installed }) => installed);
  return Object.fromEntries(
    found.flatMap(({ kind }) =>
      (TARGETS[target]?.[kind] ?? []).map(({ name }) => [
        name,
        pathToFileURL(path.join(folderOf(home, kind), "node_modules", name, "dist", "index.js")).href,
      ]),
    ),
  );
}

/**
 * Fetches one kind. What is not complete is never used; another process that fetches the same is waited for.
 * @throws the signal's reason, with npm ended and nothing left behind.
 */
export async function fetchGpuSupport(
  home: string,
  kind: GpuKind,
  { signal, onBytes, target = HERE, npm = ["npm"] }: GpuFetchOptions,
): Promise<GpuOutcome> {
  const wanted = TARGETS[target]?.[kind] ?? [];
  if (wanted.length === 0)
    return {
      kind: "failed",
      message: `There are no ${kind} binaries to fetch for ${target}. Nothing was changed.`,
    };
  const total = bytesOf(wanted);
  const folder = folderOf(home, kind);
  await mkdir(path.dirname(folder), { recursive: true });
  return await withLock(folder, signal, async (held) => {
    if (existsSync(folder)) return { kind: "done", bytes: total };
    const free = await freeBytesOf(path.dirname(folder));
    if (free < SPACE * total)
      return {
        kind: "failed",
        message: `${formatBytes(SPACE * total)} are needed on the disk of ${home}, and ${formatBytes(free)} are free. Make room and fetch again; nothing was changed.`,
      };
    const staging = `${folder}.part`;
    await rm(staging, { recursive: true, force: true });
    try {
      await writeProject(staging, wanted);
      const failure = await install(npm, staging, held, (bytes) => onBytes?.(Math.min(bytes, total), total));
      if (failure !== null) return { kind: "failed", message: failure };
      const missing = wanted.find(
        ({ name }) => !existsSync(path.join(staging, "node_modules", name, "dist", "index.js")),
      );
      if (missing !== undefined)
        return { kind: "failed", message: `npm ended without ${missing.name}. Nothing was changed.` };
      await moveTo(staging, folder);
      await removeEarlier(home, kind);
      return { kind: "done", bytes: total };
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  });
}

/** Deletes one kind; a process that uses it goes on with it until it ends. */
export async function removeGpuSupport(
  home: string,
  kind: GpuKind,
  signal: AbortSignal,
): Promise<GpuOutcome> {
  const folder = folderOf(home, kind);
  const earlier = await removeEarlier(home, kind);
  if (!existsSync(folder))
    return earlier > 0
      ? { kind: "done", bytes: earlier }
      : { kind: "failed", message: `There are no ${kind} binaries in ${home}; nothing was changed.` };
  const { bytes } = await folderSize(folder);
  await withLock(folder, signal, () => rm(folder, { recursive: true, force: true }));
  return { kind: "done", bytes: bytes + earlier };
}

/** Deletes the binaries of earlier versions, which nothing uses any more, and says how many bytes that were. */
async function removeEarlier(home: string, kind: GpuKind): Promise<number> {
  const own = folderOf(home, kind);
  const names = await readdir(path.dirname(own)).catch(() => []);
  let bytes = 0;
  for (const name of names.filter((other) => other.endsWith(`-${kind}`) && other !== path.basename(own))) {
    const folder = path.join(path.dirname(own), name);
    const size = await folderSize(folder);
    // What a process of the earlier version has open on Windows stays until the next time.
    const isGone = await rm(folder, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    if (isGone) bytes += size.bytes;
  }
  return bytes;
}

function folderOf(home: string, kind: GpuKind): string {
  return path.join(home, "gpu", `${version}-${kind}`);
}

function bytesOf(wanted: readonly GpuPackage[]): number {
  return wanted.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A project whose lock file makes npm check the hashes; where npm gets the packages from is the user's setting. */
async function writeProject(folder: string, wanted: readonly GpuPackage[]): Promise<void> {
  const dependencies = Object.fromEntries(wanted.map(({ name }) => [name, version]));
  const root = { name: "rstar-math-gpu-support", version: "1.0.0", private: true, dependencies };
  const locked: Record<string, object> = Object.fromEntries(
    wanted.map(({ name, integrity }) => [`node_modules/${name}`, { version, integrity }]),
  );
  const lock = {
    ...{ name: root.name, version: root.version, lockfileVersion: 3, requires: true },
    packages: { "": root, ...locked },
  };
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "package.json"), JSON.stringify(root));
  await writeFile(path.join(folder, "package-lock.json"), JSON.stringify(lock));
}

/** Runs npm; null when it did its work, else what to tell. @throws the signal's reason. */
async function install(
  npm: readonly string[],
  folder: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<string | null> {
  const poll = setInterval(() => {
    void folderSize(folder).then(({ bytes }) => onBytes(bytes));
  }, POLL_MS);
  const ended = await runProgram([...npm, ...INSTALL], signal, { cwd: folder, isGroup: true }).finally(() =>
    clearInterval(poll),
  );
  const isMissing =
    ended.kind === "not-started" || /command not found|is not recognized/iu.test(ended.errors);
  if (isMissing)
    return `npm, which comes with Node.js, fetches these binaries, and it was not found${ended.kind === "not-started" ? ` (${ended.detail})` : ""}. Install Node.js and fetch again; nothing was changed.`;
  if (ended.kind === "ended" && ended.code === 0) return null;
  const lines = ended.errors.split(/\r?\n/u).filter((line) => line.trim() !== "");
  return `npm could not fetch the binaries: ${lines.slice(0, 3).join(" ").slice(0, 400) || "it gave no reason"}. Nothing was changed; fetch again when that is put right.`;
}

const INSTALL = [
  "ci",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--loglevel=error",
];
