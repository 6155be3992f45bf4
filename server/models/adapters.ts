/**
 * The adapters that were trained on this machine: their files, their lineage, and which of them is in use. Files are
 * named by content and never changed, so a search that is running keeps the one it began with.
 */
import { copyFile, mkdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { moveTo, writeFileAtomic } from "../replace-file.ts";
import { parseJson } from "../json.ts";
import { namesOn, surface, type Surface } from "../protocol/surface.ts";
import { EVOLUTION_VERSION, Lineage, type GateReport, type LineageEntry } from "../protocol/evolution.ts";
import { sha256OfFile } from "./checked-files.ts";
import { codeOf } from "../errors.ts";
import { withLock } from "../lock.ts";
import { writeFailure } from "./write-failure.ts";
import { describeFailure, type ModelFailure } from "./outcomes.ts";

type Role = LineageEntry["role"];

/** The lineage cannot be read or written; a person can put it right. */
export type LineageFailure = Extract<ModelFailure, { kind: "bad-lineage" | "unwritable-home" | "disk-full" }>;

/** The lineage after a change, or why there is none. */
export type LineageOutcome = { readonly kind: "lineage"; readonly lineage: Lineage } | LineageFailure;

/** What a person asked for that the lineage does not allow. Nothing is changed then. */
export type AdapterRefusal =
  | { readonly kind: "unknown-adapter"; readonly id: string; readonly known: readonly string[] }
  /** It is in use. */
  | { readonly kind: "adapter-in-use"; readonly id: string }
  | { readonly kind: "nothing-to-roll-back" }
  /** The trained file is not what the trainer said. */
  | { readonly kind: "changed-file"; readonly path: string };

/** The folder of the adapters' files and of `lineage.json`. */
export function adaptersFolder(home: string): string {
  return path.join(home, "models", "adapters");
}

/** The file of an adapter, absolute. */
export function adapterPath(home: string, entry: Pick<LineageEntry, "file">): string {
  return path.join(adaptersFolder(home), entry.file);
}

/** The adapter in use on a base; null for none. Undefined where nothing was ever chosen. */
export function inUse(lineage: Lineage, role: Role, baseSha256: string): string | null | undefined {
  return lineage.uses.findLast((use) => use.role === role && use.baseSha256 === baseSha256)?.adapter;
}

/** Reads the lineage; without a file it is empty. */
export async function readLineage(home: string): Promise<LineageOutcome> {
  const file = lineageFile(home);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error)))
      return { kind: "lineage", lineage: { version: EVOLUTION_VERSION, entries: [], uses: [] } };
    return { kind: "bad-lineage", path: file, detail: codeOf(error) };
  }
  const reading = parseJson(text, Lineage);
  if (reading.kind === "value") return { kind: "lineage", lineage: reading.value };
  return { kind: "bad-lineage", path: file, detail: reading.detail };
}

/**
 * Copies a trained adapter into the folder and puts it on the list, in use by nobody. An entry of the same id is
 * replaced, so doing it again after a kill changes nothing.
 */
export async function addAdapter(
  home: string,
  trained: string,
  entry: Omit<LineageEntry, "file">,
  signal: AbortSignal,
): Promise<LineageOutcome | AdapterRefusal> {
  const file = `${entry.id}-${entry.sha256.slice(0, 12)}.gguf`;
  return await change(home, signal, async (lineage) => {
    const folder = adaptersFolder(home);
    const target = path.join(folder, file);
    // Written beside and renamed: a kill leaves no half adapter under the name.
    await copyFile(trained, `${target}.part`);
    const sha256 = await sha256OfFile(`${target}.part`, signal);
    if (sha256 !== entry.sha256) {
      await rm(`${target}.part`, { force: true });
      return { kind: "changed-file", path: trained };
    }
    await moveTo(`${target}.part`, target);
    const entries = lineage.entries.filter(({ id }) => id !== entry.id);
    return { ...lineage, entries: [...entries, { ...entry, file }] };
  });
}

/** Notes how an adapter did in its comparison. */
export async function setGate(
  home: string,
  id: string,
  gate: GateReport,
  signal: AbortSignal,
): Promise<LineageOutcome | AdapterRefusal> {
  return await change(home, signal, (lineage) => {
    if (!lineage.entries.some((entry) => entry.id === id)) return unknown(id, lineage);
    return {
      ...lineage,
      entries: lineage.entries.map((entry) => (entry.id === id ? { ...entry, gate } : entry)),
    };
  });
}

/** Puts an adapter to use on its base, or with `adapter: null` the untouched base (for a PPM, none). */
export async function chooseAdapter(
  home: string,
  choice: { readonly role: Role; readonly baseSha256: string; readonly adapter: string | null },
  why: string,
  at: string,
  signal: AbortSignal,
): Promise<LineageOutcome | AdapterRefusal> {
  return await change(home, signal, (lineage) => {
    const { adapter, baseSha256, role } = choice;
    const entry = lineage.entries.find(({ id }) => id === adapter);
    if (adapter !== null && (entry?.role !== role || entry.base.sha256 !== baseSha256))
      return unknown(adapter, lineage);
    if (inUse(lineage, role, baseSha256) === adapter) return lineage;
    return { ...lineage, uses: [...lineage.uses, { at, role, baseSha256, adapter, why }] };
  });
}

/** Takes the newest choice back (of one role, where it is given): what was in use before is in use again. */
export async function rollBack(
  home: string,
  role: Role | null,
  signal: AbortSignal,
): Promise<LineageOutcome | AdapterRefusal> {
  return await change(home, signal, (lineage) => {
    const index = lineage.uses.findLastIndex((use) => role === null || use.role === role);
    if (index < 0) return { kind: "nothing-to-roll-back" };
    return { ...lineage, uses: lineage.uses.toSpliced(index, 1) };
  });
}

/** Deletes an adapter that is not in use; rolling back passes it over from then on. */
export async function removeAdapter(
  home: string,
  id: string,
  signal: AbortSignal,
): Promise<LineageOutcome | AdapterRefusal> {
  return await change(home, signal, async (lineage) => {
    const entry = lineage.entries.find((other) => other.id === id);
    if (entry === undefined) return unknown(id, lineage);
    if (inUse(lineage, entry.role, entry.base.sha256) === id) return { kind: "adapter-in-use", id };
    const left = lineage.entries.filter((other) => other !== entry);
    if (!left.some(({ file }) => file === entry.file)) await rm(adapterPath(home, entry), { force: true });
    const uses = lineage.uses.filter(({ adapter }) => adapter !== id);
    return {
      ...lineage,
      entries: left,
      uses: uses.filter((use, index) => isChange(uses.slice(0, index), use)),
    };
  });
}

/** Whether a use puts another adapter to use than the one before it: rolling back something else does nothing. */
function isChange(before: Lineage["uses"], { role, baseSha256, adapter }: Lineage["uses"][number]): boolean {
  const last = before.findLast((use) => use.role === role && use.baseSha256 === baseSha256);
  return last?.adapter !== adapter;
}

/** The words for a person. */
export function describeRefusal(refusal: AdapterRefusal, where: Surface = surface()): string {
  const { train, rollBack: rollingBack } = namesOn(where);
  switch (refusal.kind) {
    case "unknown-adapter":
      return `There is no adapter "${refusal.id}" for this base and role. Known: ${refusal.known.join(", ") || `none yet; ${train} makes them`}. Nothing was changed.`;
    case "adapter-in-use":
      return `${refusal.id} is in use. Roll back or use another one first (${rollingBack}); nothing was removed.`;
    case "nothing-to-roll-back":
      return "Nothing was put to use that could be rolled back: the default is in use.";
    case "changed-file":
      return `${refusal.path} changed after it was trained, so it was not taken over. Train again; nothing else was changed.`;
    default:
      return refusal satisfies never;
  }
}

/** Whether it was a person's wish that the lineage does not allow, and not the lineage itself. */
export function isRefusal(failure: LineageFailure | AdapterRefusal): failure is AdapterRefusal {
  switch (failure.kind) {
    case "bad-lineage":
    case "unwritable-home":
    case "disk-full":
      return false;
    case "unknown-adapter":
    case "adapter-in-use":
    case "nothing-to-roll-back":
    case "changed-file":
      return true;
    default:
      return failure satisfies never;
  }
}

/** The words for a person, whatever came instead of the lineage. */
export function describeNoLineage(failure: LineageFailure | AdapterRefusal): string {
  return isRefusal(failure) ? describeRefusal(failure) : describeFailure(failure);
}

type Changed = Lineage | AdapterRefusal;

/** Changes the lineage with no other process writing in between. @throws the signal's reason when it is aborted. */
async function change(
  home: string,
  signal: AbortSignal,
  edit: (lineage: Lineage) => Changed | Promise<Changed>,
): Promise<LineageOutcome | AdapterRefusal> {
  const file = lineageFile(home);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    return await withLock(file, signal, async () => {
      const current = await readLineage(home);
      if (current.kind !== "lineage") return current;
      const changed = await edit(current.lineage);
      if ("kind" in changed) return changed;
      if (changed !== current.lineage) await writeFileAtomic(file, `${JSON.stringify(changed, null, 2)}\n`);
      return { kind: "lineage", lineage: changed };
    });
  } catch (error) {
    signal.throwIfAborted();
    const failure = writeFailure(error, path.dirname(file), 0);
    if (failure === null) throw error;
    return failure;
  }
}

function unknown(id: string, lineage: Lineage): AdapterRefusal {
  return { kind: "unknown-adapter", id, known: lineage.entries.map((entry) => entry.id) };
}

/** Differs from what it was when the lineage was changed by whatever process. */
export async function lineageRevision(home: string): Promise<string> {
  const found = await stat(lineageFile(home)).catch(() => null);
  return found === null ? "none" : `${found.size} ${found.mtimeMs}`;
}

function lineageFile(home: string): string {
  return path.join(adaptersFolder(home), "lineage.json");
}

/** Whether the adapter's file is there with the right size. */
export async function isPresent(home: string, entry: LineageEntry): Promise<boolean> {
  const found = await stat(adapterPath(home, entry)).catch(() => null);
  return found?.size === entry.bytes;
}
