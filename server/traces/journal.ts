/**
 * Searches under way, one file each, so that a killed process costs no search: what is left behind by one that is gone
 * is moved into the store the next time somebody looks.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { Trace } from "../protocol/trace.ts";
import type { TraceStore } from "../services.ts";
import { parseTraceLine } from "./store.ts";

const NAME = /^(?<id>[\w-]+)\.(?<pid>\d+)\.json$/u;

export interface Journal {
  /** Writes what a running search has, in place of what was written for it before. */
  write(trace: Trace): Promise<void>;
  /** Forgets a search, because its trace is in the store. */
  forget(id: string): Promise<void>;
  /** Moves the searches of processes that are gone into the store, and says which. */
  recover(store: TraceStore): Promise<readonly string[]>;
}

/** The journal of one folder, which is made when something is first written. */
export function createJournal(folder: string, pid = process.pid): Journal {
  const fileOf = (id: string): string => path.join(folder, `${id}.${pid}.json`);
  return {
    async write(trace) {
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(fileOf(trace.id), JSON.stringify(trace), { fsync: false });
    },
    async forget(id) {
      await rm(fileOf(id), { force: true });
    },
    async recover(store) {
      const recovered: string[] = [];
      for (const name of await readdir(folder).catch(() => [])) {
        const found = NAME.exec(name)?.groups;
        if (found === undefined || isAlive(Number(found["pid"]))) continue;
        const file = path.join(folder, name);
        const parsed = parseTraceLine(await readFile(file, "utf8"));
        // The process may have been killed between storing the trace and forgetting it.
        const known = (await store.query({ id: found["id"] ?? "" })).traces.length > 0;
        if (parsed.kind === "trace" && !known) {
          await store.append(parsed.trace);
          recovered.push(parsed.trace.id);
        }
        await rm(file, { force: true });
      }
      return recovered;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive as well.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
