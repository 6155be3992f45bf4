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
  | { readonly kind: "label" }
  | { readonly kind: "folded" };

/** Follows the children of a container, one after the other. */
export class AnswerKey {
  readonly #read: BlockReaders;
  #begun: Begun | null = null;

  constructor(read: BlockReaders) {
    this.#read = read;
  }

  /** Goes on to the next block, and says whether a key holds it. */
  holds(block: Block): boolean {
    const begun = this.#at(block, this.#begun);
    const isFolded = begun?.kind === "folded";
    this.#begun = isFolded && this.#read.source(block).includes("</details>") ? null : begun;
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
    if (block.type === "rule" || (block.type === "list" && this.#goesOn(block))) return null;
    const label = read.label(block);
    if (label !== null) {
      // With text behind it, it is the solution of the problem before it alone.
      const isAlone = read.source(block).slice(label.length).trim() === "";
      return label.meaning.kind === "solution" && isAlone ? { kind: "label" } : null;
    }
    return block.type === "html" && read.isFoldedAnswer(read.source(block)) ? { kind: "folded" } : before;
  }

  /** Whether a list goes on with the numbers of one before it. */
  #goesOn(list: Block): boolean {
    return Number(/^\s*(\d{1,9})[.)]/.exec(this.#read.source(list))?.[1] ?? 1) > 1;
  }
}
