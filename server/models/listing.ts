/** What a list of models tells about each of them, from the manifest and from the sizes of the files. */
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { widenedCopies } from "../engine/widened.ts";
import type { Lineage, LineageEntry } from "../protocol/evolution.ts";
import { adapterPath, inUse } from "./adapters.ts";
import { assetPath, partialBytes, type EnsureContext } from "./ensure.ts";
import { modelFolder } from "./home.ts";
import { assetsOf, isDerived, type Asset, type BaseEntry, type ManifestEntry } from "./manifest.ts";
import type { OwnModel } from "./own-models.ts";

/** One line of the list of models. Sizes in bytes. */
export interface ListedModel {
  readonly id: string;
  readonly role: "policy" | "ppm";
  readonly name: string;
  readonly description: string;
  /** `manifest`: it can be fetched. `own`: the user added it. `trained`: an adapter that was trained here. */
  readonly origin: "manifest" | "own" | "trained";
  readonly isDefault: boolean;
  readonly isTest: boolean;
  /** SPDX identifier, or null when a file of the user's own does not say. */
  readonly license: string | null;
  readonly parameters: number;
  readonly contextLength: number;
  readonly promptFormat: "two-shot" | "bare";
  /** The model whose file this one uses, where it does. */
  readonly base: string | null;
  /** Whether all its files are here with the right size; their hashes are checked when the model is used. */
  readonly installed: boolean;
  /** The GGUF file, here or to be. */
  readonly path: string;
  /** Size of all its files, the base's included. */
  readonly bytes: number;
  /** How much of that is on this machine. */
  readonly bytesOnDisk: number;
  /** What unfinished downloads of it have brought so far. */
  readonly partialBytes: number;
  /** What removing it would free, its base's file not counted; null where nothing can be removed. */
  readonly removableBytes: number | null;
}

/** Describes an entry of the manifest; `base` is the entry whose file it uses, its own in most cases. */
export async function describeEntry(
  entry: ManifestEntry,
  base: BaseEntry,
  context: Pick<EnsureContext, "home" | "packageRoot">,
): Promise<ListedModel> {
  const assets: readonly Asset[] = isDerived(entry) ? [base, ...assetsOf(entry)] : [base];
  const sizes = await Promise.all(
    assets.map(async (asset) => {
      const file = assetPath(asset, context);
      return { expected: asset.bytes, present: await sizeOf(file), partial: await partialBytes(file) };
    }),
  );
  const held = (await Promise.all(ownFiles(entry, context).map(heldBytes))).filter((each) => each !== null);
  return {
    id: entry.id,
    role: entry.role,
    name: entry.name,
    description: entry.description,
    origin: "manifest",
    isDefault: entry.default === true,
    isTest: entry.test === true,
    license: [...new Set(assets.map((asset) => asset.license))].join(" AND "),
    parameters: base.parameters,
    contextLength: base.contextLength,
    promptFormat: entry.promptFormat,
    base: isDerived(entry) ? entry.base : null,
    installed: sizes.every((size) => size.present === size.expected),
    path: assetPath(base, context),
    bytes: sizes.reduce((sum, size) => sum + size.expected, 0),
    bytesOnDisk: sizes.reduce((sum, size) => sum + size.present, 0),
    partialBytes: sizes.reduce((sum, size) => sum + size.partial, 0),
    removableBytes: held.length > 0 ? held.reduce((sum, each) => sum + each, 0) : null,
  };
}

/** Describes a file of the user's own. */
export async function describeOwn(model: OwnModel): Promise<ListedModel> {
  const present = await sizeOf(model.path);
  const { id, role, name, license, parameters, contextLength, promptFormat, path: file, bytes } = model;
  return {
    ...{ id, role, name, license, parameters, contextLength, promptFormat, path: file, bytes },
    description: `Your own file (${model.architecture}).`,
    origin: "own",
    isDefault: false,
    isTest: false,
    base: null,
    installed: present === bytes,
    bytesOnDisk: present,
    partialBytes: 0,
    // It is only taken off the list.
    removableBytes: 0,
  };
}

/** Describes an adapter of the lineage. `base` is the model whose file it is on; undefined when that is on no list. */
export async function describeTrained(
  entry: LineageEntry,
  base: ListedModel | undefined,
  lineage: Lineage,
  home: string,
): Promise<ListedModel> {
  const file = adapterPath(home, entry);
  const present = await sizeOf(file);
  const { id, role, promptFormat, bytes, data, gate } = entry;
  const examples = `${data.examples} ${role === "policy" ? "solutions" : "pairs"}`;
  return {
    ...{ id, role, name: id, promptFormat, base: entry.base.id },
    description: `Trained here on ${entry.base.id} with ${examples}; ${gate?.why ?? "not compared yet"}`,
    origin: "trained",
    isDefault: false,
    isTest: false,
    license: base?.license ?? null,
    parameters: base?.parameters ?? 0,
    contextLength: base?.contextLength ?? 0,
    installed: base?.installed === true && present === bytes,
    path: base?.path ?? file,
    bytes: (base?.bytes ?? 0) + bytes,
    bytesOnDisk: (base?.bytesOnDisk ?? 0) + present,
    partialBytes: base?.partialBytes ?? 0,
    removableBytes: inUse(lineage, role, entry.base.sha256) === id ? null : present,
  };
}

/** The entry's own files in the data folder: what removing it deletes. */
export function ownFiles(
  entry: ManifestEntry,
  context: Pick<EnsureContext, "home" | "packageRoot">,
): readonly string[] {
  return assetsOf(entry)
    .map((asset) => assetPath(asset, context))
    .filter((file) => file.startsWith(modelFolder(context.home) + path.sep));
}

/**
 * What the disk gets back when a model file is deleted with its copies and with what unfinished downloads of it have
 * brought; null where none of it is there. A file that is a link to one of the person's own gives nothing back.
 */
export async function heldBytes(file: string): Promise<number | null> {
  const partial = await partialBytes(file);
  const sizes = await Promise.all(
    [file, ...(await widenedCopies(file))].map(async (each) => {
      const found = await fileAt(each);
      return found === null ? null : found.nlink > 1 ? 0 : found.size;
    }),
  );
  const there = sizes.filter((size) => size !== null);
  return partial === 0 && there.length === 0 ? null : there.reduce((sum, size) => sum + size, partial);
}

/** Size of a file in bytes; 0 when there is none. */
export async function sizeOf(file: string): Promise<number> {
  return (await fileAt(file))?.size ?? 0;
}

async function fileAt(file: string): Promise<Stats | null> {
  const found = await stat(file).catch(() => null);
  return found?.isFile() === true ? found : null;
}
