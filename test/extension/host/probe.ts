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

/** Makes the folder. `models: false` leaves the data folder empty. */
export function testFolder(options: { readonly models: boolean }): TestFolder {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "rstar-folder-"));
  const [folder, home] = [path.join(scratch, "notes"), path.join(scratch, "home")];
  fs.mkdirSync(folder);
  fs.mkdirSync(home);
  if (options.models) fs.symlinkSync(path.join(dataHome(), "models"), path.join(home, "models"));
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

/** Fetches the default policy where it is not on this machine yet. */
export async function ensureModel(): Promise<void> {
  const manager = createModelManager({ home: dataHome(), manifest: await loadManifest() });
  const resolution = await manager.resolve(manager.defaultId("policy") ?? "", {
    signal: new AbortController().signal,
  });
  if (resolution.kind === "failed") throw new Error(resolution.message);
}
