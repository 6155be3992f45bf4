/** Edits that place, replace and remove a problem's stored solution, and touch nothing else. */
import { lineContent } from "./containers.ts";
import type { Problem, SolutionBlock } from "./problem.ts";
import { foreignLines } from "./read-solution.ts";
import { renderSolution } from "./render-solution.ts";
import type { Solution } from "./solution-model.ts";
import { linesOf, type TextLines } from "./text-lines.ts";

/** Replaces the text from `start` to `end`, offsets in UTF-16 code units. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly newText: string;
}

/** The text after the edit. */
export function applyEdit(text: string, edit: TextEdit): string {
  return applyEdits(text, [edit]);
}

/** The text after edits that are in order; one that begins within another only takes away what it would replace. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  let out = "";
  let at = 0;
  for (const { start, end, newText } of edits) {
    if (start >= at) out += text.slice(at, start) + newText;
    at = Math.max(at, end);
  }
  return out + text.slice(at);
}

/**
 * The edit that stores a solution below its problem, in place of the one that is there. `problem` must come from this
 * very text. What a person wrote between the markers is kept, below the new solution.
 */
export function insertSolution(text: string, problem: Problem, solution: Solution): TextEdit {
  const lines = linesOf(text);
  const eol = lineEnding(text, lines, problem.insertOffset);
  const { prefix } = problem;
  const old = problem.solution;
  if (old !== undefined) {
    const rendered = withPrefix(renderSolution(solution), linePrefix(lines, old), eol);
    return {
      start: old.range.start,
      end: old.range.end,
      newText: rendered + keptNotes(lines, old, eol, eol + prefix.trimEnd() + eol),
    };
  }
  return insertBlock(text, problem, renderSolution(solution));
}

/** The edit that writes lines of our own below the problem's text. */
export function insertBlock(text: string, problem: Problem, block: string): TextEdit {
  const { insertOffset, prefix } = problem;
  const eol = lineEnding(text, linesOf(text), insertOffset);
  const newText = gap(prefix, eol) + linesWithin(text, problem, block);
  return { start: insertOffset, end: insertOffset, newText };
}

/** Lines of our own, ended by `\n`, as they stand in the problem's quote or list item, where the first has begun. */
export function linesWithin(text: string, { insertOffset, prefix }: Problem, block: string): string {
  return withPrefix(block, prefix, lineEnding(text, linesOf(text), insertOffset));
}

/** The edit that takes the problem's solution out again; null when there is none. The inverse of `insertSolution`. */
export function removeSolution(text: string, problem: Problem): TextEdit | null {
  const block = problem.solution;
  if (block === undefined) return null;
  const lines = linesOf(text);
  const eol = lineEnding(text, lines, problem.insertOffset);
  const notes = keptNotes(lines, block, eol, "");
  const between = text.slice(problem.insertOffset, block.range.start);
  // The blank line that insertion put there goes too, and anything like it; a person's text in between stays.
  if (/^[\s>]*$/.test(between) && notes === "") {
    return { start: problem.insertOffset, end: block.range.end, newText: "" };
  }
  const lineStart = lines.lineAt(block.range.start).start;
  return { start: lineStart, end: block.range.end, newText: notes };
}

/** The edit that writes an answer line below the problem's text, as the document's own answer. */
export function insertAnswerLine(text: string, problem: Problem, label: string, answer: string): TextEdit {
  // LaTeX reads as such only between dollars, and the answer is read back without them.
  const shown = /[\\^_]/u.test(answer) ? `$${answer}$` : answer;
  return insertBlock(text, problem, `${label}: ${shown}`);
}

function gap(prefix: string, eol: string): string {
  return eol + prefix.trimEnd() + eol + prefix;
}

/** The prefix of the block's own lines, as its first line has it, without a list mark. */
function linePrefix(lines: TextLines, block: SolutionBlock): string {
  const line = lines.lineAt(block.range.start);
  const content = lineContent(lines, line, block.containers);
  const source = lines.text.slice(line.start, content.offset);
  return source.replace(/[^\s>]/g, " ");
}

function withPrefix(rendered: string, prefix: string, eol: string): string {
  const blank = prefix.trimEnd();
  return rendered
    .split("\n")
    .map((line, index) => (index === 0 ? line : line === "" ? blank : prefix + line))
    .join(eol);
}

/** The lines in a block that are not ours, to stand after `before`; empty when there are none. */
function keptNotes(lines: TextLines, block: SolutionBlock, eol: string, before: string): string {
  const notes = foreignLines(lines, block).map((range) => lines.text.slice(range.start, range.end));
  return notes.length === 0 ? "" : before + notes.join(eol + linePrefix(lines, block).trimEnd() + eol);
}

/** What is ours in a problem's solution, however it is spaced and nested; empty where there is none. */
export function ownLines(text: string, { solution }: Problem): string {
  if (solution === undefined) return "";
  const foreign = foreignLines(linesOf(text), solution).map(({ start, end }) => ({
    start,
    end,
    newText: "",
  }));
  return applyEdits(text.slice(0, solution.range.end), foreign)
    .slice(solution.range.start)
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(/^[\s>]+|\s+$/g, ""))
    .filter((line) => line !== "")
    .join("\n");
}

/** The line ending used where the offset is, else the nearest before it, else `\n`. */
function lineEnding(text: string, lines: TextLines, offset: number): string {
  for (let number = lines.numberAt(offset); number >= 0; number--) {
    const line = lines.at(number);
    if (line.next > line.end) return text.slice(line.end, line.next);
  }
  return "\n";
}
