/** Writes a folder's reports from what its traces say: `report.json`, `report.md` and the pictures. */
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import { filesOf, readRun } from "./folder.ts";
import { toMarkdown, type Picture } from "./markdown.ts";
import { drawPictures } from "./pictures.ts";
import { readRecords } from "./records.ts";
import { makeReport } from "./report.ts";
import type { EvaluationReport } from "./report-schema.ts";

/** The report that was written, or why none could be. */
export type ReportWriting =
  | {
      readonly kind: "written";
      readonly report: EvaluationReport;
      readonly pictures: readonly Picture[];
      /** Lines of `traces.jsonl` that could not be read; their searches count as still to do. */
      readonly unreadable: readonly number[];
    }
  | { readonly kind: "failed"; readonly message: string };

/** Reads `run.json` and `traces.jsonl` of a folder and writes its reports anew. */
export async function writeReports(folder: string): Promise<ReportWriting> {
  const files = filesOf(folder);
  const reading = await readRun(folder);
  if (reading.kind === "missing")
    return { kind: "failed", message: `${folder} holds no evaluation: there is no run.json in it.` };
  if (reading.kind === "bad") return { kind: "failed", message: reading.message };
  const { outcomes, unreadable } = await readRecords(files.traces);
  const report = makeReport(reading.run, outcomes);
  const pictures = await drawPictures(report);
  await writeFileAtomic(path.join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  for (const { file, svg } of pictures) await writeFileAtomic(path.join(folder, file), svg);
  await writeFileAtomic(path.join(folder, "report.md"), toMarkdown(report, pictures));
  return { kind: "written", report, pictures, unreadable };
}
