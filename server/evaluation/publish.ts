/** Keeps evaluations for the public: compressed traces without the benchmarks' texts, and a page over all of them. */
import { createWriteStream } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress } from "node:zlib";
import { moveTo, writeFileAtomic } from "../replace-file.ts";
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
  const target = `${filesOf(folder).traces}.br`;
  const compress = createBrotliCompress({
    // Searches of one problem repeat its first steps: a wide window finds them again.
    params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
  await pipeline(
    Readable.from(publicLines(filesOf(from).traces)),
    compress,
    createWriteStream(`${target}.new`),
  );
  await moveTo(`${target}.new`, target);
  const sessions = reading.run.sessions.map((session) => ({
    ...session,
    command: session.command.map(withoutFolders),
  }));
  await writeFileAtomic(filesOf(folder).run, `${JSON.stringify({ ...reading.run, sessions }, null, 2)}\n`);
  return { kind: "written", file: target };
}

async function* publicLines(traces: string): AsyncGenerator<string> {
  for await (const { record } of eachRecord(traces))
    if (record !== null) yield `${JSON.stringify(withoutProblem(record))}\n`;
}

/** A record without the statement and the reference answer: they belong to the set's home, which its id leads to. */
function withoutProblem(record: EvaluationRecord): EvaluationRecord {
  return {
    ...record,
    trace: { ...record.trace, problem: { ...record.trace.problem, text: "", reference: null } },
  };
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
  const entries = await readdir(results, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name, "en"))) {
    if (!entry.isDirectory()) continue;
    const folder = path.join(results, entry.name);
    if ((await readRun(folder)).kind === "missing") continue;
    const writing = await writeReports(folder);
    if (writing.kind === "failed") return writing;
    runs.push({ name: entry.name, report: writing.report, pictures: writing.pictures });
  }
  const file = path.join(results, "README.md");
  await writeFileAtomic(file, resultsPage(runs));
  return { kind: "written", file };
}

function failed(message: string): Publishing {
  return { kind: "failed", message };
}
