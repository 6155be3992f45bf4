/**
 * The space that training takes in the data folder besides its results, and giving it back: all of it is made anew where
 * it is needed.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, realpath, rm } from "node:fs/promises";
import path from "node:path";
import { codeOf, messageOf } from "../errors.ts";
import { isLocked, LockLost, tryWithLock } from "../lock.ts";
import { describeSize, folderSize, patience, type FolderSize } from "../models/folder-size.ts";
import { runProgram } from "../models/program.ts";
import { runsFolder } from "./runs.ts";
import { moveTo } from "../replace-file.ts";

/** What came of deleting; the message says what to do. */
export type SpaceOutcome =
  | { readonly kind: "freed"; readonly size: FolderSize }
  | { readonly kind: "failed"; readonly message: string };

/** The command lines of this machine's processes; null where they cannot be had. */
export type CommandLines = (signal: AbortSignal) => Promise<readonly string[] | null>;

/** Where everything that training needs and is not a result lies. */
export function trainerHome(home: string): string {
  return path.join(home, "trainer");
}

/** What is being deleted has this behind its name. */
const REMOVED = ".removed";

/** An environment's folder, or what is left of one when its deletion was interrupted. */
const ENVIRONMENT = /^python-[0-9a-f]+(?:\.removed)?$/u;

/** What `removeTrainingEnvironment` would free, counted for as long as a person waits. */
export async function trainingSpace(home: string): Promise<FolderSize> {
  const signal = patience();
  const parts = await Promise.all(
    [trainerHome(home), removedName(trainerHome(home))].map((folder) => folderSize(folder, signal)),
  );
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    isWhole: parts.every(({ isWhole }) => isWhole),
  };
}

/**
 * Deletes the environments, the prepared bases and the converter, unless a training of this data folder is running.
 * Runs, adapters and traces stay.
 * @throws the signal's reason when it is aborted before the deletion began.
 */
export async function removeTrainingEnvironment(
  home: string,
  signal: AbortSignal,
  commandLines: CommandLines = systemCommandLines,
): Promise<SpaceOutcome> {
  const folder = trainerHome(home);
  if (![folder, removedName(folder)].some((each) => existsSync(each)))
    return { kind: "failed", message: `There is no training environment in ${home}; nothing was changed.` };
  const busy = (why: string): SpaceOutcome => ({
    kind: "failed",
    message: `The training environment was not removed, because ${why}. Try again when no training is running; nothing was changed.`,
  });
  try {
    const attempt = await tryWithLock(runsFolder(home), signal, async (own): Promise<SpaceOutcome> => {
      const makers = await Promise.all((await environmentsIn(folder)).map((each) => isLocked(each)));
      if (makers.includes(true)) return busy("another process is making it");
      const obstacle = await obstacleIn(folder, own, commandLines);
      if (obstacle !== null) return busy(obstacle);
      const size = await trainingSpace(home);
      await discard(folder);
      return { kind: "freed", size };
    });
    return attempt.kind === "done"
      ? attempt.value
      : busy("a fine-tuning or evolution is running with this data folder");
  } catch (error) {
    signal.throwIfAborted();
    if (codeOf(error) === "" && !(error instanceof LockLost)) throw error;
    return {
      kind: "failed",
      message: `${folder} could not be deleted (${messageOf(error)}). See that no training is running and try again.`,
    };
  }
}

/**
 * Deletes the environments beside the one in `folder`, which is ready. One that another process makes or uses, or may use,
 * is left, and so is whatever cannot be deleted: `say` hears of each. Training goes on either way.
 * @throws the signal's reason when it is aborted.
 */
export async function removeOutdated(
  folder: string,
  signal: AbortSignal,
  say: (message: string) => void,
  commandLines: CommandLines = systemCommandLines,
): Promise<void> {
  const root = path.dirname(folder);
  const outdated = (await environmentsIn(root)).filter((each) => each !== folder);
  if (outdated.length === 0) return;
  const left = (names: readonly string[], why: string): void =>
    say(`Left for the next training to delete, because ${why}: ${names.join(", ")}.`);
  try {
    // Its own lock too: no two processes delete each other's environment.
    const attempt = await tryWithLock(folder, signal, async (own) => {
      const obstacle = await obstacleIn(root, own, commandLines);
      if (obstacle !== null) left(outdated, obstacle);
      else
        for (const each of outdated) {
          const size = await folderSize(each, own);
          const deletion = await tryWithLock(each, own, () => discard(each));
          if (deletion.kind === "locked") left([each], "another process is making it");
          else say(`An environment of an earlier version was deleted: ${describeSize(size)} are free again.`);
        }
    });
    if (attempt.kind === "locked") left(outdated, "another process is at it");
  } catch (error) {
    signal.throwIfAborted();
    left(outdated, messageOf(error));
  }
}

async function environmentsIn(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.filter((name) => ENVIRONMENT.test(name)).map((name) => path.join(root, name));
}

/** Why an environment below `root` may be in use, in words that follow "because"; null where none is. */
async function obstacleIn(
  root: string,
  signal: AbortSignal,
  commandLines: CommandLines,
): Promise<string | null> {
  const lines = await commandLines(signal);
  if (lines === null) return "it cannot be told whether a process uses it";
  // Whichever of them a training uses, it names the bases.
  const names = [root, await realpath(root).catch(() => root)].map((name) => `${name}${path.sep}`);
  const isUsed = lines.some((line) => names.some((name) => line.includes(name)));
  return isUsed ? "a process uses it" : null;
}

const systemCommandLines: CommandLines = async (signal) => {
  // A folder with a program that runs cannot be renamed there, and `discard` begins with that.
  if (process.platform === "win32") return [];
  if (process.platform === "linux") {
    const processes = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/u.test(name));
    if (processes.length === 0) return null;
    return await Promise.all(processes.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  }
  const lines: string[] = [];
  const end = await runProgram(["ps", "-A", "-ww", "-o", "args="], signal, {
    onLine: (line) => lines.push(line),
  });
  return end.kind === "ended" && end.code === 0 ? lines : null;
};

/** Takes a folder away in one go, then deletes it: whatever interrupts that, no half of it is taken for the whole. */
async function discard(folder: string): Promise<void> {
  const removed = removedName(folder);
  await rm(removed, { recursive: true, force: true });
  if (existsSync(folder)) await moveTo(folder, removed);
  await rm(removed, { recursive: true, force: true });
}

function removedName(folder: string): string {
  return folder.endsWith(REMOVED) ? folder : `${folder}${REMOVED}`;
}
