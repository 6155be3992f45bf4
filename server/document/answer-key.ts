/** Answers below a list of problems, as at the end of a book: a list there is none of problems. */
import type { Block } from "./blocks.ts";
import type { BoldLabel, HeadingMeaning } from "./headings.ts";

/** How a block is read. */
export interface BlockReaders {
  readonly source: (block: Block) => string;
  readonly heading: (block: Block) => HeadingMeaning;
  readonly label: (block: Block) => BoldLabel | null;
  readonly isFoldedAnswer: (source: string) => boolean;
}

/** What the key that a block is in has above it: a heading of some depth, a bold label, or a summary that folds it. */
type Begun =
  | { readonly kind: "heading"; readonly depth: number }
  | { readonly kind: "label"; readonly plural: boolean }
  | { readonly kind: "folded" };

/** Follows the children of a container, one after the other. */
export class AnswerKey {
  readonly #read: BlockReaders;
  #begun: Begun | null = null;
  /** The number of the last problem of a list, 0 where it has none; null before any list of problems. */
  #last: number | null = null;
  /** Whether the key that has begun holds a list already. */
  #hasList = false;

  constructor(read: BlockReaders) {
    this.#read = read;
  }

  /** Goes on to the next block, and says whether a key holds it. `isListing`: a list would be one of problems here. */
  holds(block: Block, isListing: boolean): boolean {
    const before = this.#begun;
    let begun = this.#at(block, before);
    // Without problems before it there is nothing to answer.
    if (before === null && this.#last === null) begun = null;
    if (begun !== before) this.#hasList = false;
    // A number alone, such as the answer `17.`, is an item to Markdown and none to a person.
    const [item, ...others] = block.type === "list" ? block.children.filter(isWritten) : [];
    if (item !== undefined) {
      const first = this.#numberOf(item);
      if (begun !== null && this.#isOfProblems(begun, first)) begun = null;
      if (begun !== null) this.#hasList = true;
      else if (isListing) this.#last = first === null ? 0 : first + others.length;
    }
    const isOver = begun?.kind === "folded" && this.#read.source(block).includes("</details>");
    this.#begun = isOver ? null : begun;
    return begun !== null;
  }

  #at(block: Block, before: Begun | null): Begun | null {
    const read = this.#read;
    if (block.type === "heading") {
      const meaning = read.heading(block);
      if (meaning.kind === "solution") return { kind: "heading", depth: block.depth };
      const isBelow = before?.kind === "heading" && block.depth > before.depth;
      return isBelow && !(meaning.kind === "problem" && meaning.plural) ? before : null;
    }
    if (before !== null && before.kind !== "label") return before;
    if (block.type === "rule") return null;
    const label = read.label(block);
    if (label !== null) {
      // With text behind it, it is the solution of the problem before it alone.
      const isAlone = read.source(block).slice(label.length).trim() === "";
      const plural = /s\P{L}*$/iu.test(label.text);
      return label.meaning.kind === "solution" && isAlone ? { kind: "label", plural } : null;
    }
    return block.type === "html" && read.isFoldedAnswer(read.source(block)) ? { kind: "folded" } : before;
  }

  /** Whether a list within a key goes on with the problems: by its number, or without numbers after one's solution. */
  #isOfProblems(begun: Begun, first: number | null): boolean {
    if (begun.kind === "folded" || this.#hasList || this.#last === null) return false;
    if (first === null) return begun.kind === "label" && !begun.plural;
    return this.#last > 0 && first === this.#last + 1;
  }

  /** The number of a list item; null where it has none. */
  #numberOf(item: Block): number | null {
    const number = /^\s*(\d{1,9})[.)]/.exec(this.#read.source(item))?.[1];
    return number === undefined ? null : Number(number);
  }
}

function isWritten({ children }: Block): boolean {
  return children.length > 0;
}
