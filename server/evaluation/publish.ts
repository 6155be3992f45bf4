/** Keeps evaluations for the public: compressed traces without the benchmarks' texts, and a page over all of them. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { packLines } from "../json-lines.ts";
import type { Trace } from "../protocol/trace.ts";
import { writeFileAtomic } from "../replace-file.ts";
import { filesOf, readRun } from "./folder.ts";
import { resultsPage, type PublishedRun } from "./markdown.ts";
import { eachRecord, type EvaluationRecord } from "./records.ts";
import { writeReports } from "./write.ts";

/** What came of it. */
export type Publishing =
  { readonly kind: "written"; readonly file: string } | { readonly kind: "failed"; readonly message: string };

/** Takes the evaluation in `from` into the results as `name`; one of that name is replaced. */
export async function addResults(from: string, results: string, name: string): Promise<Publishing> {
  const reading = await readRun(from);
  if (reading.kind === "missing") return failed(`${from} holds no evaluation: there is no run.json in it.`);
  if (reading.kind === "bad") return failed(reading.message);
  const folder = path.join(results, name);
  await mkdir(folder, { recursive: true });
  const target = await packLines(filesOf(folder).traces, publicRecords(filesOf(from).traces));
  // One that was gone on with in there would be read in place of this one, and has the problems' texts.
  await rm(filesOf(folder).traces, { force: true });
  const sessions = reading.run.sessions.map((session) => ({
    ...session,
    command: session.command.map(withoutFolders),
  }));
  await writeFileAtomic(filesOf(folder).run, `${JSON.stringify({ ...reading.run, sessions }, null, 2)}\n`);
  return { kind: "written", file: target };
}

async function* publicRecords(traces: string): AsyncGenerator<EvaluationRecord> {
  for await (const { record } of eachRecord(traces))
    if (record !== null) yield { ...record, trace: withoutProblem(record.trace) };
}

/** A trace without the statement and the reference answer: they belong to the set's home, which its id leads to. */
export function withoutProblem(trace: Trace): Trace {
  return { ...trace, problem: { ...trace.problem, text: "", reference: null } };
}

/**
 * An absolute path, an option's too (`--out=/tmp/run`), cut to its last part, other words as they are: whose machine it
 * was is nobody's business.
 */
export function withoutFolders(word: string): string {
  const [, option = "", value = word] = /^(-[^=]*=)(.*)$/su.exec(word) ?? [];
  // Windows' rules know both kinds of slashes.
  return option + (path.win32.isAbsolute(value) ? path.win32.basename(value) : value);
}

/** Writes the reports of every evaluation in `results` anew from its traces, and the page over all of them. */
export async function writeResultsPage(results: string): Promise<Publishing> {
  const runs: PublishedRun[] = [];
  const others: string[] = [];
  const entries = await readdir(results, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name, "en"))) {
    if (!entry.isDirectory()) continue;
    const folder = path.join(results, entry.name);
    if ((await readRun(folder)).kind === "missing") {
      others.push(
        ...["README.md", "report.md"].flatMap((page) =>
          existsSync(path.join(folder, page)) ? [`${entry.name}/${page}`] : [],
        ),
      );
      continue;
    }
    const writing = await writeReports(folder);
    if (writing.kind === "failed") return writing;
    runs.push({ name: entry.name, report: writing.report, pictures: writing.pictures });
  }
  const file = path.join(results, "README.md");
  await writeFileAtomic(file, resultsPage(runs, others));
  return { kind: "written", file };
}

function failed(message: string): Publishing {
  return { kind: "failed", message };
}
