/** Reads `Answer: …` lines: the reference answers that no model may see. */
import type { Range } from "./text-lines.ts";
import { anyOf } from "./words.ts";

/** An answer line found in a line of text; `value` is relative to that line. */
export interface AnswerLine {
  /** The text after the label, cleaned; empty when the answer stands below. */
  readonly text: string;
  readonly value: Range;
}

/** A reader of answer lines that begin with one of these words. */
export function answerReader(labels: readonly string[]): (line: string) => AnswerLine | null {
  // Marks of quotes, lists and emphasis may come first; the label may be bold with its colon or without it.
  const pattern = new RegExp(
    `^[\\s>]*(?:[-+*]\\s+|\\d{1,9}[.)]\\s+)*[*_]{0,3}(?:${anyOf(labels)})[*_]{0,3}\\s*[:：][*_]{0,3}`,
    "iu",
  );
  return (line) => {
    const label = pattern.exec(line)?.[0];
    if (label === undefined) return null;
    const value = trimAnswer(line, { start: label.length, end: line.length });
    return { text: line.slice(value.start, value.end), value };
  };
}

/** Pairs of marks that may stand around a whole answer without being part of it. */
const AROUND: readonly (readonly [string, string])[] = [
  ["$$", "$$"],
  ["$", "$"],
  ["\\(", "\\)"],
  ["\\[", "\\]"],
  ["**", "**"],
  ["__", "__"],
  ["`", "`"],
];

/** The part of `text` within `range` that is the answer itself. */
export function trimAnswer(text: string, range: Range): Range {
  let { start, end } = range;
  for (;;) {
    const before = `${start}:${end}`;
    while (start < end && /\s/.test(text[start] ?? "")) start += 1;
    while (end > start && /\s/.test(text[end - 1] ?? "")) end -= 1;
    const inner = text.slice(start, end);
    if (/[^.]\.$/.test(inner)) end -= 1;
    else if (/[^*]\*\*$/.test(inner) && !inner.startsWith("**")) end -= 2;
    for (const [open, close] of AROUND) {
      const answer = text.slice(start, end);
      const middle = answer.slice(open.length, answer.length - close.length);
      if (
        answer.length > open.length + close.length &&
        answer.startsWith(open) &&
        answer.endsWith(close) &&
        !middle.includes(open) &&
        !middle.includes(close)
      ) {
        start += open.length;
        end -= close.length;
        break;
      }
    }
    if (`${start}:${end}` === before) return { start, end };
  }
}
