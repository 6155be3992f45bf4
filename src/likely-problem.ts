/** Whether a Markdown text may hold a problem or a stored solution: a cheap look, before a server is started for it. */

/** Words of the settings that make a problem. */
export interface ProblemWords {
  readonly headings: readonly string[];
  readonly fences: readonly string[];
}

/** True for every text in which the server finds something, and for few others. Takes about a millisecond a megabyte. */
export function mayHoldProblem(text: string, { headings, fences }: ProblemWords): boolean {
  if (text.includes("rstar:solution")) return true;
  const any = (words: readonly string[]): string => words.map(escape).join("|");
  const heading = headings.length > 0 && new RegExp(`^${NO_LETTERS}(?:${any(headings)})`, "imu").test(text);
  return (
    heading || (fences.length > 0 && new RegExp(`(?:\`{3}|~{3})[ \\t]*(?:${any(fences)})`, "iu").test(text))
  );
}

/**
 * What may stand on a line before its first word. Not `\s`: a run that goes over line ends is read again from each of
 * its lines, which takes minutes for a megabyte of numbers.
 */
const NO_LETTERS = "[\\p{Zs}\\t\\v\\f\\ufeff\\d\\p{P}\\p{S}]*";

function escape(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&");
}
