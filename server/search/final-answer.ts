/** Printed values plain enough to be a final answer by themselves. */

/** Names that may stand in a printed value; any other word makes it a sentence. */
const KNOWN_NAMES = new Set(["sqrt", "pi", "exp", "log", "sin", "cos", "tan", "oo", "Rational", "I", "E"]);
const LONGEST_VALUE = 80;

/**
 * A printed line that is a value by itself (a number, fraction, list or formula), tidied: `40.0` is 40, `[7]` is 7,
 * `0.30000000000000004` is 0.3. Null for a sentence and for punctuation alone, which the policy has to read.
 */
export function plainValue(line: string): string | null {
  let text = line.trim();
  const single = /^\[([^,[\]]*)\]$/u.exec(text);
  if (single !== null) text = (single[1] ?? "").trim();
  if (
    text === "" ||
    text.length > LONGEST_VALUE ||
    !/^[-+\w.,()[\]{}*/^\s$%]+$/u.test(text) ||
    text.includes("_") ||
    // Lines are drawn and brackets left empty for the eye.
    !/[A-Za-z0-9]/u.test(text)
  )
    return null;
  const words = text.match(/[A-Za-z]+/gu) ?? [];
  if (words.some((word) => word.length > 1 && !KNOWN_NAMES.has(word))) return null;
  if (/[A-Za-z0-9)]\s+[A-Za-z0-9(]/u.test(text)) return null;
  return /^-?\d+\.\d+$/u.test(text) ? tidyDecimal(text) : text;
}

/**
 * A decimal with all the digits of a floating-point number is the fraction it was rounded from, where there is a simple
 * one: `0.3333333333333333` is 1/3. Else rounding noise is no part of an answer: ten significant digits are kept, and of a
 * large number two places behind the point.
 */
function tidyDecimal(text: string): string {
  const tidied = text.replace(/\.0+$/u, "");
  const digits = text.replace(/^-?0*\.?0*/u, "").replace(".", "");
  if (digits.length < FLOAT_DIGITS || !tidied.includes(".")) return tidied;
  const value = Number(text);
  const whole = /^-?(\d+)/u.exec(text)?.[1]?.length ?? 0;
  const short = plain(Number(value.toPrecision(Math.min(17, Math.max(10, whole + 2)))), text);
  if (short.length <= SHORT_DECIMAL) return short;
  return simpleFraction(value) ?? (digits.length > FLOAT_DIGITS ? short : text);
}

/** SymPy prints this many significant digits of a number, Python up to two more. */
const FLOAT_DIGITS = 15;
/** A decimal that ends after a few places is no repeating one. */
const SHORT_DECIMAL = 9;
/** How near a number of size one is to the fraction that it was rounded from; larger ones in proportion. */
const NEAR = 5e-15;
/** Fewer than one number in a million is that near to a fraction with a denominator up to this: 3/pi^2 D^2 fractions in
 * each unit, each with a neighbourhood of 2 NEAR size. */
const largestDenominator = (size: number): number => Math.min(1000, Math.sqrt(3e8 / size));

/** The fraction that a number was rounded from, by its continued fraction; null when there is no simple one. */
function simpleFraction(value: number): string | null {
  const size = Math.abs(value);
  const largest = largestDenominator(size);
  let [before, denominator, rest] = [0, 1, size];
  for (;;) {
    const whole = Math.floor(rest);
    const numerator = Math.round(size * denominator);
    if (Math.abs(numerator / denominator - size) <= NEAR * size)
      return denominator === 1 ? null : `${value < 0 ? "-" : ""}${numerator}/${denominator}`;
    rest = 1 / (rest - whole);
    [before, denominator] = [denominator, Math.floor(rest) * denominator + before];
    if (!(denominator <= largest)) return null;
  }
}

function plain(value: number, fallback: string): string {
  const text = String(value);
  return text.includes("e") ? fallback : text;
}
