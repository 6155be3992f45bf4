/** Finds the final answer in what a solution printed or wrote. */

/** Boxes nested deeper than this, or texts longer than this many characters, are cut rather than walked. */
const MAX_LENGTH = 200_000;

/**
 * The content of the last `\boxed{…}` (or `\fbox{…}`, `\boxed 7`) with balanced braces, innermost first; without
 * one, the last line that is not blank. Null when the text is blank. The content is returned trimmed, else as written.
 */
export function extractAnswer(text: string): string | null {
  const tail = text.slice(-MAX_LENGTH);
  const boxed = lastBoxed(tail);
  if (boxed !== null) return boxed;
  const lines = tail.split(/\r\n|\r|\n/);
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i]?.trim() ?? "";
    if (line !== "") return line;
  }
  return null;
}

/** The content of the last `\boxed{…}` alone; null where there is none. */
export function lastBoxed(text: string): string | null {
  const starts = [...text.matchAll(/\\(?:boxed|fbox)(?![a-zA-Z])\s*/g)];
  for (const start of starts.reverse()) {
    const from = start.index + start[0].length;
    if (text[from] !== "{") {
      const bare = /^[^\s$\\{}]+/.exec(text.slice(from, from + 200))?.[0];
      if (bare !== undefined) return bare;
      continue;
    }
    const end = closingBrace(text, from);
    if (end !== null && text.slice(from + 1, end).trim() !== "") return text.slice(from + 1, end).trim();
  }
  return null;
}

/** Index of the brace that closes the one at `open`, or null; escaped braces do not count. */
export function closingBrace(text: string, open: number): number | null {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    const character = text[i];
    if (character === "\\") i++;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return i;
  }
  return null;
}
