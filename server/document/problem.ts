/** What a problem of a document is, what a stored solution's place is, and what can be wrong with a document. */
import type { Containers } from "./containers.ts";
import type { Range } from "./text-lines.ts";

/** How a problem was written: a ```problem fence, a heading's section, below a bold label, an item of a list, selected. */
export type ProblemKind = "fence" | "heading" | "label" | "item" | "selection";

/** The answer that the document itself gives. It annotates and grades; it is never part of a statement. */
export interface ReferenceAnswer {
  /** The answer without the math delimiters, bold marks or full stop around it. */
  readonly text: string;
  /** Where that text stands. */
  readonly range: Range;
}

/** A problem to solve, with the exact places of its parts. */
export interface Problem {
  /** 1-based, in the order of the document. */
  readonly index: number;
  /** The author's `id=…`, else made from the heading, or from the statement where there is none. Unique in a file. */
  readonly id: string;
  readonly kind: ProblemKind;
  /** The text of the heading or label after the word and its number, or a fence's `title="…"`. */
  readonly title?: string;
  /** What a model may see: Markdown with its LaTeX, without container prefixes, answer lines, comments or solutions. */
  readonly statement: string;
  /** From the statement's first to its last character; an answer line in the middle lies inside. */
  readonly statementRange: Range;
  /** The whole problem with heading, fence marks and answer line, without its solution block. */
  readonly range: Range;
  /** The heading or label, where there is one; else the problem's first line. */
  readonly headingRange: Range;
  readonly reference?: ReferenceAnswer;
  /** SHA-256 of the normalised statement, lower-case hex. */
  readonly hash: string;
  /** Where a solution is inserted: the end of the problem's last line. */
  readonly insertOffset: number;
  /** What stands before each line of a solution so that it stays in the problem's quote or list item. */
  readonly prefix: string;
  /** The block below the problem, complete or half. */
  readonly solution?: SolutionBlock;
}

/** Where a stored solution stands, and what its opening marker says. */
export interface SolutionBlock {
  /** From the opening marker to the end of the closing one; of a half block, only what is surely ours. */
  readonly range: Range;
  /** False when one of its two markers is missing. */
  readonly complete: boolean;
  /** The format's version; a number above ours is not read. */
  readonly version: number;
  /** The hash of the problem that was solved, or its first characters; empty if the marker lost it. */
  readonly problemHash: string;
  /** The trace that the solution came from; empty if the marker lost it. */
  readonly traceId: string;
  /** The quotes and list items around it. */
  readonly containers: Containers;
}

/** Something in the document that a person should know: what happened, where, and what to do. */
export interface DocumentIssue {
  readonly kind:
    | "half-solution"
    | "stray-end-marker"
    | "second-solution"
    | "newer-format"
    | "unclosed-block"
    | "empty-problem";
  readonly range: Range;
  readonly message: string;
}

/** What a document holds. */
export interface DocumentProblems {
  readonly problems: readonly Problem[];
  /** Every stored solution, those that belong to no problem too, in order. */
  readonly solutions: readonly SolutionBlock[];
  readonly issues: readonly DocumentIssue[];
}

/** What counts as a problem. */
export interface ProblemOptions {
  /** Words that begin a problem's heading or bold label; plurals in -s make each list item below one. Default below. */
  readonly headings?: readonly string[];
  /** Words that begin an answer line. Default `Answer`. */
  readonly answers?: readonly string[];
  /** Words that begin a written solution: its heading, bold label or summary. No statement holds it. Default below. */
  readonly solutions?: readonly string[];
  /** First words of the info string of a problem fence. Default `problem`. */
  readonly fences?: readonly string[];
}

/** The words that tell headings and bold labels apart. */
export type HeadingWords = Pick<Required<ProblemOptions>, "headings" | "solutions">;

/** The defaults of `ProblemOptions`. */
export const DEFAULT_PROBLEM_OPTIONS: Required<ProblemOptions> = {
  headings: ["Problem", "Exercise", "Question"],
  answers: ["Answer"],
  solutions: ["Solution", "Answer", "Proof", "Hint"],
  fences: ["problem"],
};

/**
 * The problem of a text as it is now that had this statement, by its hash, and this place among the problems; else the
 * first with this statement. Undefined where there is none any more.
 */
export function findAgain(
  problems: readonly Problem[],
  { hash, index }: { readonly hash: string; readonly index?: number | undefined },
): Problem | undefined {
  const same = problems.filter((problem) => problem.hash === hash);
  return same.find((problem) => problem.index === index) ?? same[0];
}
