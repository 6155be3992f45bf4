/** Printed values plain enough to be a final answer by themselves. */

/** Names that may stand in a printed value; any other word makes it a sentence. */
const KNOWN_NAMES = new Set(["sqrt", "pi", "exp", "log", "sin", "cos", "tan", "oo", "Rational", "I", "E"]);
const LONGEST_VALUE = 80;

/**
 * A printed line that is a value by itself (a number, fraction, list or formula), tidied: `40.0` is 40, `[7]` is 7,
 * `0.30000000000000004` is 0.3. Null for a sentence, which the policy has to read.
 */
export function plainValue(line: string): string | null {
  let text = line.trim();
  const single = /^\[([^,[\]]*)\]$/u.exec(text);
  if (single !== null) text = (single[1] ?? "").trim();
  if (
    text === "" ||
    text.length > LONGEST_VALUE ||
    !/^[-+\w.,()[\]{}*/^\s$%]+$/u.test(text) ||
    text.includes("_")
  )
    return null;
  const words = text.match(/[A-Za-z]+/gu) ?? [];
  if (words.some((word) => word.length > 1 && !KNOWN_NAMES.has(word))) return null;
  if (/[A-Za-z0-9)]\s+[A-Za-z0-9(]/u.test(text)) return null;
  return /^-?\d+\.\d+$/u.test(text) ? tidyDecimal(text) : text;
}

/** Binary rounding noise is not part of an answer: ten significant digits are kept of a longer decimal. */
function tidyDecimal(text: string): string {
  const digits = text.replace(/^-?0*\.?0*/u, "").replace(".", "");
  const value = Number(text);
  if (digits.length > 15) return plain(Number(value.toPrecision(10)), text);
  return text.replace(/\.0+$/u, "");
}

function plain(value: number, fallback: string): string {
  const text = String(value);
  return text.includes("e") ? fallback : text;
}
