/** `rstar adapters measure`: PPMs alone, side by side, on stored searches of problems that did not train them. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Command } from "commander";
import { writeFileAtomic } from "../replace-file.ts";
import { openPpm } from "../compose.ts";
import { eachRecord } from "../evaluation/records.ts";
import { reliabilityPicture } from "../evaluation/reliability.ts";
import { ppmReport, ppmReportText, problemsOf, reliabilityFile, scoreAll } from "../evolution/ppm-report.ts";
import { SELECTION } from "../evolution/profiles.ts";
import type { Trace } from "../protocol/trace.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { interruptSignal } from "./interrupt.ts";
import { preparingView } from "./preparing.ts";
import { readTraceFile } from "./trace-files.ts";

/** The subcommand. */
export function measureCommand(): Command {
  return new Command("measure")
    .description("Measures PPMs alone on stored searches: pairs in order, reliability, best of N.")
    .argument("<ppm...>", "ids of adapters or models that score")
    .requiredOption("--traces <file...>", "trace files, or traces.jsonl of evaluations, with given answers")
    .requiredOption("--out <folder>", "where the report and its pictures go")
    .action(async (ids: string[], flags: { traces: string[]; out: string }) => {
      const traces = (await Promise.all(flags.traces.map(readTraces))).flat();
      const problems = problemsOf(traces, SELECTION).filter(({ trajectories }) => trajectories.length > 0);
      if (problems.length === 0)
        throw new CommandFailure(
          EXIT.input,
          `None of the ${traces.length} traces has a problem with a given answer and a trajectory that reached one; nothing was measured.`,
        );
      const { signal, release } = interruptSignal();
      const view = preparingView(process.stderr);
      try {
        const scores = new Map<string, Map<string, number>>();
        for (const id of ids) {
          const opening = await openPpm(id, signal, view);
          if (opening.kind === "failed") throw new CommandFailure(EXIT.unavailable, opening.message);
          try {
            const own = await scoreAll(problems, opening.ppm, signal, (done, all) => {
              process.stderr.write(`${id}: ${done} of ${all} scored\n`);
            });
            scores.set(id, own);
          } finally {
            await opening.dispose();
          }
        }
        const report = ppmReport(problems, scores);
        await mkdir(flags.out, { recursive: true });
        const write = (file: string, text: string): Promise<void> =>
          writeFileAtomic(path.join(flags.out, file), text);
        await write("ppm-report.json", `${JSON.stringify(report, null, 2)}\n`);
        await write("ppm-report.md", ppmReportText(report));
        for (const { ppm, reliability } of report.rows) {
          const bins = reliability.map(({ trajectories, ...bin }) => ({ ...bin, count: trajectories }));
          await write(
            reliabilityFile(ppm),
            await reliabilityPicture(bins, `${ppm}, ${report.problems} problems`),
          );
        }
        process.stdout.write(ppmReportText(report));
      } finally {
        view.stop();
        release();
      }
    });
}

/** Traces of a trace file or of an evaluation's records. */
async function readTraces(file: string): Promise<readonly Trace[]> {
  const records: Trace[] = [];
  for await (const { record } of eachRecord(file)) if (record !== null) records.push(record.trace);
  if (records.length > 0) return records;
  return await readTraceFile(file);
}
