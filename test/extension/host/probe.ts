/** What the tests look at from outside: processes of the server, files of their own, conditions that come true. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { dataHome } from "../../../server/models/home.ts";
import { createModelManager } from "../../../server/models/manager.ts";
import { loadManifest } from "../../../server/models/manifest.ts";

const EVERY_MS = 100;

/** Waits until `read` gives something. @throws after the time limit, with what was waited for. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  limitMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await read();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

/** The processes of the language server below a process. */
export function serverProcesses(parent: number): number[] {
  const list = spawnSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).stdout;
  return list.split("\n").flatMap((line) => {
    const [, pid, ppid, args] = /^\s*(\d+)\s+(\d+)\s+(.*)$/u.exec(line) ?? [];
    return Number(ppid) === parent && /server\.mjs/u.test(args ?? "") ? [Number(pid)] : [];
  });
}

/** A folder to open, with files in it; a data folder beside it that has the user's models and traces of its own. */
export interface TestFolder extends Disposable {
  readonly folder: string;
  readonly home: string;
  write(name: string, text: string): string;
}

/**
 * Makes the folder. `models: false` leaves the data folder empty; with `training` it has the user's environment for
 * training too, and what is trained stays its own.
 */
export function testFolder(options: { readonly models: boolean; readonly training?: boolean }): TestFolder {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "rstar-folder-"));
  const [folder, home] = [path.join(scratch, "notes"), path.join(scratch, "home")];
  fs.mkdirSync(folder);
  fs.mkdirSync(home);
  const link = (name: string): void => fs.symlinkSync(path.join(dataHome(), name), path.join(home, name));
  if (options.training === true) {
    fs.mkdirSync(path.join(dataHome(), "trainer"), { recursive: true });
    link("trainer");
    fs.mkdirSync(path.join(home, "models"));
    for (const name of fs.readdirSync(path.join(dataHome(), "models")))
      if (name.endsWith(".gguf")) link(path.join("models", name));
  } else if (options.models) link("models");
  return {
    folder,
    home,
    write(name, text) {
      const file = path.join(folder, name);
      fs.writeFileSync(file, text);
      return file;
    },
    [Symbol.dispose]: () => fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Fetches a model, the default policy where none is named, unless it is on this machine; returns its hash. */
export async function ensureModel(id?: string): Promise<string> {
  const manager = createModelManager({ home: dataHome(), manifest: await loadManifest() });
  const resolution = await manager.resolve(id ?? manager.defaultId("policy") ?? "", {
    signal: new AbortController().signal,
  });
  if (resolution.kind === "failed") throw new Error(resolution.message);
  return resolution.model.sha256;
}
