/** Brings answers into one spelling: delimiters, spacing commands and look-alike characters go, values stay. */
import { closingBrace } from "./extract.ts";

/** Answers longer than this are compared by their text alone. */
export const MAX_ANSWER = 2000;

const CHARACTERS: readonly (readonly [RegExp, string])[] = [
  [/[−–‒—﹣－]/g, "-"],
  [/[×✕]/g, "\\times "],
  [/[·⋅∙]/g, "\\cdot "],
  [/÷/g, "/"],
  [/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, " "],
  [/[\u200b-\u200f\u2060\ufeff]/g, ""],
  [/°|º/g, "^\\circ "],
  [/π/g, "\\pi "],
  [/∞/g, "\\infty "],
  [/√\s*(\d+)/g, "\\sqrt{$1}"],
  [/[“”]/g, '"'],
  [/½/g, "\\frac{1}{2}"],
  [/¼/g, "\\frac{1}{4}"],
  [/¾/g, "\\frac{3}{4}"],
];

/** Words after a number that multiply it: `2 million`, `5 dozen`, `2 thirds`. */
export const MAGNITUDES: readonly string[] = [
  ..."hundred thousand million billion trillion dozen".split(" ").flatMap((word) => [word, `${word}s`]),
  ..."half halves quarter quarters".split(" "),
  ..."third fourth fifth sixth seventh eighth ninth tenth hundredth thousandth"
    .split(" ")
    .flatMap((word) => [word, `${word}s`]),
];

/** A backslash that begins a command: `\\` ends a row of a matrix, and what follows it is no command. */
const BACKSLASH = String.raw`(?<=(?<!\\)(?:\\\\)*)\\`;

const COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?|displaystyle|textstyle|limits)(?![a-zA-Z])\.?/g, ""],
  // The thousands of `10,\!080` stand together; in `\pi\!r` the letter must not become part of the command.
  [new RegExp(String.raw`\s*${BACKSLASH}!\s*(?![\sa-zA-Z])`, "g"), ""],
  [
    new RegExp(String.raw`${BACKSLASH}(?:[!,;:> ]|(?:quad|qquad|thinspace|medspace)(?![a-zA-Z]))|~`, "g"),
    " ",
  ],
  [/\\[dtc]frac(?![a-zA-Z])/g, "\\frac"],
  [/\\(?:degree|degrees)(?![a-zA-Z])/g, "^\\circ "],
  [/\^\s*\{\s*\\circ\s*\}/g, "^\\circ "],
  [/\\(?:mathrm|mathbf|mathit|textbf|textrm|textit|operatorname|mbox)(?=\s*\{)/g, "\\text"],
  // What is in `\text` is nothing to math-verify, which would take 2 million for 2, and 3 feet 4 inches for 3.
  [/(?<=\d\s*)\\text\s*\{([^{}]*)\}(?=\s*\d)/g, " $1 "],
  [new RegExp(String.raw`\\text\s*\{([^{}]*\b(?:${MAGNITUDES.join("|")})\b[^{}]*)\}`, "gi"), " $1 "],
  [/\\(?:lvert|rvert)(?![a-zA-Z])/g, "|"],
  [/\{,\}/g, ","],
];

const DELIMITERS: readonly (readonly [string, string])[] = [
  ["$$", "$$"],
  ["$", "$"],
  ["\\(", "\\)"],
  ["\\[", "\\]"],
  ["`", "`"],
  ["**", "**"],
];

/**
 * One spelling for an answer: no math delimiters or box around it, no spacing commands, plain minus signs, `\frac` for
 * its variants, single spaces, no full stop at the end. The value, its form and its case stay as written.
 */
export function normalizeAnswer(text: string): string {
  let result = text.trim().slice(0, MAX_ANSWER);
  // Unwrapping may bring together what is a command then; every replacement removes what it matched, so this ends.
  for (let before = ""; before !== result;) {
    before = result;
    for (const [pattern, by] of CHARACTERS) result = result.replace(pattern, by);
    for (const [pattern, by] of COMMANDS) result = result.replace(pattern, by);
    result = unwrap(result.replace(/\s+/g, " ").trim());
  }
  return result;
}

function unwrap(text: string): string {
  for (const [open, close] of DELIMITERS) {
    const inner = text.slice(open.length, text.length - close.length);
    if (text.startsWith(open) && text.endsWith(close) && text.length > open.length + close.length)
      if (!inner.includes(close)) return inner.trim();
  }
  const boxed = /^\\(?:boxed|fbox|text)\s*\{/.exec(text);
  if (boxed !== null && closingBrace(text, boxed[0].length - 1) === text.length - 1)
    return text.slice(boxed[0].length, -1).trim();
  if (text.startsWith("{") && closingBrace(text, 0) === text.length - 1) return text.slice(1, -1).trim();
  // A full stop or comma that ends a sentence; `5.` is 5 as well. An ellipsis says that digits are missing.
  return /[^.][.,;]$/.test(text) ? text.slice(0, -1).trim() : text;
}
