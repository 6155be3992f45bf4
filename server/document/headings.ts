/** Reads headings, bold labels and info strings: which begin a problem, and what title and id they give it. */
import type { HeadingWords } from "./problem.ts";
import { anyOf, MORE_OF_WORD } from "./words.ts";

/** What a heading or a bold label says about what stands below it. */
export type HeadingMeaning =
  | {
      /** One problem, or with `plural` a list of them. */
      readonly kind: "problem";
      readonly plural: boolean;
      /** What follows the word. */
      readonly rest: string;
      /** Text after the word and its number; empty when there is none. */
      readonly title: string;
      /** An id the author gave with `{#id}`. */
      readonly id?: string;
    }
  /** A written solution, proof, answer or hint: what follows is not part of a statement. */
  | { readonly kind: "solution" }
  | { readonly kind: "other" };

/** The text of a heading's source: without marks, underline or comments. */
export function headingText(source: string): string {
  const atx = /^#{1,6}(?:[ \t]+([^\r\n]*))?$/.exec(source);
  const inner =
    atx === null
      ? source.replace(/(?:\r\n|\n|\r)[^\r\n]*$/, "")
      : (atx[1] ?? "").replace(/(?:^|(?<![ \t])[ \t]+)#+[ \t]*$/, "");
  return (
    inner
      .replace(/<!--.*?-->/g, "")
      // From the beginning of a run of blanks only: tried at each of them, a long run takes its length squared.
      .replace(/(?<![\s>])[\s>]*(?:\r\n|\n|\r)[\s>]*/g, " ")
      .trim()
  );
}

/** A reader of headings whose problems and written solutions begin with these words. */
export function headingReader({ headings, solutions }: HeadingWords): (text: string) => HeadingMeaning {
  const problem = new RegExp(`^(?:${anyOf(headings)})(s?)(?!${MORE_OF_WORD}|-\\p{L}|['’])`, "iu");
  // After a Latin letter another script's may stand: `Answer와`.
  const solution = new RegExp(`^(?:${anyOf(solutions)})s?(?:(?<=\\w)(?!\\w)|(?!${MORE_OF_WORD}))`, "iu");
  const ofProblem = new RegExp(
    // One character after the other: two runs of the same kind would take a long heading's length squared.
    `^(?=[^\\p{L}]*\\d)(?:[^\\p{L}&+/]|(?<=\\d)[a-z](?!\\p{L}))*?(?:${anyOf(solutions)})s?[^\\p{L}]*$`,
    "iu",
  );
  return (text) => {
    const id = /\{#([\w:.-]+)\}\s*$/.exec(text);
    const plain = stripEmphasis(id === null ? text : text.slice(0, id.index));
    const match = problem.exec(plain);
    if (match !== null) {
      const rest = plain.slice(match[0].length);
      // `Problem 1 – Solution`, `Exercise 3a (Answer)`; but `Questions & Answers` is a list of problems.
      if (ofProblem.test(rest)) return { kind: "solution" };
      return {
        kind: "problem",
        plural: match[1] !== "" || NAMES_A_LIST.test(rest),
        rest,
        title: titleAfter(rest),
        ...(id?.[1] === undefined ? {} : { id: id[1] }),
      };
    }
    return { kind: solution.test(plain) ? "solution" : "other" };
  };
}

/** What makes a list of the word before it: `Problem Set 3`, `Exercise sheet`. */
const NAMES_A_LIST = /^\s+(?:set|sheet)(?=\s*(?:$|[\d#.:(–—]|-\s))/iu;

/** A bold label that a paragraph begins with: `**Problem 3 (Sums).**`, `**Solution:**`. */
export interface BoldLabel {
  readonly meaning: Exclude<HeadingMeaning, { kind: "other" }>;
  /** The label's words, without marks. */
  readonly text: string;
  /** Its length in the line, with marks and what separates it from the text after it. */
  readonly length: number;
}

/** What may follow the word of a label. Other words make it prose: `**Problem solving**`. */
const LABELS = /^\s*(?:$|[.:(–—#]|-\s|no\.|\d|(?:[a-z]|[ivx]+)\s*(?:$|[.:)(–—]))/iu;
/** What goes on with the sentence that bold words began: `**Problem 3** of the sheet`. */
const GOES_ON = /^(?:[,;'’\p{L}\p{N}]|[ \t]+\p{Ll})/u;

/** The label of a problem, or of a written solution, that a paragraph's first line begins with. */
export function readBoldLabel(line: string, readHeading: (text: string) => HeadingMeaning): BoldLabel | null {
  const marks = /^(?:\*{2,3}|_{2,3})(?=[^\s*_])/.exec(line)?.[0];
  const close = marks === undefined ? -1 : line.indexOf(marks, marks.length);
  if (marks === undefined || close < 0) return null;
  const text = line.slice(marks.length, close);
  const after = line.slice(close + marks.length);
  if (!/[.:：]$/u.test(text) && GOES_ON.test(after)) return null;
  const meaning = readHeading(text);
  if (meaning.kind === "other" || (meaning.kind === "problem" && !LABELS.test(meaning.rest))) return null;
  const separator = /^[ \t]*(?:[.:：]|[–—-](?=\s))/u.exec(after)?.[0] ?? "";
  return {
    meaning: meaning.kind === "problem" ? { ...meaning, title: withoutMarks(meaning.title) } : meaning,
    text,
    length: close + marks.length + separator.length,
  };
}

/** Attributes of a problem fence: `problem id=apples title="Apples"`, `problem {#apples}`. */
export function fenceAttributes(info: string): { readonly id?: string; readonly title?: string } {
  const values = new Map<string, string>();
  for (const match of info.matchAll(/([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'}]+))/g)) {
    const value = match[2] ?? match[3] ?? match[4];
    if (match[1] !== undefined && value !== undefined) values.set(match[1].toLowerCase(), value);
  }
  const id = values.get("id") ?? /\{#([\w:.-]+)/.exec(info)?.[1];
  const title = values.get("title");
  return {
    ...(id === undefined || id === "" ? {} : { id }),
    ...(title === undefined || title === "" ? {} : { title }),
  };
}

/** A name in lower case, digits and hyphens, for ids. Empty when the text holds no letter and no digit. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}

function stripEmphasis(text: string): string {
  const bold = /^([*_]{1,3})(.*?)\1(.*)$/.exec(text);
  return bold === null ? text : `${bold[2] ?? ""}${bold[3] ?? ""}`;
}

/** A label's title without the full stop after it and the parentheses around it. */
function withoutMarks(title: string): string {
  return title.replace(/[.:：]$/u, "").replace(/^\(([^()]*)\)$/u, "$1");
}

/** What is left after the word: its number and the separator are gone, a minus sign is not. */
function titleAfter(rest: string): string {
  return rest
    .replace(/^[*_]+/, "")
    .replace(/^\s*(?:#|no\.\s*)?(?:\d+[a-z]?(?:\.\d+)*|[a-z])(?=\s*(?:$|[.:)(–—]|-\s))/iu, "")
    .replace(/^\s*(?:[:.)]|[–—-](?=\s))?\s*/u, "")
    .trim();
}
