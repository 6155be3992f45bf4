/** A solution as Markdown that reads well without any extension. `read-solution.ts` is the inverse. */
import { renderAnswer } from "./final-answer.ts";
import {
  codeSpan,
  escapeInline,
  escapeParagraph,
  escapeUnshown,
  fence,
  isShowable,
  isShowableBlock,
} from "./inline.ts";
import { END_MARKER, startMarker } from "./marker.ts";
import { FORMAT_VERSION, type Evidence, type Solution, type SolutionStep } from "./solution-model.ts";

/** Longer code is folded away, so that the reasons can be read as one text. */
const FOLDED_CODE_LINES = 10;

/** A longer printed line gets a block of its own. */
const INLINE_OUTPUT_LENGTH = 100;

/** The whole block from marker to marker, its lines ended by `\n`, without a line ending after the last. */
export function renderSolution(solution: Solution): string {
  const paragraphs = [
    marker(solution),
    `**Final answer:** ${renderAnswer(solution.answer)}`,
    solution.answerEvidence.map((each) => `- ${renderEvidence(each)}`).join("\n"),
    ...solution.steps.flatMap(renderStep),
    `<sub>Found by ${escapeInline(provenance(solution))}</sub>`,
    END_MARKER,
  ];
  return paragraphs.filter((paragraph) => paragraph !== "").join("\n\n");
}

function marker(solution: Solution): string {
  const { seconds, tokens } = solution;
  return startMarker([
    ["v", String(FORMAT_VERSION)],
    ["problem", solution.problemHash],
    ["trace", solution.traceId],
    ["strategy", solution.strategy],
    ["model", solution.model],
    ["steps", String(solution.steps.length)],
    ...(seconds === undefined ? [] : [["seconds", numberText(seconds)] as const]),
    ...(tokens === undefined ? [] : [["tokens", numberText(tokens)] as const]),
  ]);
}

function renderStep(step: SolutionStep): readonly string[] {
  const head = `**Step ${numberText(step.number)}.**`;
  return [
    step.reason === "" ? head : `${head} ${escapeParagraph(step.reason)}`,
    ...(step.code === "" ? [] : renderCode(step.code)),
    ...renderOutput(step.output),
    ...(step.value === null ? [] : renderText("Value", step.value)),
    `<sub>${numbers(step).join(" · ")}</sub>`,
  ];
}

function renderCode(code: string): readonly string[] {
  const block = isShowableBlock(code) ? fence("python", code) : fence("python escaped", escapeUnshown(code));
  const count = code.split("\n").length;
  return count <= FOLDED_CODE_LINES
    ? [block]
    : [`<details><summary>Python, ${count} lines</summary>`, block, "</details>"];
}

/** `print` ends its output with a newline; that is said by the label, so that `42` can stand on the label's line. */
function renderOutput(output: string): readonly string[] {
  if (output === "") return [];
  return output.endsWith("\n") ? renderText("Printed", output.slice(0, -1)) : renderText("Output", output);
}

function renderText(label: string, text: string): readonly string[] {
  if (text !== "" && text.length <= INLINE_OUTPUT_LENGTH && isShowable(text)) {
    return [`${label}: ${codeSpan(text)}`];
  }
  return isShowableBlock(text)
    ? [`${label}:`, fence("text", text)]
    : [`${label} (escaped):`, fence("text", escapeUnshown(text))];
}

function numbers(step: SolutionStep): readonly string[] {
  return [
    `Q ${numberText(step.q)}`,
    `${numberText(step.visits)} ${step.visits === 1 ? "visit" : "visits"}`,
    ...(step.ppm === null ? [] : [`PPM ${numberText(step.ppm)}`]),
    ...step.evidence.map(renderEvidence),
  ];
}

function renderEvidence(evidence: Evidence): string {
  const side = evidence.holds === null ? "neutral, " : evidence.holds ? "" : "against, ";
  return `${side}${evidence.kind}${evidence.text === "" ? "" : `: ${escapeInline(evidence.text)}`}`;
}

/** For the reader only: the marker holds the same in exact form. */
function provenance(solution: Solution): string {
  const parts = [`${solution.strategy} with ${solution.model}`];
  if (solution.seconds !== undefined) parts.push(`${Math.round(solution.seconds * 10) / 10} s`);
  if (solution.tokens !== undefined) parts.push(`${numberText(solution.tokens)} tokens`);
  return parts.join(", ");
}

/** A number that `Number` reads back as the same one, negative zero included. */
function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
