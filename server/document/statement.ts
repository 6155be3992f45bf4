/** Cuts a problem's statement and its reference answer out of the blocks that hold them. */
import { trimAnswer, type AnswerLine } from "./answer-line.ts";
import type { Block } from "./blocks.ts";
import { lineContent, type Containers } from "./containers.ts";
import type { ReferenceAnswer } from "./problem.ts";
import type { Line, Range, TextLines } from "./text-lines.ts";

/** The statement of a problem with its place, and the answer that was taken out of it. */
export interface Statement {
  readonly text: string;
  readonly range: Range;
  readonly reference?: ReferenceAnswer;
}

type ReadAnswer = (line: string) => AnswerLine | null;

/** Removes HTML comments, which are the author's notes and not the problem. */
const COMMENT = /<!--[^]*?-->/g;

/**
 * The statement that consecutive blocks hold. `hidden` are ranges (stored solutions) that no statement may show; an
 * answer line hides the rest of its paragraph too, for that explains the answer.
 */
export function statementOfBlocks(
  lines: TextLines,
  blocks: readonly Block[],
  containers: Containers,
  readAnswer: ReadAnswer,
  hidden: readonly Range[],
): Statement {
  const found = new AnswerSearch(lines, readAnswer);
  blocks.forEach((block, index) => found.visit(block, blocks[index + 1]));
  const drop = [...found.hidden, ...hidden];
  const start = blocks[0]?.start ?? 0;
  const end = blocks.at(-1)?.end ?? start;
  const kept = keptLines(lines, { start, end }, containers, drop);
  const comments = blocks.some((block) => holdsComment(lines.text, block));
  const joined = kept.map((line) => line.text).join("\n");
  return finish(
    lines.text,
    comments ? joined.replace(COMMENT, "") : joined,
    kept,
    { start, end },
    found.reference,
  );
}

/** The statement that the lines inside a fence hold. Its answer lines hide what follows them up to a blank line. */
export function statementOfFence(
  lines: TextLines,
  code: Block,
  containers: Containers,
  readAnswer: ReadAnswer,
): Statement {
  const first = lines.numberAt(code.start) + 1;
  const last = lines.numberAt(code.end) - 1;
  const opening = lines.lineAt(code.start);
  const fenceIndent = indentWidth(lineContent(lines, opening, containers).text);
  const kept: KeptLine[] = [];
  let reference: ReferenceAnswer | undefined;
  let hiding: "no" | "answer" | "rest" = "no";
  for (let number = first; number <= last; number++) {
    const line = lines.at(number);
    const content = lineContent(lines, line, containers);
    const indent = Math.min(fenceIndent, indentWidth(content.text));
    const text = content.text.slice(indent);
    const start = Math.max(content.offset, line.end - text.length);
    const answer = readAnswer(text);
    if (answer !== null) {
      const end = line.end;
      const place = {
        start: end - text.length + answer.value.start,
        end: end - text.length + answer.value.end,
      };
      if (answer.text !== "") reference ??= { text: answer.text, range: place };
      hiding = answer.text === "" ? "answer" : "rest";
    } else if (text.trim() === "") {
      if (hiding === "answer") continue;
      const afterAnswer = hiding === "rest" && kept.at(-1)?.text.trim() === "";
      if (hiding === "rest") hiding = "no";
      if (!afterAnswer) kept.push({ text, range: { start, end: line.end } });
    } else if (hiding === "answer") {
      const value = trimAnswer(lines.text, { start: Math.min(content.offset, line.end), end: line.end });
      const inner = lines.text.slice(value.start, value.end);
      // A line of `$$` alone opens a display formula: the answer is on the next one.
      if (/^\${2,}$/.test(inner)) continue;
      reference ??= { text: inner, range: value };
      hiding = "rest";
    } else if (hiding === "no") {
      kept.push({ text, range: { start, end: line.end } });
    }
  }
  const range = { start: opening.next, end: opening.next };
  return finish(lines.text, kept.map((line) => line.text).join("\n"), kept, range, reference);
}

interface KeptLine {
  readonly text: string;
  readonly range: Range;
}

/** Finds the first answer among blocks, and everything that must be hidden with the answers. */
class AnswerSearch {
  reference: ReferenceAnswer | undefined;
  readonly hidden: Range[] = [];
  readonly #lines: TextLines;
  readonly #read: ReadAnswer;

  constructor(lines: TextLines, read: ReadAnswer) {
    this.#lines = lines;
    this.#read = read;
  }

  visit(block: Block, next: Block | undefined): void {
    block.children.forEach((child, index) => this.visit(child, block.children[index + 1]));
    if (block.type === "html" && isComment(this.#lines.text.slice(block.start, block.end))) {
      this.hidden.push({ start: block.start, end: block.end });
    }
    if (block.type !== "paragraph" && block.type !== "heading") return;
    const answer = answerInParagraph(this.#lines, block, this.#read);
    if (answer === null) return;
    this.hidden.push({ start: answer.start, end: block.end });
    if (answer.reference !== null) {
      this.reference ??= answer.reference;
    } else if (next !== undefined && (next.type === "paragraph" || next.type === "math")) {
      const reference = answerBelow(this.#lines, next);
      if (reference !== null) this.reference ??= reference;
      this.hidden.push({ start: next.start, end: next.end });
    }
  }
}

/** The first answer line of a paragraph: where the answer begins, and the answer if the paragraph holds it. */
export function answerInParagraph(
  lines: TextLines,
  block: Block,
  read: ReadAnswer,
): { readonly start: number; readonly reference: ReferenceAnswer | null } | null {
  const last = lines.numberAt(block.end);
  for (let number = lines.numberAt(block.start); number <= last; number++) {
    const line = lines.at(number);
    const from = Math.max(line.start, block.start);
    const to = Math.min(line.end, block.end);
    // A heading's marks do not keep its text from being an answer.
    const marks =
      block.type === "heading" ? (/^#+[ \t]*/.exec(lines.text.slice(from, to))?.[0].length ?? 0) : 0;
    const answer = read(lines.text.slice(from + marks, to));
    if (answer === null) continue;
    if (answer.text !== "") {
      const base = from + marks;
      const range = { start: base + answer.value.start, end: base + answer.value.end };
      return { start: from, reference: { text: answer.text, range } };
    }
    const below = number < last ? { ...block, start: lines.at(number + 1).start } : null;
    return { start: from, reference: below === null ? null : answerBelow(lines, below) };
  }
  return null;
}

/** The answer that stands below its label: the first line with something in it besides container and math marks. */
function answerBelow(lines: TextLines, block: Pick<Block, "start" | "end">): ReferenceAnswer | null {
  const last = lines.numberAt(block.end);
  for (let number = lines.numberAt(block.start); number <= last; number++) {
    const line = lines.at(number);
    const start = Math.max(line.start, block.start);
    const source = lines.text.slice(start, Math.min(line.end, block.end));
    const skipped = /^[\s>]*/.exec(source)?.[0].length ?? 0;
    const value = trimAnswer(lines.text, { start: start + skipped, end: start + source.length });
    const text = lines.text.slice(value.start, value.end);
    if (text !== "" && !/^\$+$/.test(text)) return { text, range: value };
  }
  return null;
}

/** The lines of a range, inside their containers. One that touches a range to drop goes as a whole. */
function keptLines(
  lines: TextLines,
  range: Range,
  containers: Containers,
  drop: readonly Range[],
): readonly KeptLine[] {
  if (range.start >= range.end) return [];
  const kept: KeptLine[] = [];
  const sorted = drop.toSorted((a, b) => a.start - b.start);
  let next = 0;
  let dropped = false;
  const last = lines.numberAt(range.end);
  for (let number = lines.numberAt(range.start); number <= last; number++) {
    const line = lines.at(number);
    while (next < sorted.length && (sorted[next]?.end ?? 0) <= line.start) next += 1;
    if ((sorted[next]?.start ?? Infinity) < line.next) {
      dropped = true;
      continue;
    }
    const content = clippedContent(lines, line, containers, range);
    const blank = content.text.trim() === "";
    if (blank && dropped && kept.at(-1)?.text.trim() === "") continue;
    dropped = false;
    kept.push(content);
  }
  return kept;
}

/** A line's content as far as it lies in the range; white space before the range's first character is kept. */
function clippedContent(lines: TextLines, line: Line, containers: Containers, range: Range): KeptLine {
  const content = lineContent(lines, line, containers);
  const skipped = lines.text.slice(content.offset, Math.max(content.offset, range.start));
  const cut = skipped.trim() === "" ? 0 : skipped.length;
  const end = Math.max(content.offset, Math.min(line.end, range.end));
  const text = cut === 0 ? content.text : lines.text.slice(content.offset + cut, line.end);
  return {
    text: text.slice(0, Math.max(0, text.length - (line.end - end))),
    range: { start: Math.min(content.offset + cut, end), end },
  };
}

function isComment(html: string): boolean {
  const source = html.trim();
  return source.startsWith("<!--") && source.indexOf("-->") === source.length - 3;
}

function holdsComment(text: string, block: Block): boolean {
  if (block.type === "html" || block.type === "paragraph")
    return text.slice(block.start, block.end).includes("<!--");
  return block.children.some((child) => holdsComment(text, child));
}

function finish(
  source: string,
  joined: string,
  kept: readonly KeptLine[],
  fallback: Range,
  reference: ReferenceAnswer | undefined,
): Statement {
  const trimmed = joined.split("\n").map((line) => line.trimEnd());
  const text = trimmed
    .join("\n")
    .trim()
    .replace(/^\[[ xX]\][ \t]+/, "");
  const filled = kept.filter((line) => line.text.trim() !== "");
  let start = filled[0]?.range.start ?? fallback.start;
  let end = filled.at(-1)?.range.end ?? fallback.end;
  while (start < end && isBlank(source[start])) start += 1;
  while (end > start && isBlank(source[end - 1])) end -= 1;
  return { text, range: { start, end }, ...(reference === undefined ? {} : { reference }) };
}

function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t";
}

function indentWidth(text: string): number {
  return text.length - text.trimStart().length;
}
