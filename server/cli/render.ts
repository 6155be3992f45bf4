/** Solutions as text for a terminal: steps with evidence, Q, visits and PPM. Colour only where it is wanted. */
import { styleText } from "node:util";
import type { Evidence, Solution } from "../document/solution.ts";
import type { Trace } from "../protocol/trace.ts";
import { belowReason } from "../protocol/trace-path.ts";
import { printable } from "./printable.ts";

type Style = Parameters<typeof styleText>[0];

/** Paints text; the identity where colour is off. */
export type Paint = (style: Style, text: string) => string;

/** Colour on a terminal unless NO_COLOR is set. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const isOn = stream.isTTY && process.env["NO_COLOR"] === undefined;
  return isOn ? (style, text) => styleText(style, text) : (_style, text) => text;
}

/** One problem's result. */
export function renderResult(heading: string, solution: Solution, trace: Trace, paint: Paint): string {
  const lines = [paint("bold", printable(heading))];
  for (const step of solution.steps) {
    const numbers = [
      `Q ${signed(step.q)}`,
      `N ${step.visits}`,
      `PPM ${step.ppm === null ? "–" : signed(step.ppm)}`,
    ].join("  ");
    lines.push(
      `  ${paint("cyan", `Step ${step.number}`)}  ${printable(step.reason) || "(no reason given)"}   ${paint("dim", numbers)}`,
    );
    for (const line of codeLines(printable(step.code))) lines.push(`      ${line}`);
    if (step.output !== "")
      for (const line of printable(step.output).split("\n").slice(0, 12))
        lines.push(`      ${paint("dim", "→")} ${line}`);
    lines.push(`      ${renderEvidence(step.evidence, paint)}`);
  }
  if (solution.answer === null) lines.push(`  ${paint("yellow", "No answer")}: ${printable(whyNot(trace))}`);
  else
    lines.push(
      `  ${paint("bold", `Answer ${printable(solution.answer.text)}`)}   ${renderEvidence(solution.answerEvidence, paint)}`,
    );
  if (solution.answer !== null && trace.failure !== null)
    lines.push(`  ${paint("yellow", "The search ended early")}: ${printable(trace.failure)}`);
  lines.push(`  ${paint("dim", printable(costLine(trace)))}`);
  return `${lines.join("\n")}\n`;
}

/** `✓ ran …  ✗ differs …  – only one …`: for, against and neither, in words and signs, never by colour alone. */
function renderEvidence(evidence: readonly Evidence[], paint: Paint): string {
  return evidence
    .map(({ kind, holds, text: words }) => ({ holds, text: kind === "ran" ? `ran ${words}` : words }))
    .map(({ holds, text }) => `${signOf(holds, paint)} ${printable(text)}`)
    .join("  ");
}

function signOf(holds: Evidence["holds"], paint: Paint): string {
  if (holds === null) return paint("dim", "–");
  return holds ? paint("green", "✓") : paint("yellow", "✗");
}

function whyNot(trace: Trace): string {
  if (trace.failure !== null) return trace.failure;
  if (trace.stop === "cancelled") return "cancelled before a trajectory reached one.";
  const rejected = trace.nodes.filter((node) => node.status === "rejected");
  const last = rejected.at(-1)?.rejection?.message;
  const { started } = trace.trajectories;
  return `${started} ${started === 1 ? "trajectory" : "trajectories"}, none reached an answer${last === undefined ? "" : `; the last ended with: ${last}`}`;
}

function costLine(trace: Trace): string {
  const seconds = trace.ms.total / 1000;
  const rejected = trace.nodes.filter((node) => node.status === "rejected").length;
  return [
    `${seconds.toFixed(1)} s`,
    `${trace.cost.generatedTokens} tokens`,
    `${trace.trajectories.finished} of ${trace.trajectories.started} trajectories finished`,
    `${rejected} of ${trace.nodes.length - 1} nodes rejected`,
    `${String(trace.settings["strategy"])}, ${trace.stop}`,
    `trace ${trace.id}`,
  ].join(" · ");
}

function codeLines(code: string): string[] {
  return belowReason(code)
    .split("\n")
    .filter((line, index, all) => line.trim() !== "" || index < all.length - 1);
}

/** Two digits and always a sign, so that columns of values read as values. */
export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
