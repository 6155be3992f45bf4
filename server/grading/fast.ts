/** Compares answers without Python where that is certain: same text, exact numbers, lists of exact numbers, words. */
import type { GradingMode, Verdict } from "../services.ts";
import { bareValue, splitList } from "./lenient.ts";
import { MAX_ANSWER, normalizeAnswer } from "./normalize.ts";
import { parseNumber, sameValue, sameWhenRounded } from "./number.ts";
import type { ExactNumber } from "./number.ts";

/** Nothing but delimiters; `\{\}`, the empty set, is something. */
const EMPTY = /^(?:\\(?:boxed|fbox|text)(?![a-zA-Z])|[\s{}$`*.,;])*$/;

/** What the fast path says; null leaves the pair to math-verify. */
export function fastVerdict(a: string, b: string, mode: GradingMode): Verdict | null {
  if (isTooLong(a) || isTooLong(b)) return longVerdict(a.trim(), b.trim());
  const [first, second] = [prepare(a, mode), prepare(b, mode)];
  if (EMPTY.test(first) || EMPTY.test(second)) return { kind: "undecided", how: "empty" };
  if (first === second) return { kind: "equal", how: "text" };
  const [x, y] = [parseNumber(first), parseNumber(second)];
  if (x !== null && y !== null) return compareNumbers(x, y, mode);
  // math-verify is given lists of Python, which it takes for tuples. Leniently one may stand for the other.
  const isOfRange = isRange(a) || isRange(b);
  if (mode === "strict" || isOfRange) {
    const [s, t] = [bracketsOf(first), bracketsOf(second)];
    if (s !== null && t !== null && s !== t) return { kind: "different", how: "brackets" };
  }
  const [s, t] = [numberList(first), numberList(second)];
  if (s !== null && t !== null) return compareLists(s, t, mode, isOfRange);
  if (isWords(first) && isWords(second)) {
    const same = first.toLowerCase() === second.toLowerCase();
    return { kind: same ? "equal" : "different", how: "words" };
  }
  return null;
}

/** Such an answer is not normalised, which would compare its beginning alone. */
function isTooLong(text: string): boolean {
  return text.trim().length > MAX_ANSWER;
}

function longVerdict(a: string, b: string): Verdict {
  return a === b && !EMPTY.test(a) ? { kind: "equal", how: "text" } : { kind: "undecided", how: "too long" };
}

/** An answer as the fast path and math-verify see it. */
export function prepare(text: string, mode: GradingMode): string {
  const normal = normalizeAnswer(text);
  return mode === "strict" ? normal : normalizeAnswer(bareValue(normal));
}

/**
 * A string that two answers share exactly when the fast path reads both as the same exact number, list of numbers or
 * words (in the strict mode); null for answers that need math-verify or are too long for it. Made for grouping votes.
 */
export function answerKey(text: string): string | null {
  if (isTooLong(text)) return null;
  const normal = normalizeAnswer(text);
  const number = parseNumber(normal);
  if (number !== null) return numberKey(number);
  const list = numberList(normal);
  if (list !== null) return `${list.kind}:${itemKeys(list).join(",")}`;
  return isWords(normal) ? `words:${normal.toLowerCase()}` : null;
}

function numberKey(number: ExactNumber): string {
  return `${number.numerator}/${number.denominator}`;
}

function compareNumbers(a: ExactNumber, b: ExactNumber, mode: GradingMode): Verdict {
  if (sameValue(a, b)) return { kind: "equal", how: "number" };
  if (mode === "lenient") {
    if (a.percent !== b.percent && sameValue(withoutPercent(a), withoutPercent(b)))
      return { kind: "equal", how: "percent" };
    if (sameWhenRounded(a, b)) return { kind: "equal", how: "rounded" };
  }
  return { kind: "different", how: "number" };
}

function withoutPercent(number: ExactNumber): ExactNumber {
  if (!number.percent) return number;
  const scaled = parseNumber(`${number.numerator * 100n}/${number.denominator}`);
  return scaled ?? number;
}

/** Whether an answer says that a variable lies between two ends: `x \in [0, 1)`. */
function isRange(text: string): boolean {
  return /^[a-zA-Z]\s*\\in(?![a-zA-Z])/.test(normalizeAnswer(text));
}

/** The brackets around a tuple, a list or an interval; null where there are none. */
function bracketsOf(text: string): string | null {
  const [, open = "", inner = "", close = ""] = /^([([])(.*)([)\]])$/.exec(text) ?? [];
  let depth = 0;
  for (const character of inner) {
    if ("([".includes(character)) depth++;
    else if (")]".includes(character) && --depth < 0) return null;
  }
  return splitList(inner).length < 2 ? null : open + close;
}

interface NumberList {
  /** A set in braces, a tuple or interval in brackets, or items one after another. */
  readonly kind: "set" | "tuple" | "list";
  readonly items: readonly ExactNumber[];
  /** The brackets of a tuple: `(1, 2)` and `[1, 2]` differ. */
  readonly brackets: string;
}

function numberList(text: string): NumberList | null {
  const set = /^\\\{(.*)\\\}$/.exec(text);
  const tuple = /^([([])(.*)([)\]])$/.exec(text);
  const inner = set?.[1] ?? tuple?.[2] ?? text;
  const parts = splitList(inner);
  // `(3)` is a number in brackets and `1,234` one with a separator: not lists.
  if (parts.length < 2) return null;
  const items = parts.map(parseNumber);
  if (!items.every((item) => item !== null)) return null;
  if (set !== null) return { kind: "set", items, brackets: "" };
  if (tuple !== null) return { kind: "tuple", items, brackets: `${tuple[1] ?? ""}${tuple[3] ?? ""}` };
  return { kind: "list", items, brackets: "" };
}

function itemKeys(list: NumberList): string[] {
  const keys = list.items.map(numberKey);
  // As Math-Verify, which takes items one after another for a set.
  return list.kind === "tuple" ? [list.brackets, ...keys] : [...new Set(keys)].sort();
}

function compareLists(a: NumberList, b: NumberList, mode: GradingMode, isOfRange: boolean): Verdict | null {
  // In the lenient mode, braces around a list of solutions do not matter.
  if (a.kind !== b.kind && (mode === "strict" || a.kind === "tuple" || b.kind === "tuple"))
    return mode === "lenient" && !isOfRange && isListOf(a, b) ? { kind: "equal", how: "list" } : null;
  if (itemKeys(a).join() === itemKeys(b).join()) return { kind: "equal", how: "list" };
  // A lenient comparison of the items one by one, rounding included, is math-verify's.
  return mode === "strict" ? { kind: "different", how: "list" } : null;
}

/** Whether one is a Python list of the other's items, in whatever order a program found them. */
function isListOf(a: NumberList, b: NumberList): boolean {
  const [tuple, other] = a.kind === "tuple" ? [a, b] : [b, a];
  return tuple.brackets === "[]" && itemKeys({ ...tuple, kind: "list" }).join() === itemKeys(other).join();
}

/** Plain words, such as `no solution` or `Tuesday`; a single letter may be a variable and is none. */
function isWords(text: string): boolean {
  return /^[\p{L}][\p{L}' -]*[\p{L}]$/u.test(text) && /\p{L}{3}/u.test(text) && !MATH_WORDS.test(text);
}

const MATH_WORDS = /\b(?:pi|sqrt|sin|cos|tan|log|ln|exp|oo|infinity|inf)\b/i;
