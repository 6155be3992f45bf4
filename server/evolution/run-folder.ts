/** The folder of a run: where each file is, and reading and writing them so that a kill at any point leaves them whole. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { moveTo, writeFileAtomic } from "../replace-file.ts";
import * as z from "zod";
import { messageOf } from "../errors.ts";
import { parseJson } from "../json.ts";
import { RoundReport, RunState, SelectionReport } from "../protocol/evolution.ts";
import { TrainingResult } from "../protocol/training.ts";
import { TrainingProblem } from "./problems.ts";

/** Paths of a run, absolute. */
export interface RunFolder {
  readonly root: string;
  readonly state: string;
  /** The problems as they were when the run began. */
  readonly problems: string;
  /** What was answered in comparisons, one line each. */
  readonly heldOut: string;
  readonly round: (round: number) => RoundFolder;
}

/** Paths of one round. */
export interface RoundFolder {
  readonly traces: string;
  /** Searches of held-out problems with the round's PPM: what `rstar adapters measure` takes. They never train. */
  readonly heldOutTraces: string;
  readonly selection: string;
  readonly report: string;
  readonly data: (role: "policy" | "ppm", part: "train" | "held") => string;
  /** What was selected, before it is known which problems are for the curves; deleted then. */
  readonly selected: string;
  /** The trainer's output folder, and what came of it. */
  readonly training: (role: "policy" | "ppm") => string;
  readonly result: (role: "policy" | "ppm") => string;
}

/** The layout of the folder. */
export function runFolder(root: string): RunFolder {
  return {
    root,
    state: path.join(root, "state.json"),
    problems: path.join(root, "problems.json"),
    heldOut: path.join(root, "held-out.jsonl"),
    round: (round) => {
      const own = path.join(root, `r${round}`);
      return {
        traces: path.join(own, "traces.jsonl"),
        heldOutTraces: path.join(own, "held-out.traces.jsonl"),
        selection: path.join(own, "selection.json"),
        report: path.join(own, "report.json"),
        selected: path.join(own, "selected.jsonl"),
        data: (role, part) => path.join(own, `${role === "policy" ? "sft" : "pairs"}.${part}.jsonl`),
        training: (role) => path.join(own, role),
        result: (role) => path.join(own, role, "result.json"),
      };
    },
  };
}

/** The problems of a run, split. */
export const RunProblems = z.strictObject({
  train: z.array(TrainingProblem),
  held: z.array(TrainingProblem),
});
export type RunProblems = z.infer<typeof RunProblems>;

/** A file's content, that there is none, or why it cannot be used. */
export type Reading<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "absent" }
  | { readonly kind: "bad"; readonly message: string };

/** Reads and checks a JSON file of the run. */
async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<Reading<T>> {
  if (!existsSync(file)) return { kind: "absent" };
  const refuse = (detail: string): Reading<T> => ({
    kind: "bad",
    message: `${file} cannot be read: ${detail}. Nothing was changed; put a good copy of it back, or begin a new run in another folder.`,
  });
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    return refuse(messageOf(error));
  }
  const reading = parseJson(text, schema);
  return reading.kind === "value" ? { kind: "read", value: reading.value } : refuse(reading.detail);
}

export const readState = (folder: RunFolder): Promise<Reading<RunState>> => readJson(folder.state, RunState);
export const readProblems = (folder: RunFolder): Promise<Reading<RunProblems>> =>
  readJson(folder.problems, RunProblems);
export const readSelection = (folder: RoundFolder): Promise<Reading<SelectionReport>> =>
  readJson(folder.selection, SelectionReport);

/** What a training came to. Its files are beside it, wherever the run's folder was when their paths were written down. */
export async function readResult(
  folder: RoundFolder,
  role: "policy" | "ppm",
): Promise<Reading<TrainingResult>> {
  const stored = await readJson(folder.result(role), TrainingResult);
  if (stored.kind !== "read" || stored.value.kind !== "adapter") return stored;
  const here = (file: string): string => path.join(folder.training(role), path.basename(file));
  const { adapter, metrics } = stored.value;
  const moved = { ...adapter, path: here(adapter.path), peft: here(adapter.peft) };
  return { kind: "read", value: { ...stored.value, adapter: moved, metrics: here(metrics) } };
}

/** The reports of the rounds that are finished, in order. */
export async function readReports(folder: RunFolder): Promise<RoundReport[]> {
  const reports: RoundReport[] = [];
  for (;;) {
    const report = await readJson(folder.round(reports.length + 1).report, RoundReport);
    if (report.kind !== "read") return reports;
    reports.push(report.value);
  }
}

/** Writes a file whole or not at all; its folder is made. */
async function writeWhole(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFileAtomic(file, content);
}

/** Writes JSON for programs and people. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeWhole(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes one JSON object a line, as they come, and the file whole or not at all; its folder is made. */
export async function writeLines(
  file: string,
  values: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const partial = `${file}.new`;
  try {
    await writeFile(partial, linesFrom(values), { flush: true });
    await moveTo(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}

async function* linesFrom(values: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}
