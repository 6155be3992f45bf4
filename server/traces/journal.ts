/**
 * Searches under way, one file each, so that a killed process costs no search: what is left behind by one that is gone
 * is moved into the store the next time somebody looks.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import { codeOf } from "../errors.ts";
import { UNSTOPPED, withLock } from "../lock.ts";
import type { Trace } from "../protocol/trace.ts";
import type { TraceStore } from "../services.ts";
import { parseTraceLine } from "./store.ts";

/** Earlier versions wrote no token. */
const NAME = /^(?<id>[\w-]+)\.(?<pid>\d+)(?:\.(?<token>[\w-]+))?\.json$/u;

/** Who writes: a number alone names no process for good, and in a container the next server often has the last one's. */
export interface Writer {
  readonly pid: number;
  readonly token: string;
}
const SELF: Writer = { pid: process.pid, token: randomUUID() };

export interface Journal {
  /** Writes what a running search has, in place of what was written for it before. */
  write(trace: Trace): Promise<void>;
  /** Forgets a search, because its trace is in the store. */
  forget(id: string): Promise<void>;
  /**
   * Moves the searches of processes that are gone into the store, and says which. What cannot be moved now, and what a
   * newer version wrote, stays for the next time.
   */
  recover(store: TraceStore): Promise<readonly string[]>;
}

/** The journal of one folder, which is made when something is first written. */
export function createJournal(folder: string, writer = SELF): Journal {
  const fileOf = (id: string): string => path.join(folder, `${id}.${writer.pid}.${writer.token}.json`);
  return {
    async write(trace) {
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(fileOf(trace.id), JSON.stringify(trace), { fsync: false });
    },
    async forget(id) {
      await rm(fileOf(id), { force: true });
    },
    async recover(store) {
      // Mostly there is nothing to do, also where nothing can be written.
      if ((await leftBehind(folder, writer)).length === 0) return [];
      const recovered: string[] = [];
      await orLater(async () => {
        await withLock(folder, UNSTOPPED, async () => {
          // Asked again: another process may have had its turn first.
          for (const { name, id } of await leftBehind(folder, writer))
            await orLater(async () => {
              if (await moveInto(store, path.join(folder, name), id)) recovered.push(id);
            });
        });
      });
      return recovered;
    },
  };
}

/** The files of processes that are gone. */
async function leftBehind(
  folder: string,
  self: Writer,
): Promise<{ readonly name: string; readonly id: string }[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => {
    const found = NAME.exec(name)?.groups;
    if (found === undefined) return [];
    const pid = Number(found["pid"]);
    const isKept = pid === self.pid ? found["token"] === self.token : isAlive(pid);
    return isKept ? [] : [{ name, id: found["id"] ?? "" }];
  });
}

/** Moves a file's search into the store; false where the store has it, or the file is no trace. */
async function moveInto(store: TraceStore, file: string, id: string): Promise<boolean> {
  const parsed = parseTraceLine(await readFile(file, "utf8"));
  if (parsed.kind === "newer") return false;
  // The process may have been killed between storing the trace and forgetting it.
  const isNew = parsed.kind === "trace" && (await store.query({ exactId: id })).traces.length === 0;
  if (isNew) await store.append(parsed.trace);
  await rm(file, { force: true });
  return isNew;
}

/** Does what may meet a full disk or a file that cannot be read: then what is left behind stays where it is. */
async function orLater(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (codeOf(error) === "") throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive as well.
    return codeOf(error) === "EPERM";
  }
}
