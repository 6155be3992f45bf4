/** A solution for use elsewhere: Markdown without this program's marks, LaTeX, or one Python program. */
import type { ExportFormat } from "../protocol/places.ts";
import { renderAnswer } from "./final-answer.ts";
import { escapeParagraph, fence } from "./inline.ts";
import { latexWords, verbatim } from "./latex.ts";
import type { Solution, SolutionAnswer, SolutionStep } from "./solution-model.ts";

/** The steps and the answer as one text. Scores and evidence stay behind: they mean something only here. */
export function exportSolution(solution: Solution, format: ExportFormat): string {
  switch (format) {
    case "markdown":
      return asMarkdown(solution);
    case "latex":
      return asLatex(solution);
    case "python":
      return asPython(solution);
    default:
      return format satisfies never;
  }
}

function asMarkdown({ steps, answer }: Solution): string {
  const parts = steps.flatMap((step) => [
    `**Step ${step.number}.** ${escapeParagraph(step.reason)}`.trimEnd(),
    ...(step.code === "" ? [] : [fence("python", step.code)]),
    ...(resultOf(step) === "" ? [] : [fence("text", resultOf(step))]),
  ]);
  return `${[...parts, ...(answer === null ? [] : [`**Answer:** ${exportAnswer(answer)}`])].join("\n\n")}\n`;
}

/** An answer as Markdown: math where it can be, else a code span. */
export function exportAnswer({ text, display }: SolutionAnswer): string {
  return renderAnswer({ text: display ?? text });
}

function asLatex({ steps, answer }: Solution): string {
  const items = steps.flatMap((step) => [
    `  \\item ${escapeLatex(step.reason)}`.trimEnd(),
    ...(step.code === "" ? [] : [verbatim(step.code)]),
    ...(resultOf(step) === "" ? [] : [verbatim(resultOf(step))]),
  ]);
  const list = items.length === 0 ? [] : ["\\begin{enumerate}", ...items, "\\end{enumerate}"];
  const end = answer === null ? [] : [`\\textbf{Answer:} ${latexAnswer(answer)}`];
  return `${[...list, ...end].join("\n")}\n`;
}

/** What is math in Markdown is math in LaTeX. */
function latexAnswer(answer: SolutionAnswer): string {
  const markdown = exportAnswer(answer);
  return markdown.startsWith("$") ? markdown : escapeLatex(answer.text);
}

function asPython({ steps, answer }: Solution): string {
  const comment = (text: string): string =>
    text
      .split("\n")
      .map((line) => `# ${line}`.trimEnd())
      .join("\n");
  const parts = steps.map((step) =>
    [
      ...(saysItsReason(step) ? [] : [comment(`Step ${step.number}. ${step.reason}`.trimEnd())]),
      ...(step.code === "" ? [] : [step.code]),
    ].join("\n"),
  );
  return `${[...parts, ...(answer === null ? [] : [comment(`Answer: ${answer.text}`)])].join("\n\n")}\n`;
}

/** Whether the code begins with its reason as a comment, as what a model wrote does. */
function saysItsReason({ reason, code }: SolutionStep): boolean {
  const words = (text: string): string => text.replace(/\s+/gu, " ").trim();
  const comment = /^(?:#.*(?:\n|$))*/u.exec(code)?.[0] ?? "";
  return reason !== "" && words(comment.replace(/^#/gmu, "")).includes(words(reason));
}

/** What the step printed, else its value. */
function resultOf({ output, value }: SolutionStep): string {
  return output.trim() === "" ? (value ?? "") : output.trimEnd();
}

/** Words with their special characters escaped; what is between dollars is math already. */
function escapeLatex(text: string): string {
  return text
    .split(/(\$[^$\n]+\$)/u)
    .map((piece, index) => (index % 2 === 1 ? piece : latexWords(piece)))
    .join("");
}
