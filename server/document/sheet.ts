/** A sheet for a class: a document's problems with their solutions, their answers, or neither; pure Markdown. */
import type { SheetContent } from "../protocol/places.ts";
import { parseBlocks, type Block } from "./blocks.ts";
import { applyEdits, insertBlock, linesWithin, removeSolution, type TextEdit } from "./edit.ts";
import { exportAnswer, exportSolution } from "./export-solution.ts";
import { foldedAnswerReader } from "./find-problems.ts";
import { headingReader, headingText, readBoldLabel, type HeadingMeaning } from "./headings.ts";
import { escapeInline } from "./inline.ts";
import type { DocumentProblems, HeadingWords, Problem } from "./problem.ts";
import type { Solution } from "./solution-model.ts";

/**
 * The document as a sheet. What stands between its problems stays, but for what gives answers away where none are
 * wanted. `words` are those by which the problems were found.
 */
export function composeSheet(
  text: string,
  { problems, solutions: blocks }: DocumentProblems,
  words: HeadingWords,
  content: SheetContent,
  solutions: ReadonlyMap<Problem, Solution>,
): string {
  const own = new Set(problems.map(({ solution }) => solution));
  const strays = blocks.filter((block) => !own.has(block)).map(({ range }) => ({ ...range, newText: "" }));
  const readers = { readHeading: headingReader(words), isFoldedAnswer: foldedAnswerReader(words.solutions) };
  const hidden = content === "solutions" ? [] : authorsAnswers(text, parseBlocks(text), problems, readers);
  const edits = problems.flatMap((problem) => editsOf(text, problem, content, solutions.get(problem)));
  return applyEdits(
    text,
    [...edits, ...strays, ...hidden].sort((a, b) => a.start - b.start),
  );
}

function editsOf(
  text: string,
  problem: Problem,
  content: SheetContent,
  solution: Solution | undefined,
): TextEdit[] {
  const edits: TextEdit[] = [];
  // A fence is there for this program: any other reader would show it as code.
  if (content !== "solutions" || problem.kind === "fence")
    edits.push(bodyEdit(text, problem, content, solution));
  if (content === "solutions" && solution !== undefined)
    edits.push(insertBlock(text, problem, exportSolution(solution, "markdown").trimEnd()));
  const removal = removeSolution(text, problem);
  // A person's notes within a solution give it away.
  if (removal !== null) edits.push(content === "solutions" ? removal : { ...removal, newText: "" });
  return edits;
}

/** The problem's text written anew from its statement, which holds no answer. */
function bodyEdit(
  text: string,
  problem: Problem,
  content: SheetContent,
  solution: Solution | undefined,
): TextEdit {
  const { kind, statement, statementRange, headingRange, insertOffset: end } = problem;
  const head = text.slice(headingRange.start, headingRange.end);
  const isBareFence = kind === "fence" && /^[`~]/u.test(head);
  const hasHeading = kind !== "item" && !isBareFence;
  // A heading alone can be the statement.
  const isTitle = hasHeading && statementRange.start < headingRange.end;
  const answer = content === "problems" ? null : answerOf(problem, solution);
  const body = [
    ...(isBareFence ? [`**${escapeInline(problem.title ?? `Problem ${problem.index}`)}**`] : []),
    ...(isTitle ? [] : [statement]),
    ...(answer === null ? [] : [`**Answer:** ${answer}`]),
  ].join("\n\n");
  const isBesideLabel =
    kind === "label" && !isTitle && !text.slice(headingRange.end, statementRange.start).includes("\n");
  if (hasHeading && !isBesideLabel) {
    const newText = body === "" ? "" : insertBlock(text, problem, body).newText;
    return { start: headingRange.end, end, newText };
  }
  const kept = isBareFence ? "" : kind === "item" ? (LIST_MARK.exec(head)?.[0] ?? "") : head;
  const space = /\S$/u.test(kept) ? " " : "";
  return { start: headingRange.start + kept.length, end, newText: space + linesWithin(text, problem, body) };
}

const LIST_MARK = /^(?:[-+*]|\d+[.)])[ \t]*/u;

/** The answer that the document gives, else the solution's; null where there is neither. */
function answerOf({ reference }: Problem, solution: Solution | undefined): string | null {
  const answer = reference ?? solution?.answer ?? null;
  return answer === null ? null : exportAnswer(answer);
}

interface Readers {
  readonly readHeading: ReturnType<typeof headingReader>;
  readonly isFoldedAnswer: ReturnType<typeof foldedAnswerReader>;
}

/** What gives the author's own answers away: folded ones, and all below headings and labels such as "Solution". */
function authorsAnswers(
  text: string,
  blocks: readonly Block[],
  problems: readonly Problem[],
  readers: Readers,
): TextEdit[] {
  const { readHeading, isFoldedAnswer } = readers;
  const source = ({ start, end }: Block): string => text.slice(start, end);
  const meaningOf = (block: Block): HeadingMeaning["kind"] | undefined => {
    if (block.type === "heading") return readHeading(headingText(source(block))).kind;
    if (block.type !== "paragraph") return undefined;
    return readBoldLabel(source(block).split("\n")[0] ?? "", readHeading)?.meaning.kind;
  };
  const edits: TextEdit[] = [];
  let hiddenTo = 0;
  for (const [index, block] of blocks.entries()) {
    const { start, type, depth } = block;
    // Within a problem its statement says what is shown.
    const isWithin = problems.some(({ range }) => range.start <= start && block.end <= range.end);
    if (start < hiddenTo || isWithin) continue;
    const below = blocks.slice(index + 1);
    const nextOf = (isEnd: (each: Block) => boolean): number =>
      below.find(isEnd)?.start ?? blocks.at(-1)?.end ?? start;
    let end: number;
    if (meaningOf(block) === "solution") {
      end = nextOf((each) =>
        type === "heading"
          ? each.type === "heading" && each.depth <= depth
          : each.type === "heading" || each.type === "rule",
      );
    } else if (type === "html" && isFoldedAnswer(source(block))) {
      end = ([block, ...below].find((each) => source(each).includes("</details>")) ?? block).end;
    } else {
      edits.push(...authorsAnswers(text, block.children, problems, readers));
      continue;
    }
    hiddenTo = Math.min(end, problems.find(({ range }) => range.start > start)?.range.start ?? end);
    edits.push({ start, end: hiddenTo, newText: "" });
  }
  return edits;
}
