/** Finds the problems of a Markdown text and the solutions stored below them, with exact places. */
import { AnswerKey } from "./answer-key.ts";
import { answerReader, type AnswerLine } from "./answer-line.ts";
import { parseBlocks, type Block, type BlockCache } from "./blocks.ts";
import { containerPrefix, containersWithin, expandedLine, type Containers } from "./containers.ts";
import { isSolutionOf, statementHash } from "./hash.ts";
import {
  fenceAttributes,
  headingReader,
  headingText,
  readBoldLabel,
  slug,
  type BoldLabel,
  type HeadingMeaning,
} from "./headings.ts";
import { isOpenLeaf, lastLeaf } from "./open-leaf.ts";
import {
  DEFAULT_PROBLEM_OPTIONS,
  type DocumentIssue,
  type DocumentProblems,
  type Problem,
  type ProblemOptions,
  type SolutionBlock,
} from "./problem.ts";
import { foldSolutions, type Part } from "./solution-blocks.ts";
import { answerInParagraph, statementOfBlocks, statementOfFence, type Statement } from "./statement.ts";
import { linesOf, type Range, type TextLines } from "./text-lines.ts";
import { anyOf } from "./words.ts";

/**
 * Finds every problem, every stored solution, and what is wrong with either. Never throws for odd text. With a cache
 * of the caller's, finding them again after an edit parses only what changed.
 */
export function findProblems(
  text: string,
  options: ProblemOptions = {},
  cache?: BlockCache,
): DocumentProblems {
  const finder = new ProblemFinder(text, { ...DEFAULT_PROBLEM_OPTIONS, ...options });
  finder.walk(parseBlocks(text, cache), { containers: [], withLabels: true }, null);
  return finder.result();
}

/** A problem whose end has not been reached. */
interface OpenProblem {
  readonly kind: "fence" | "heading" | "label" | "item";
  readonly containers: Containers;
  /** The fence, the heading, the label's paragraph or the list item. */
  readonly block: Block;
  /** The heading or the label. */
  readonly heading?: Block;
  readonly title: string;
  readonly id: string | undefined;
  /** Level of the heading; 0 where no heading ends the problem. */
  readonly depth: number;
  /** Blocks of the statement and its answer; of a fence, the answer paragraph below it. */
  readonly content: Block[];
  /** Something came that ends the statement, though solutions may still follow. */
  closed: boolean;
  solution: SolutionBlock | undefined;
}

/** What the children of one container stand in. */
interface Level {
  readonly containers: Containers;
  /** Whether a bold label begins a problem here. Within another problem it is part of the text. */
  readonly withLabels: boolean;
}

type ProblemDraft = Omit<Problem, "index" | "id"> & { readonly id: string };

class ProblemFinder {
  readonly #lines: TextLines;
  readonly #readAnswer: (line: string) => AnswerLine | null;
  readonly #readHeading: (text: string) => HeadingMeaning;
  readonly #isFoldedAnswer: (source: string) => boolean;
  readonly #fences: ReadonlySet<string>;
  readonly #drafts: ProblemDraft[] = [];
  readonly #solutions: SolutionBlock[] = [];
  readonly #issues: DocumentIssue[] = [];

  constructor(text: string, options: Required<ProblemOptions>) {
    this.#lines = linesOf(text);
    this.#readAnswer = answerReader(options.answers);
    this.#readHeading = headingReader(options);
    this.#isFoldedAnswer = foldedAnswerReader(options.solutions);
    this.#fences = new Set(options.fences.map((word) => word.toLowerCase()));
  }

  result(): DocumentProblems {
    const byStart = (a: { range: Range }, b: { range: Range }): number => a.range.start - b.range.start;
    const taken = new Map<string, number>();
    const problems = this.#drafts.toSorted(byStart).map((draft, at): Problem => {
      const count = (taken.get(draft.id) ?? 0) + 1;
      taken.set(draft.id, count);
      const id = count === 1 ? draft.id : `${draft.id}-${count}`;
      return { ...draft, index: at + 1, id };
    });
    return {
      problems,
      solutions: this.#solutions.toSorted(byStart),
      issues: this.#issues.toSorted(byStart),
    };
  }

  /** Goes through the children of one container. `open` is the list item's problem, if they are one's. */
  walk(children: readonly Block[], level: Level, item: OpenProblem | null): void {
    const { containers } = level;
    // A bold label is none: a person's note within a solution may begin with one.
    const barrier = (block: Block): boolean => block.type === "heading" || this.#startsProblem(block);
    const { parts, issues } = foldSolutions(this.#lines, children, containers, barrier);
    this.#issues.push(...issues);
    let open = item;
    let listDepth: number | null = null;
    const key = new AnswerKey({
      source: (block) => this.#source(block),
      heading: (block) => this.#meaning(block),
      label: (block) => this.#boldLabel(block),
      isFoldedAnswer: this.#isFoldedAnswer,
    });
    for (const part of parts) {
      const isInKey = part.kind === "block" && key.holds(part.block, listDepth !== null);
      open = this.#step(part, open, level, isInKey ? null : listDepth);
      if (part.kind === "block" && part.block.type === "heading")
        listDepth = this.#listDepthAfter(part.block, listDepth);
    }
    if (open !== null) this.#finish(open, "end");
  }

  /** One part after another: gives the problem that is open after it. */
  #step(
    part: Part,
    open: OpenProblem | null,
    { containers, withLabels }: Level,
    listDepth: number | null,
  ): OpenProblem | null {
    if (part.kind === "solution") {
      this.#solutions.push(part.solution);
      if (open !== null) this.#attach(open, part.solution);
      return open;
    }
    if (part.kind === "remains") {
      if (open !== null) open.closed = true;
      return open;
    }
    const { block } = part;
    if (block.type === "heading" && !this.#holdsAnswer(block)) return this.#heading(block, open, containers);
    if (this.#isProblemFence(block)) return this.#fence(block, open, containers);
    const isBetween = withLabels && (open === null || open.kind === "fence");
    const label = this.#boldLabel(block);
    if (label?.meaning.kind === "problem" && (isBetween || open?.kind === "label")) {
      return this.#label(block, label, label.meaning, open, containers);
    }
    if (label?.meaning.kind === "solution" && open !== null) open.closed = true;
    if (block.type === "rule" && open?.kind === "label") {
      this.#finish(open, "end");
      return null;
    }
    if (block.type === "list" && listDepth !== null && (open === null || open.kind === "fence")) {
      if (open !== null) this.#finish(open, "problem");
      for (const child of block.children) this.#item(child, containers);
      return null;
    }
    if (block.children.length > 0) {
      if (this.#startsProblem(block) && open !== null) {
        this.#finish(open, "problem");
        open = null;
      }
      this.#descend(block, { containers, withLabels: isBetween });
    }
    if (open !== null && !open.closed) this.#extend(open, block);
    return open;
  }

  #heading(block: Block, open: OpenProblem | null, containers: Containers): OpenProblem | null {
    const meaning = this.#meaning(block);
    switch (meaning.kind) {
      case "problem":
        if (open !== null) this.#finish(open, "problem");
        if (meaning.plural) return null;
        return {
          kind: "heading",
          containers,
          block,
          heading: block,
          title: meaning.title,
          id: meaning.id ?? slug(headingText(this.#source(block))),
          depth: block.depth,
          content: [],
          closed: false,
          solution: undefined,
        };
      case "solution":
      case "other":
        if (open === null) return null;
        if (open.kind === "fence" || block.depth <= open.depth) {
          this.#finish(open, "end");
          return null;
        }
        if (meaning.kind === "solution") open.closed = true;
        else if (!open.closed) open.content.push(block);
        return open;
    }
  }

  #label(
    block: Block,
    { text, length }: BoldLabel,
    { plural, title, id }: Extract<HeadingMeaning, { kind: "problem" }>,
    open: OpenProblem | null,
    containers: Containers,
  ): OpenProblem | null {
    if (open !== null) this.#finish(open, "problem");
    if (plural) return null;
    const end = block.start + length;
    const firstLine = this.#lines.lineAt(block.start);
    // A label on a line of its own may end in a hard break.
    const isAlone = /^\s*\\?$/.test(this.#lines.text.slice(end, this.#firstLineEnd(block)));
    const start = isAlone ? firstLine.next : end;
    return {
      kind: "label",
      containers,
      block,
      heading: { ...block, end },
      title,
      id: id ?? slug(text),
      // A heading of any level ends it.
      depth: 6,
      content: start < block.end ? [{ ...block, start }] : [],
      closed: false,
      solution: undefined,
    };
  }

  #fence(block: Block, open: OpenProblem | null, containers: Containers): OpenProblem | null {
    if (this.#isOpen(block, containers)) {
      if (open !== null) this.#finish(open, "problem");
      this.#reportUnclosed(block);
      return null;
    }
    const { id, title } = fenceAttributes(block.info);
    const titled =
      open?.heading !== undefined && open.kind !== "fence" && open.content.length === 0 && !open.closed;
    if (open !== null && !titled) this.#finish(open, "problem");
    const heading = titled ? open : null;
    return {
      kind: "fence",
      containers,
      block,
      ...(heading?.heading === undefined ? {} : { heading: heading.heading }),
      title: title ?? heading?.title ?? "",
      id: id ?? heading?.id,
      depth: 0,
      content: [],
      closed: false,
      solution: undefined,
    };
  }

  #item(block: Block, outer: Containers): void {
    const containers = containersWithin(this.#lines, block, outer);
    const open: OpenProblem = {
      kind: "item",
      containers,
      block,
      title: "",
      id: undefined,
      depth: 0,
      content: [],
      closed: false,
      solution: undefined,
    };
    this.walk(block.children, { containers, withLabels: false }, open);
  }

  #descend(block: Block, outer: Level): void {
    const level = { ...outer, containers: containersWithin(this.#lines, block, outer.containers) };
    if (block.type === "list") for (const child of block.children) this.#descend(child, level);
    else this.walk(block.children, level, null);
  }

  #extend(open: OpenProblem, block: Block): void {
    if (open.kind !== "fence") {
      if (this.#isFoldedAnswer(this.#source(block))) open.closed = true;
      else open.content.push(block);
      return;
    }
    // Below a fence only an answer still belongs to the problem, and what stands under its bare label.
    const answer = open.content[0];
    if (answer === undefined && this.#holdsAnswer(block)) open.content.push(block);
    else if (open.content.length === 1 && answer !== undefined && this.#isBareLabel(answer))
      open.content.push(block);
    else open.closed = true;
  }

  #attach(open: OpenProblem, solution: SolutionBlock): void {
    const own = open.kind !== "fence" || !open.closed || isSolutionOf(this.#statement(open).hash, solution);
    if (!own) return;
    open.closed = true;
    if (open.solution === undefined || (!open.solution.complete && solution.complete)) {
      open.solution = solution;
    } else if (solution.complete && this.#isOfWhole(open, solution)) {
      this.#issues.push({
        kind: "second-solution",
        range: solution.range,
        message:
          "This problem has a second solution. Only the first is shown and replaced; delete the one you do not want.",
      });
    }
  }

  /** Whether a further solution is of the problem, or of the text that the first one solved: else it is of a part. */
  #isOfWhole(open: OpenProblem, solution: SolutionBlock): boolean {
    return (
      solution.problemHash === open.solution?.problemHash ||
      isSolutionOf(this.#statement(open).hash, solution)
    );
  }

  #statement(open: OpenProblem): Statement & { readonly hash: string } {
    let statement: Statement;
    if (open.kind === "fence") {
      const inside = statementOfFence(this.#lines, open.block, open.containers, this.#readAnswer);
      const below = statementOfBlocks(this.#lines, open.content, open.containers, this.#readAnswer, []);
      const reference = inside.reference ?? below.reference;
      statement = { ...inside, ...(reference === undefined ? {} : { reference }) };
    } else {
      const body = this.#body(open);
      // Solutions come in order, so those inside this problem are the last ones so far.
      const before = this.#solutions.findLastIndex((each) => each.range.start < open.block.start);
      const inside = this.#solutions.slice(before + 1).map((each) => each.range);
      statement = statementOfBlocks(this.#lines, body, open.containers, this.#readAnswer, inside);
      const { heading } = open;
      if (statement.text === "" && heading !== undefined && /[^\d\s.:()]/.test(open.title)) {
        // Of several lines all are meant, without the underline.
        const source = this.#source(heading)
          .replace(/(?:\r\n|\n|\r)[^\r\n]*$/, "")
          .trimEnd();
        const at = source.lastIndexOf(open.title);
        const start = heading.start + Math.max(at, 0);
        const range = { start, end: start + (at < 0 ? source : open.title).length };
        statement = { ...statement, text: open.title, range };
      }
    }
    return { ...statement, hash: statementHash(statement.text) };
  }

  /** The content without rules at its end, which part a problem from the next one. */
  #body(open: OpenProblem): readonly Block[] {
    let end = open.content.length;
    while (end > 0 && open.content[end - 1]?.type === "rule") end -= 1;
    return open.content.slice(0, end);
  }

  #finish(open: OpenProblem, reason: "problem" | "end"): void {
    const body = open.kind === "fence" ? open.content : this.#body(open);
    const last = body.at(-1) ?? (open.kind === "item" ? undefined : open.block);
    const leaf = last === undefined ? undefined : lastLeaf(this.#lines, last, open.containers);
    if (leaf !== undefined && this.#isOpen(leaf.block, leaf.containers)) {
      this.#reportUnclosed(leaf.block);
      return;
    }
    const statement = this.#statement(open);
    const headingRange = open.heading ?? { start: open.block.start, end: this.#firstLineEnd(open.block) };
    if (statement.text === "" || last === undefined) {
      if (reason === "end" && open.kind !== "item") {
        this.#issues.push({
          kind: "empty-problem",
          range: { start: headingRange.start, end: headingRange.end },
          message:
            "This problem has no text to solve. Write it below the heading or label, or inside the fence.",
        });
      }
      return;
    }
    const insertOffset = this.#lines.lineAt(last.end).end;
    this.#drafts.push({
      kind: open.kind,
      id: open.id === undefined || open.id === "" ? `p-${statement.hash.slice(0, 8)}` : open.id,
      ...(open.title === "" || open.title === statement.text ? {} : { title: open.title }),
      statement: statement.text,
      statementRange: statement.range,
      range: { start: open.heading?.start ?? open.block.start, end: last.end },
      headingRange: { start: headingRange.start, end: headingRange.end },
      ...(statement.reference === undefined ? {} : { reference: statement.reference }),
      hash: statement.hash,
      insertOffset,
      prefix: containerPrefix(open.containers),
      ...(open.solution === undefined ? {} : { solution: open.solution }),
    });
  }

  #isOpen(block: Block, containers: Containers): boolean {
    return isOpenLeaf(this.#lines.text, block, (start) => {
      return expandedLine(this.#lines, this.#lines.lineAt(start), containers);
    });
  }

  #reportUnclosed(block: Block): void {
    this.#issues.push({
      kind: "unclosed-block",
      range: { start: block.start, end: this.#firstLineEnd(block) },
      message:
        "The block that opens here is never closed, so this problem has no end and no solution can be placed below it. Close the block.",
    });
  }

  #listDepthAfter(heading: Block, before: number | null): number | null {
    const meaning = this.#meaning(heading);
    if (meaning.kind === "problem" && meaning.plural) return heading.depth;
    return before !== null && heading.depth <= before ? null : before;
  }

  #startsProblem(block: Block): boolean {
    if (this.#isProblemFence(block)) return true;
    if (block.type === "heading") return this.#meaning(block).kind === "problem";
    return block.children.some((child) => this.#startsProblem(child));
  }

  #isProblemFence(block: Block): boolean {
    if (block.type !== "code" || !block.fenced) return false;
    return this.#fences.has(/^[^\s{]*/.exec(block.info)?.[0].toLowerCase() ?? "");
  }

  /** The bold label that begins a paragraph, unless it is that of an answer. */
  #boldLabel(block: Block): BoldLabel | null {
    if (block.type !== "paragraph") return null;
    const line = this.#lines.text.slice(block.start, this.#firstLineEnd(block));
    const label = readBoldLabel(line, this.#readHeading);
    return label === null || this.#readAnswer(line) !== null ? null : label;
  }

  #holdsAnswer(block: Block): boolean {
    if (block.type !== "paragraph" && block.type !== "heading") return false;
    return answerInParagraph(this.#lines, block, this.#readAnswer) !== null;
  }

  #isBareLabel(block: Block): boolean {
    const answer = answerInParagraph(this.#lines, block, this.#readAnswer);
    return answer !== null && answer.reference === null;
  }

  #meaning(heading: Block): HeadingMeaning {
    return this.#readHeading(headingText(this.#source(heading)));
  }

  #source(block: Block): string {
    return this.#lines.text.slice(block.start, block.end);
  }

  #firstLineEnd(block: Block): number {
    return Math.min(block.end, this.#lines.lineAt(block.start).end);
  }
}

/** Tells whether HTML folds something away whose summary begins with one of these words, as notes on GitHub do. */
export function foldedAnswerReader(words: readonly string[]): (source: string) => boolean {
  // The summary may be set in bold, by marks or by tags.
  const folded = new RegExp(
    `^\\s*<details[^>]*>\\s*<summary>(?:[\\s*_]|<(?:b|strong|i|em)>)*(?:${anyOf(words)})`,
    "iu",
  );
  return (source) => folded.test(source);
}
