/** The list of the user's own models, `<home>/models.json`: read and checked, changed under a lock, written whole. */
import { mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import * as z from "zod";
import { parseJson } from "../json.ts";
import { codeOf } from "../errors.ts";
import { withLock } from "../lock.ts";
import type { ModelFailure } from "./outcomes.ts";

const ownModel = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  role: z.enum(["policy", "ppm"]),
  name: z.string(),
  /** Absolute; the file stays where its owner put it. */
  path: z.string(),
  bytes: z.number(),
  /** As it was when the file was added. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  architecture: z.string(),
  license: z.string().nullable(),
  parameters: z.number(),
  contextLength: z.number(),
  promptFormat: z.enum(["two-shot", "bare"]),
  ppm: z.strictObject({ suffix: z.string(), positive: z.string(), negative: z.string() }).optional(),
});

const ownModelsFile = z.strictObject({ version: z.literal(1), models: z.array(ownModel) });

/** One of the user's own models. */
export type OwnModel = z.infer<typeof ownModel>;

type BadFile = Extract<ModelFailure, { kind: "bad-models-file" }>;
/** The list, or why it cannot be read. */
export type OwnModels = { readonly kind: "models"; readonly models: readonly OwnModel[] } | BadFile;

/** Whether a name can be a model's id. */
export function isModelId(id: string): boolean {
  return ownModel.shape.id.safeParse(id).success;
}

/** Reads the list; without a file it is empty. */
export async function readOwnModels(home: string): Promise<OwnModels> {
  const file = path.join(home, "models.json");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return { kind: "models", models: [] };
    return { kind: "bad-models-file", path: file, detail: codeOf(error) || String(error) };
  }
  const reading = parseJson(text, ownModelsFile);
  if (reading.kind === "value") return { kind: "models", models: reading.value.models };
  return { kind: "bad-models-file", path: file, detail: reading.detail };
}

/** Differs from what it was when the list was changed, by whichever process. */
export async function ownModelsRevision(home: string): Promise<string> {
  const found = await stat(path.join(home, "models.json")).catch(() => null);
  return found === null ? "none" : `${found.size} ${found.mtimeMs}`;
}

/**
 * Replaces the list by `change(list)`, with no other process writing in between; a list that cannot be read is left
 * as it is. @throws the signal's reason when it is aborted, and errors of the file system.
 */
export async function changeOwnModels(
  home: string,
  signal: AbortSignal,
  change: (models: readonly OwnModel[]) => readonly OwnModel[],
): Promise<OwnModels> {
  await mkdir(home, { recursive: true });
  const file = path.join(home, "models.json");
  return await withLock(file, signal, async () => {
    const current = await readOwnModels(home);
    if (current.kind !== "models") return current;
    const models = change(current.models);
    await writeFileAtomic(file, `${JSON.stringify({ version: 1, models }, null, 2)}\n`);
    return { kind: "models", models };
  });
}
