/** Where the source of the very llama.cpp in use lies, of which the adapter converter is a part. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

/** A git bundle with llama.cpp's source, as node-llama-cpp ships it, and its release. */
export interface LlamaCppSource {
  readonly bundle: string;
  readonly release: string;
}

/** @throws Error when node-llama-cpp is not installed whole: a defect of the installation. */
export async function llamaCppSource(): Promise<LlamaCppSource> {
  const entry = createRequire(import.meta.url).resolve("node-llama-cpp");
  const folder = path.join(path.dirname(entry), "..", "llama");
  const info: unknown = JSON.parse(await readFile(path.join(folder, "llama.cpp.info.json"), "utf8"));
  if (typeof info !== "object" || info === null || !("tag" in info) || typeof info.tag !== "string")
    throw new Error(`${folder} does not say which release of llama.cpp it holds`);
  return { bundle: path.join(folder, "gitRelease.bundle"), release: info.tag };
}
