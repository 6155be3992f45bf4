/** Turns selected text into a problem. */
import { answerReader } from "./answer-line.ts";
import { parseBlocks, type Block, type BlockCache } from "./blocks.ts";
import { containerPrefix, containersWithin, expandedLine, type Containers } from "./containers.ts";
import { findProblems } from "./find-problems.ts";
import { bodyStart } from "./front-matter.ts";
import { isSolutionOf, statementHash } from "./hash.ts";
import { isOpenLeaf, lastLeaf } from "./open-leaf.ts";
import { DEFAULT_PROBLEM_OPTIONS, type Problem, type ProblemOptions, type SolutionBlock } from "./problem.ts";
import { statementOfBlocks } from "./statement.ts";
import { linesOf, type Range, type TextLines } from "./text-lines.ts";

/** The problem that a selection asks to solve, or why there is none. */
export type SelectedProblem =
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "none"; readonly reason: string };

/**
 * The selected text as a problem. A selection that covers one problem's statement and no text of another is that
 * problem; one inside a problem has its solution placed below that problem. Stored solutions are left out of it.
 */
export function problemFromSelection(
  text: string,
  selection: Range,
  options: ProblemOptions = {},
  cache?: BlockCache,
): SelectedProblem {
  const range = trimRange(text, selection);
  if (range.start >= range.end) return none("Nothing is selected. Select the text of a problem.");
  if (range.start < bodyStart(text)) return none("The selection is in the front matter, not in the text.");
  const { problems, solutions } = findProblems(text, options, cache);
  const touched = problems.filter((each) => each.range.start < range.end && range.start < each.range.end);
  const [only] = touched;
  const one = touched.length === 1 ? only : undefined;
  if (one !== undefined && covers(range, one.statementRange) && covers(wholeOf(one), range)) {
    return { kind: "problem", problem: one };
  }
  const inside = touched.find((each) => covers(wholeOf(each), range));
  const lines = linesOf(text);
  const around = surroundings(lines, parseBlocks(text, cache), range.end);
  if (around === null) {
    return none(
      "The selection is in a code, math or HTML block that is never closed. Close the block first.",
    );
  }
  const selected: Block = { type: "paragraph", ...range, depth: 0, info: "", fenced: false, children: [] };
  const labels = options.answers ?? DEFAULT_PROBLEM_OPTIONS.answers;
  const hidden = solutions.map((solution) => solution.range);
  const found = statementOfBlocks(lines, [selected], around.containers, answerReader(labels), hidden);
  if (found.text === "") return none("The selection holds no text of a problem.");
  const hash = statementHash(found.text);
  // Never between the markers of a solution that the selection ends in.
  const within = solutions.find(
    (each) => each.range.start < around.insertOffset && around.insertOffset < each.range.end,
  );
  const free = within === undefined ? around.insertOffset : lines.lineAt(within.range.end).end;
  const own = inside?.solution;
  // The solution of the whole problem is not that of a part of it, and stays.
  const isOwn = own === undefined || isSolutionOf(hash, own);
  const insertOffset = isOwn ? (inside?.insertOffset ?? free) : lines.lineAt(own.range.end).end;
  const solution =
    own !== undefined && isOwn ? own : solutions.find((each) => isBelow(text, insertOffset, each, hash));
  const problem: Problem = {
    index: problems.filter((each) => each.range.start < range.start).length + 1,
    id: `p-${hash.slice(0, 8)}`,
    kind: "selection",
    statement: found.text,
    statementRange: found.range,
    range,
    headingRange: { start: range.start, end: Math.min(range.end, lines.lineAt(range.start).end) },
    ...(found.reference === undefined ? {} : { reference: found.reference }),
    hash,
    insertOffset,
    prefix: inside?.prefix ?? containerPrefix(around.containers),
    ...(solution === undefined ? {} : { solution }),
  };
  return { kind: "problem", problem };
}

function none(reason: string): SelectedProblem {
  return { kind: "none", reason };
}

/** The innermost quote or list item around the offset, and the end of its last child up to the offset. */
function surroundings(
  lines: TextLines,
  blocks: readonly Block[],
  offset: number,
): { readonly containers: Containers; readonly insertOffset: number } | null {
  let containers: Containers = [];
  let children = blocks;
  for (;;) {
    const block = children.findLast((each) => each.start < offset) ?? children[0];
    if (block === undefined) return { containers, insertOffset: lines.lineAt(offset).end };
    const enters = block.children.length > 0 && offset <= block.end;
    if (!enters) {
      const leaf = lastLeaf(lines, block, containers);
      const lineFrom = (start: number): string => expandedLine(lines, lines.lineAt(start), leaf.containers);
      if (isOpenLeaf(lines.text, leaf.block, lineFrom)) return null;
      return { containers, insertOffset: lines.lineAt(block.end).end };
    }
    containers = containersWithin(lines, block, containers);
    children = block.children;
  }
}

/** Whether the block stands right below the offset and solves the statement with this hash. */
function isBelow(text: string, offset: number, block: SolutionBlock, hash: string): boolean {
  const between = text.slice(offset, Math.max(offset, block.range.start));
  return block.range.start >= offset && /^[\s>]*$/.test(between) && isSolutionOf(hash, block);
}

function wholeOf(problem: Problem): Range {
  return { start: problem.range.start, end: Math.max(problem.range.end, problem.solution?.range.end ?? 0) };
}

function covers(outer: Range, inner: Range): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

function trimRange(text: string, range: Range): Range {
  let start = Math.max(0, Math.min(range.start, range.end));
  let end = Math.min(text.length, Math.max(range.start, range.end));
  while (start < end && /\s/.test(text[start] ?? "")) start += 1;
  while (end > start && /\s/.test(text[end - 1] ?? "")) end -= 1;
  return { start, end };
}
