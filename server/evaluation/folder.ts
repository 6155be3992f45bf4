/** The folder of an evaluation: begun once, resumed only as what it was begun as, and by one process at a time. */
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import * as z from "zod";
import { jsonOf } from "../json.ts";
import { codeOf } from "../errors.ts";
import { tryWithLock } from "../lock.ts";
import {
  differences,
  RUN_VERSION,
  RunFile,
  settingsHash,
  type EvaluationSettings,
  type Session,
} from "./settings.ts";

/** Where things lie in the folder. */
export function filesOf(folder: string): {
  readonly run: string;
  readonly traces: string;
  /** What searches under way share; nothing is left of it when all are done. */
  readonly draws: string;
} {
  return {
    run: path.join(folder, "run.json"),
    traces: path.join(folder, "traces.jsonl"),
    draws: path.join(folder, "draws"),
  };
}

/** What `work` came to, or why the folder was not this process's to work in, in words. */
export type FolderWork<T> =
  { readonly kind: "done"; readonly value: T } | { readonly kind: "refused"; readonly message: string };

/**
 * Begins an evaluation in `folder`, or goes on with the one that is there when `resume` is set and its settings are
 * the same, and runs `work` with the index of this process's session. A folder that another process works in is
 * refused within seconds; one whose process was killed is waited for, ten seconds at most.
 * @throws the signal's reason, what `work` throws, and errors of the file system.
 */
export async function inFolder<T>(
  folder: string,
  settings: EvaluationSettings,
  session: Session,
  resume: boolean,
  signal: AbortSignal,
  work: (session: number, signal: AbortSignal) => Promise<T>,
): Promise<FolderWork<T>> {
  await mkdir(folder, { recursive: true });
  const file = filesOf(folder).run;
  const attempt = await tryWithLock(file, signal, async (signal): Promise<FolderWork<T>> => {
    const before = await readRun(folder);
    const refusal = refusalOf(folder, before, settings, resume);
    if (refusal !== null) return { kind: "refused", message: refusal };
    const earlier = before.kind === "run" ? before.run.sessions : [];
    const run: RunFile = {
      version: RUN_VERSION,
      settingsSha256: settingsHash(settings),
      settings,
      sessions: [...earlier, session],
    };
    await writeFileAtomic(file, `${JSON.stringify(run, null, 2)}\n`);
    return { kind: "done", value: await work(earlier.length, signal) };
  });
  if (attempt.kind === "done") return attempt.value;
  return {
    kind: "refused",
    message: `Another process is evaluating into ${folder}. Wait for it or choose another folder.`,
  };
}

function refusalOf(
  folder: string,
  before: RunReading,
  settings: EvaluationSettings,
  resume: boolean,
): string | null {
  switch (before.kind) {
    case "bad":
      return before.message;
    case "missing":
      return existsSync(filesOf(folder).traces)
        ? `${folder} holds traces.jsonl but no run.json, so it is not known what they are of. Choose another folder; nothing was changed.`
        : null;
    case "run": {
      if (!resume)
        return `${folder} already holds an evaluation. Add --resume to go on with it, or choose another folder; nothing was changed.`;
      const different = differences(before.run.settings, settings);
      if (different.length === 0) return null;
      return `The evaluation in ${folder} was begun with other settings, so it is not resumed; nothing was changed. Run it with its own settings, or choose another folder. What differs:\n${different.map((line) => `  ${line}`).join("\n")}`;
    }
    default:
      return before satisfies never;
  }
}

/** A folder's `run.json`. */
export type RunReading =
  | { readonly kind: "run"; readonly run: RunFile }
  | { readonly kind: "missing" }
  | { readonly kind: "bad"; readonly message: string };

/** Reads a folder's `run.json`. */
export async function readRun(folder: string): Promise<RunReading> {
  const file = filesOf(folder).run;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { kind: "missing" };
    throw error;
  }
  const data = jsonOf(text);
  if (data === undefined)
    return { kind: "bad", message: `${file} is not JSON. It was not changed; choose another folder.` };
  const parsed = RunFile.safeParse(data);
  if (parsed.success) return { kind: "run", run: parsed.data };
  return {
    kind: "bad",
    message: `${file} cannot be read by this version of the program; it was not changed.\n${z.prettifyError(parsed.error)}`,
  };
}
