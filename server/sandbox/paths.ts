/** Where the sandbox's files lie: beside the bundle, or in `dist/` when the sources run as they are. */
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface SandboxPaths {
  /** The bundled worker. */
  readonly workerPath: string;
  /** Folder with the wheels that `wheels.json` pins. */
  readonly wheelsDir: string;
  /** Folder that may hold the memory snapshot (`node dist/sandbox-worker.mjs --prepare` makes it). */
  readonly snapshotDir: string;
}

/** The paths in an installed or built package. */
export function defaultPaths(): SandboxPaths {
  const here = fileURLToPath(import.meta.url);
  const directory = path.dirname(here);
  const dist = here.endsWith(".ts") ? path.resolve(directory, "../../dist") : directory;
  return {
    workerPath: path.join(dist, "sandbox-worker.mjs"),
    wheelsDir: path.join(dist, "wheels"),
    snapshotDir: dist,
  };
}
