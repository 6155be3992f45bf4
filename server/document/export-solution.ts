/** A solution for use elsewhere: Markdown without this program's marks, LaTeX, or one Python program. */
import type { ExportFormat } from "../protocol/places.ts";
import { fence } from "./inline.ts";
import type { Solution, SolutionStep } from "./solution-model.ts";

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
    `**Step ${step.number}.** ${step.reason}`.trimEnd(),
    ...(step.code === "" ? [] : [fence("python", step.code)]),
    ...(resultOf(step) === "" ? [] : [fence("text", resultOf(step))]),
  ]);
  const { text, display } = answer ?? { text: "" };
  const shown = display === undefined ? text : `$${display}$`;
  return `${[...parts, ...(answer === null ? [] : [`**Answer:** ${shown}`])].join("\n\n")}\n`;
}

function asLatex({ steps, answer }: Solution): string {
  const items = steps.flatMap((step) => [
    `  \\item ${escapeLatex(step.reason)}`.trimEnd(),
    ...(step.code === "" ? [] : [verbatim(step.code)]),
    ...(resultOf(step) === "" ? [] : [verbatim(resultOf(step))]),
  ]);
  const list = items.length === 0 ? [] : ["\\begin{enumerate}", ...items, "\\end{enumerate}"];
  const shown =
    answer === null ? null : answer.display === undefined ? escapeLatex(answer.text) : `$${answer.display}$`;
  return `${[...list, ...(shown === null ? [] : [`\\textbf{Answer:} ${shown}`])].join("\n")}\n`;
}

function asPython({ steps, answer }: Solution): string {
  const comment = (text: string): string =>
    text
      .split("\n")
      .map((line) => `# ${line}`.trimEnd())
      .join("\n");
  const parts = steps.map((step) =>
    [comment(`Step ${step.number}. ${step.reason}`.trimEnd()), ...(step.code === "" ? [] : [step.code])].join(
      "\n",
    ),
  );
  return `${[...parts, ...(answer === null ? [] : [comment(`Answer: ${answer.text}`)])].join("\n\n")}\n`;
}

/** What the step printed, else its value. */
function resultOf({ output, value }: SolutionStep): string {
  return output.trim() === "" ? (value ?? "") : output.trimEnd();
}

/** A space keeps text that would end the environment from ending it. */
function verbatim(content: string): string {
  return `\\begin{verbatim}\n${content.replaceAll("\\end{verbatim}", "\\end {verbatim}")}\n\\end{verbatim}`;
}

const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
};

/** Words with their special characters escaped; what is between dollars is math already. */
function escapeLatex(text: string): string {
  return text
    .split(/(\$[^$\n]+\$)/u)
    .map((piece, index) =>
      index % 2 === 1
        ? piece
        : piece.replace(/[\\~^#$%&_{}]/gu, (character) => SPECIAL[character] ?? `\\${character}`),
    )
    .join("");
}
