/** What a fine-tuning or an evolution says on the terminal while it runs and when it is over. */
import { percent } from "../evaluation/statistics.ts";
import { STAGE_WORDS } from "../evolution/words.ts";
import type { MetricsLine, RoundReport, TrainingReport } from "../protocol/evolution.ts";
import type { EvolutionEvent } from "../protocol/run-output.ts";
import { formatSeconds } from "../protocol/text.ts";
import { printable } from "./printable.ts";

/** One line for an event, or null for one that says nothing new: progress is told every tenth of the way. */
export function eventLine(event: EvolutionEvent): string | null {
  switch (event.kind) {
    case "stage":
      return `Round ${event.round}: ${STAGE_WORDS[event.stage]}`;
    case "progress": {
      const { done, total } = event;
      const tenth = Math.max(1, Math.ceil(total / 10));
      return done % tenth === 0 || done === total ? `  ${done} of ${total} problems` : null;
    }
    case "metrics":
      return metricsLine(event.line);
    case "round":
      return null;
    case "note":
      return `  ${event.message}`;
    default:
      return event satisfies never;
  }
}

function metricsLine(line: MetricsLine): string | null {
  switch (line.kind) {
    case "stage":
      return `  ${line.message}`;
    case "data":
      return `  ${line.examples} examples, ${line.trainedTokens} tokens in the loss, ${line.steps} steps on ${line.device}${line.leftOut > 0 ? `; ${line.leftOut} too long` : ""}`;
    case "step": {
      const tenth = Math.max(1, Math.ceil(line.steps / 10));
      return line.step % tenth === 0 || line.step === line.steps
        ? `  step ${line.step} of ${line.steps}, loss ${line.loss.toFixed(3)}, ${formatSeconds(line.secondsLeft)} left`
        : null;
    }
    case "evaluation":
      return `  held-out loss ${line.loss.toFixed(3)}, ${percent(line.accuracy)} right`;
    case "checkpoint":
    case "end":
      return null;
    default:
      return line satisfies never;
  }
}

/** A round's report: coverage as in Table 2 of the paper, what was trained, and what the comparison said. */
export function reportText(report: RoundReport): string {
  const { selection, searchedBy, seconds } = report;
  const { leftOut, trajectories, sft, pairs } = selection;
  const ppm = searchedBy.ppm === null ? "" : ` with ${searchedBy.ppm}`;
  const rows = selection.coverage.map(({ group, problems, solved, easy, medium, hard }) => [
    group,
    String(problems),
    `${solved} (${percent(problems === 0 ? 0 : solved / problems)})`,
    ...[easy, medium, hard].map(String),
  ]);
  const lines = [
    `Round ${report.round}: ${report.problems} problems${report.rungs.length > 0 ? ` searched by ${searchedBy.policy}${ppm}` : ""}, ${trajectories.right} of ${trajectories.all} trajectories right`,
    ...report.rungs.map(
      ({ rollouts, searched, solved }, rung) =>
        `  search ${rung + 1}, ${rollouts} trajectories each: ${searched} problems, ${solved} solved`,
    ),
    ...table([["", "problems", "solved", "easy", "medium", "hard"], ...rows]).map((line) => `  ${line}`),
    ...leftOut.map(({ reason, traces }) => `  left out: ${traces} traces (${reason})`),
    `  ${sft.examples} solutions of ${sft.problems} problems; ${pairs.step} pairs of steps, ${pairs.answer} of solutions, ${pairs.person} by a person`,
    `  policy: ${trainingText(report.policy)}${report.policyGate === null ? "" : `; ${report.policyGate.why}`}`,
    `  PPM: ${trainingText(report.ppm)}${report.ppmGate === null ? "" : `; ${report.ppmGate.why}`}`,
    `  ${formatSeconds(seconds.search)} searching, ${formatSeconds(seconds.training)} training, ${formatSeconds(seconds.gate)} comparing`,
  ];
  return printable(`${lines.join("\n")}\n`);
}

function trainingText(report: TrainingReport): string {
  switch (report.kind) {
    case "adapter":
      return `${report.adapter}, ${report.steps} steps, loss ${report.loss.toFixed(3)}`;
    case "skipped":
      return `not trained (${report.why})`;
    case "failed":
      return `not usable (${report.message})`;
    default:
      return report satisfies never;
  }
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
}
