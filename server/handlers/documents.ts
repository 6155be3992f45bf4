/** The open documents, each parsed once per version, and how places in them are named. */
import type { Event } from "vscode-languageserver";
import { TextDocuments, type Connection } from "vscode-languageserver";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  BlockCache,
  findAgain,
  findProblems,
  isStale,
  problemFromSelection,
  type DocumentProblems,
  type Problem,
  type ProblemOptions,
  type Range as OffsetRange,
  type SolutionBlock,
} from "../document/problems.ts";
import { applyEdits, type TextEdit } from "../document/edit.ts";
import { parseSolution, type ParsedSolution } from "../document/solution.ts";
import type { Position, ProblemPlace, ProblemReference, Range } from "../protocol/places.ts";

/** A problem that was asked for, or why it is not there. */
export type FoundProblem =
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "none"; readonly message: string };

/** One version of an open document. */
export class OpenDocument {
  readonly uri: string;
  readonly version: number;
  readonly text: string;
  readonly #document: TextDocument;
  readonly #options: ProblemOptions;
  readonly #cache: BlockCache;
  readonly #parsed = new Map<SolutionBlock, ParsedSolution>();
  #found: DocumentProblems | null = null;

  constructor(document: TextDocument, options: ProblemOptions, cache: BlockCache) {
    this.uri = document.uri;
    this.version = document.version;
    this.text = document.getText();
    this.#document = document;
    this.#options = options;
    this.#cache = cache;
  }

  get found(): DocumentProblems {
    return (this.#found ??= findProblems(this.text, this.#options, this.#cache));
  }

  parsed(block: SolutionBlock): ParsedSolution {
    const known = this.#parsed.get(block);
    if (known !== undefined) return known;
    const parsed = parseSolution(this.text, block);
    this.#parsed.set(block, parsed);
    return parsed;
  }

  range({ start, end }: OffsetRange): Range {
    return { start: this.#document.positionAt(start), end: this.#document.positionAt(end) };
  }

  position(offset: number): Position {
    return this.#document.positionAt(offset);
  }

  offset(position: Position): number {
    return this.#document.offsetAt(position);
  }

  /** The block's text: what a check of it belongs to. */
  source(range: OffsetRange): string {
    return this.text.slice(range.start, range.end);
  }

  /** The problem whose text or solution holds the offset. */
  problemAt(offset: number): Problem | undefined {
    return this.found.problems.find(({ range, solution }) => {
      const end = Math.max(range.end, solution?.range.end ?? 0);
      return range.start <= offset && offset <= end;
    });
  }

  find(reference: ProblemReference): FoundProblem {
    const { problems } = this.found;
    switch (reference.kind) {
      case "hash":
        return foundOr(
          findAgain(problems, reference),
          "The problem's text was changed or removed meanwhile. Nothing was changed; try again on the problem as it is now.",
        );
      case "index":
        return foundOr(
          problems.find(({ index }) => index === reference.index),
          `This file has ${problems.length} problems; there is no problem ${reference.index}.`,
        );
      case "position":
        return foundOr(
          this.problemAt(this.offset(reference.position)),
          "There is no problem here. Put the cursor into one, or select the text to solve.",
        );
      case "selection": {
        const given = {
          start: this.offset(reference.range.start),
          end: this.offset(reference.range.end),
        };
        const { text = this.source(given) } = reference;
        const range = this.source(given) === text ? given : this.#onlyPlaceOf(text);
        if (range === null)
          return {
            kind: "none",
            message: "The selected text was changed meanwhile. Nothing was changed; select it again.",
          };
        const selected = problemFromSelection(this.text, range, this.#options, this.#cache);
        return selected.kind === "problem" ? selected : { kind: "none", message: selected.reason };
      }
      default:
        return reference satisfies never;
    }
  }

  /**
   * The problem, found in an earlier version of the document, as it stands now. One made of a selection is where its
   * text stands, if that is in one place only.
   */
  relocate(earlier: Problem, source: string): Problem | null {
    if (earlier.kind !== "selection") {
      const found = this.find({ kind: "hash", hash: earlier.hash, index: earlier.index });
      return found.kind === "problem" ? found.problem : null;
    }
    const range = this.#onlyPlaceOf(source);
    if (range === null) return null;
    const selected = problemFromSelection(this.text, range, this.#options, this.#cache);
    return selected.kind === "problem" && selected.problem.hash === earlier.hash ? selected.problem : null;
  }

  /** Where a text stands, if that is in one place only. */
  #onlyPlaceOf(text: string): OffsetRange | null {
    const start = this.text.indexOf(text);
    return start < 0 || this.text.includes(text, start + 1) ? null : { start, end: start + text.length };
  }

  /** What the document will hold after edits, which are in order. */
  after(edits: readonly TextEdit[]): DocumentProblems {
    return findProblems(applyEdits(this.text, edits), this.#options, this.#cache);
  }

  /** Whether the problem was changed since its solution was found. */
  isStale(problem: Problem): boolean {
    return problem.solution !== undefined && isStale(problem, problem.solution);
  }
}

function foundOr(problem: Problem | undefined, message: string): FoundProblem {
  return problem === undefined ? { kind: "none", message } : { kind: "problem", problem };
}

/** All open documents. */
export class Documents {
  readonly #texts = new TextDocuments(TextDocument);
  readonly #parsed = new Map<string, { readonly open: OpenDocument; readonly cache: BlockCache }>();
  #options: ProblemOptions = {};

  readonly onDidChange: Event<{ readonly document: TextDocument }> = this.#texts.onDidChangeContent;
  readonly onDidOpen: Event<{ readonly document: TextDocument }> = this.#texts.onDidOpen;
  readonly onDidClose: Event<{ readonly document: TextDocument }> = this.#texts.onDidClose;
  readonly onDidSave: Event<{ readonly document: TextDocument }> = this.#texts.onDidSave;

  listen(connection: Connection): void {
    this.#texts.listen(connection);
    this.#texts.onDidClose(({ document }) => this.#parsed.delete(document.uri));
  }

  /** What counts as a problem from now on. */
  use(options: ProblemOptions): void {
    this.#options = options;
    this.#parsed.clear();
  }

  uris(): string[] {
    return this.#texts.keys();
  }

  /**
   * Where the problem of this statement's hash is: at the place that is named, or, where that is not open (a text that
   * had no name is closed when it gets one), in the first open document that has it. Null where none has.
   */
  placeOf(hash: string, named?: ProblemPlace): ProblemPlace | null {
    if (named !== undefined && this.get(named.uri) !== null) return named;
    for (const uri of this.uris()) {
      const found = this.get(uri)?.found.problems.find((problem) => problem.hash === hash);
      if (found !== undefined) return { uri, problem: { kind: "hash", hash, index: found.index } };
    }
    return null;
  }

  /** The document as it is now; null when it is not open. */
  get(uri: string): OpenDocument | null {
    const document = this.#texts.get(uri);
    if (document === undefined) return null;
    const known = this.#parsed.get(uri);
    if (known !== undefined && known.open.version === document.version) return known.open;
    const cache = known?.cache ?? new BlockCache();
    const open = new OpenDocument(document, this.#options, cache);
    this.#parsed.set(uri, { open, cache });
    return open;
  }
}
