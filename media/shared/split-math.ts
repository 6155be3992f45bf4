/** Finds mathematics in a line of text by the rules of VS Code's Markdown preview. Pure. */

/** A piece of a line. */
export interface Part {
  readonly kind: "text" | "math";
  readonly text: string;
}

/**
 * `$…$` and `\(…\)`. An opening dollar has no space after it, a closing one no space before it and no digit after it, so
 * that "costs $5 and $6" stays text; `\$` is a dollar.
 */
const MATH = /\\\$|\$\$?(?=\S)((?:\\[^]|[^\\$])*?(?:\\[^]|[^\\$\s]))\$\$?(?!\d)|\\\((.+?)\\\)/gu;

/** The line's pieces in order; put together they are the line without the delimiters. */
export function splitMath(line: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  const text = (end: number): void => {
    if (end > at) parts.push({ kind: "text", text: line.slice(at, end) });
  };
  for (const match of line.matchAll(MATH)) {
    const tex = match[1] ?? match[2];
    if (tex === undefined) continue;
    text(match.index);
    parts.push({ kind: "math", text: tex });
    at = match.index + match[0].length;
  }
  text(line.length);
  return parts;
}
