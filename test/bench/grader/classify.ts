/** Why our grader and another one disagree on an answer: named reasons, each a check on what the two of them read. */
import { bareValue } from "../../../server/grading/lenient.ts";
import { parseNumber, sameValue, type ExactNumber } from "../../../server/grading/number.ts";
import { normalizeAnswer } from "../../../server/grading/normalize.ts";
import type { Verdict } from "../../../server/services.ts";
import type { AnswerPair } from "./pairs.ts";

/** The graders that ours is held against. */
export const JUDGES = ["mathVerify", "minerva", "gsm8kStrict", "gsm8kFlexible"] as const;
export type Judge = (typeof JUDGES)[number];

/** What a judge says, and what it took the answer (and where it tells, the reference) to be. */
export interface Judgement {
  readonly equal: boolean;
  readonly read?: string | readonly string[];
  readonly gold?: readonly string[];
  /** The exception it ended with; its verdict is then "different". */
  readonly error?: string;
}

/** Our two verdicts on an answer. */
export interface OwnVerdicts {
  readonly strict: Verdict;
  readonly lenient: Verdict;
}

/** Agreement, or why there is none; `unexplained` is for a person to look at. */
export interface Classification {
  readonly kind: "agree" | "disagree";
  readonly reason: string;
}

/** Who is right where graders disagree: one of them, or neither, since it is a matter of what counts as written. */
export type Right = "ours" | "theirs" | "convention";

/** A reason, as the report tells it. */
export interface Reason {
  readonly right: Right;
  readonly about: string;
}

/** What the reasons mean. */
export const REASONS: Readonly<Record<string, Reason>> = {
  "strict by design": {
    right: "convention",
    about:
      "our strict grader refuses what the lenient one and the other grader accept: a unit, words around the value, a percent sign, a rounded value",
  },
  "lenient by design": {
    right: "convention",
    about:
      "our lenient grader forgives a unit, words, a percent sign or rounding; our strict grader and the other one refuse",
  },
  "compares texts": {
    right: "ours",
    about: "the same number written in two ways (18 and 18.0): the other grader compares characters",
  },
  "finds no number": {
    right: "ours",
    about: "the other grader's pattern finds no number where the answer stands",
  },
  "reads a part": {
    right: "ours",
    about:
      "the other grader reads a part of the answer only (of 14/3 the 14, of 0.5*x the 0.5, of a sentence one of its numbers)",
  },
  "goes on after the value": {
    right: "convention",
    about:
      "a sentence follows the value; our searches end in values, and our grader says undecided, which counts as wrong",
  },
  "reads LaTeX only": {
    right: "ours",
    about:
      "the answer is what Python or SymPy prints; the other grader reads LaTeX and takes its names for products of letters, or its lists for intervals",
  },
  "reads nothing": {
    right: "ours",
    about: "the other grader could not read the answer or the reference, and says different",
  },
  "removes words": { right: "ours", about: "the other grader removes words or units before it compares" },
  "rounds to six decimals": {
    right: "ours",
    about: "both are numbers that differ after the sixth decimal only",
  },
};

/** Compares our verdicts with a judge's. */
export function classify(pair: AnswerPair, own: OwnVerdicts, judge: Judge, said: Judgement): Classification {
  const strict = own.strict.kind === "equal";
  const lenient = own.lenient.kind === "equal";
  if (strict === said.equal && lenient === said.equal) return { kind: "agree", reason: "" };
  if (lenient === said.equal) return disagree("strict by design");
  if (strict === said.equal) return disagree("lenient by design");
  return disagree(said.equal ? theyAccept(pair, said) : theyRefuse(pair, judge, said));
}

function disagree(reason: string): Classification {
  return { kind: "disagree", reason };
}

/** Both of ours refuse what the judge accepts. */
function theyAccept({ reference, answer }: AnswerPair, said: Judgement): string {
  const [a, b] = [numberIn(reference), numberIn(answer)];
  if (a !== null && b !== null && !sameValue(a, b) && Math.abs(approximate(a) - approximate(b)) < 1e-6)
    return "rounds to six decimals";
  const head = numberIn(/^(.+?)\.\s+\p{Lu}/su.exec(answer)?.[1] ?? "");
  if (a !== null && head !== null) return sameValue(a, head) ? "goes on after the value" : "reads a part";
  const read = readings(said)[0] ?? "";
  if (
    said.gold === undefined &&
    read !== "" &&
    compact(read) !== compact(answer) &&
    compact(answer).includes(compact(read))
  )
    return "reads a part";
  return "unexplained";
}

/** Both of ours accept what the judge refuses. */
function theyRefuse({ reference, answer }: AnswerPair, judge: Judge, said: Judgement): string {
  const read = readings(said);
  if (said.error !== undefined || read.length === 0) return "reads nothing";
  if (judge === "gsm8kStrict" || judge === "gsm8kFlexible") {
    const [first = ""] = read;
    if (first === "[invalid]") return "finds no number";
    if (compact(first) !== compact(answer))
      return compact(answer).includes(compact(first)) ? "reads a part" : "unexplained";
    const [a, b] = [parseNumber(normalizeAnswer(reference)), parseNumber(normalizeAnswer(answer))];
    return a !== null && b !== null && sameValue(a, b) ? "compares texts" : "unexplained";
  }
  if (isPython(answer)) return "reads LaTeX only";
  if (judge === "minerva") {
    const [first = ""] = read;
    if (compact(first) !== compact(answer)) return "removes words";
    // Its symbolic comparison gives up on what SymPy's LaTeX parser does not read: tuples, sets, intervals, words.
    if (/[,{}[\]()]|\\text|[A-Za-z]{2}/u.test(answer) || UNREAD_LATEX.test(`${reference} ${answer}`))
      return "reads nothing";
  }
  return "unexplained";
}

/** Notations that SymPy's LaTeX parser does not read: other fractions than `\\frac{a}{b}`, decimals without a zero. */
const UNREAD_LATEX = /\\[cdt]frac|\\frac(?!\{)|\\frac\{[^{}]*\}(?!\{)|(?<!\d)\.\d/u;

function readings(said: Judgement): readonly string[] {
  return said.read === undefined ? [] : typeof said.read === "string" ? [said.read] : said.read;
}

/** Whether an answer is in the notation of Python: operators, calls, names of SymPy, lists. */
function isPython(answer: string): boolean {
  return (
    !answer.includes("\\") &&
    /\*|\b(?:sqrt|pi|exp|log|sin|cos|tan|oo|Rational|I|E)\b|^[[({].*[\])}]$|\d[a-z]\*\*|Eq\(/u.test(answer)
  );
}

/** The number in an answer, units and words around it aside. */
function numberIn(text: string): ExactNumber | null {
  return parseNumber(normalizeAnswer(bareValue(normalizeAnswer(text))));
}

function approximate({ numerator, denominator }: ExactNumber): number {
  return Number(numerator) / Number(denominator);
}

function compact(text: string): string {
  return text.replace(/[\s$,]/gu, "").replace(/\.$/u, "");
}
