/** Loads the Python interpreter with its libraries imported: from a memory snapshot when there is one, else anew. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadPyodide, version } from "pyodide";
import type { PyodideAPI } from "pyodide";
import warmUp from "./python/warm_up.py" with { type: "text" };
import pins from "./wheels.json" with { type: "json" };

const LIBRARIES = "/wheels";
/** A fixed hash seed, so that sets print in the same order in every run; `_` would tell a path of the host. */
const PYTHON_ENV = { PYTHONHASHSEED: "0", PYTHONDONTWRITEBYTECODE: "1", HOME: "/home", _: "python" };

/** What is used of Emscripten's file system. */
interface VirtualFiles {
  mkdirTree(path: string): void;
  writeFile(path: string, data: Uint8Array): void;
}

/** Where the snapshot for exactly these versions lies in a folder. */
function snapshotPath(directory: string): string {
  const key = createHash("sha256").update(JSON.stringify([version, pins, warmUp, PYTHON_ENV]));
  return path.join(directory, `python-${key.digest("hex").slice(0, 16)}.snapshot`);
}

/** The snapshot's bytes, or null when there is none. */
export function readSnapshot(directory: string): Uint8Array | null {
  try {
    return fs.readFileSync(snapshotPath(directory));
  } catch {
    return null;
  }
}

/**
 * Starts Python. With a snapshot, its memory is put back and the libraries are there at once; the caller has made
 * room for it (`fence`). Without one, the libraries are imported, which takes seconds.
 * @throws when a wheel is missing or differs from its pin, or the snapshot does not fit.
 */
export async function loadPython(
  wheelsDir: string,
  options: { readonly snapshot?: Uint8Array; readonly make?: boolean } = {},
): Promise<PyodideAPI> {
  const wheels = pins.wheels.map(({ file, sha256 }) => ({ file, data: readWheel(wheelsDir, file, sha256) }));
  const python = await loadPyodide({
    indexURL: path.dirname(fileURLToPath(import.meta.resolve("pyodide"))),
    env: { ...PYTHON_ENV },
    _sysExecutable: "/python",
    jsglobals: Object.create(null) as object,
    stdin: () => undefined as unknown as string,
    stdout: () => undefined,
    stderr: () => undefined,
    fsInit: (FS: VirtualFiles) => {
      FS.mkdirTree(LIBRARIES);
      for (const { file, data } of wheels) FS.writeFile(`${LIBRARIES}/${file}`, data);
      return Promise.resolve();
    },
    ...(options.make === true ? { _makeSnapshot: true } : {}),
    ...(options.snapshot === undefined ? {} : { _loadSnapshot: options.snapshot }),
  });
  if (options.snapshot === undefined) {
    const paths = pins.wheels.map(({ file }) => `${LIBRARIES}/${file}`);
    python.runPython(`import sys\nsys.path.extend(${JSON.stringify(paths)})\n${warmUp}`);
  }
  return python;
}

function readWheel(directory: string, file: string, sha256: string): Uint8Array {
  const data = fs.readFileSync(path.join(directory, file));
  if (createHash("sha256").update(data).digest("hex") !== sha256) {
    throw new Error(`${file} is not the pinned one; run the set-up again`);
  }
  return data;
}

/** Writes the snapshot for these versions unless it is there, and removes those of others. Returns its path. */
export async function makeSnapshot(wheelsDir: string, directory: string): Promise<string> {
  const target = snapshotPath(directory);
  if (fs.existsSync(target)) return target;
  const python = await loadPython(wheelsDir, { make: true });
  const image = (python as unknown as { makeMemorySnapshot(): Uint8Array }).makeMemorySnapshot();
  fs.mkdirSync(directory, { recursive: true });
  for (const name of fs.readdirSync(directory)) {
    if (/^python-[0-9a-f]{16}\.snapshot$/.test(name)) fs.rmSync(path.join(directory, name));
  }
  // Written beside and renamed, so that a set-up that is interrupted leaves no half of one.
  const partial = `${target}.${process.pid}.part`;
  fs.writeFileSync(partial, image);
  fs.renameSync(partial, target);
  return target;
}
