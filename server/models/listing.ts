/** What a list of models tells about each of them, from the manifest and from the sizes of the files. */
import { stat } from "node:fs/promises";
import { assetPath, partialBytes, type EnsureContext } from "./ensure.ts";
import { assetsOf, isDerived, type Asset, type BaseEntry, type ManifestEntry } from "./manifest.ts";
import type { OwnModel } from "./own-models.ts";

/** One line of the list of models. Sizes in bytes. */
export interface ListedModel {
  readonly id: string;
  readonly role: "policy" | "ppm";
  readonly name: string;
  readonly description: string;
  /** `manifest`: it can be fetched. `own`: the user added it. */
  readonly origin: "manifest" | "own";
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
  };
}

/** Size of a file in bytes; 0 when there is none. */
export async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => null);
  return found?.isFile() === true ? found.size : 0;
}
