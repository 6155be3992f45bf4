/**
 * Display formulas whose dollars share their lines with the formula, as VS Code's preview and most other programs take
 * them. micromark takes dollars for a block only on lines of their own: such a block would not end where it seems to.
 */
import { closesFence } from "./segments.ts";
import { linesOf, type Line, type TextLines } from "./text-lines.ts";

/** A display formula over several lines, or alone on one, whose dollars do not all stand on lines of their own. */
interface Display {
  readonly lines: readonly Line[];
  /** From the first dollar to behind the last one. */
  readonly start: number;
  readonly end: number;
  /** The quotes, list markers and indentation before it. */
  readonly prefix: string;
}

const PREFIX = /^(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t])))*[ \t]*/;
const FENCE = /^(?:`{3,}(?!.*`)|~{3,})/;
const ALONE = /^\$\$(?!\$)(?:[^$]|\\\$)+\$\$[ \t]*$/;
const OPENING = /^\$\$[^$]*$/;

/** The text with its displays over several lines as words of equal length, which no parser takes for anything else. */
export function maskDisplays(text: string): string {
  const parts: string[] = [];
  let done = 0;
  for (const { lines, start, end, prefix } of displaysOf(text)) {
    if (lines.length < 2) continue;
    for (const [at, line] of lines.entries()) {
      const begin = at === 0 ? start : line.start + marginOf(text, line, prefix);
      const last = Math.min(line.end, end);
      parts.push(text.slice(done, begin), "x".repeat(Math.max(0, last - begin)));
      done = Math.max(begin, last);
    }
  }
  return parts.length === 0 ? text : parts.join("") + text.slice(done);
}

/** The text with the dollars of its displays on lines of their own. */
export function spreadDisplays(text: string): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, prefix } of displaysOf(text)) {
    const margin = `\n${prefix.replace(/[^\s>]/g, " ")}`;
    const inner = text.slice(start + 2, end - 2);
    const rest = /^[^\r\n]*/.exec(text.slice(end))?.[0].trim() ?? "";
    parts.push(
      text.slice(done, start),
      `$$${/^[ \t]*[\r\n]/.test(inner) ? "" : margin}${inner.trimEnd()}${margin}$$`,
    );
    if (rest !== "") parts.push(margin);
    done = end;
  }
  return parts.length === 0 ? text : parts.join("") + text.slice(done);
}

function displaysOf(text: string): Display[] {
  if (!text.includes("$$")) return [];
  const lines = linesOf(text);
  const found: Display[] = [];
  /** What closes the fenced code or the formula, with dollars on lines of their own, that a line is in. */
  let fence: string | null = null;
  for (let at = 0; at < lines.count; at++) {
    const line = lines.at(at);
    const source = text.slice(line.start, line.end);
    const prefix = PREFIX.exec(source)?.[0] ?? "";
    const rest = source.slice(prefix.length);
    if (fence !== null) {
      if (closesFence(rest, fence)) fence = null;
      continue;
    }
    fence = FENCE.exec(rest)?.[0] ?? null;
    const start = line.start + prefix.length;
    if (ALONE.test(rest)) {
      found.push({ lines: [line], start, end: start + rest.trimEnd().length, prefix });
    } else if (OPENING.test(rest)) {
      const last = closingLine(lines, at, prefix);
      if (last === null) fence = "$$";
      else {
        const end = text.indexOf("$$", lines.at(last).start) + 2;
        const own = Array.from({ length: last - at + 1 }, (_, index) => lines.at(at + index));
        found.push({ lines: own, start, end, prefix });
        at = last;
      }
    }
  }
  return found;
}

/**
 * The number of the line with the closing dollars, beside something else. Null where they stand alone, or a blank line,
 * a fence or a comment comes first.
 */
function closingLine(lines: TextLines, opening: number, prefix: string): number | null {
  for (let at = opening + 1; at < lines.count; at++) {
    const line = lines.at(at);
    const rest = lines.text.slice(line.start + marginOf(lines.text, line, prefix), line.end);
    if (rest.includes("$$")) return closesFence(rest, "$$") ? null : at;
    if (rest.trim() === "" || FENCE.test(rest) || rest.startsWith("<!--")) return null;
  }
  return null;
}

/** How much of a line below the first is not the display's: indentation, and the quotes that the first line is in. */
function marginOf(text: string, line: Line, prefix: string): number {
  const margin = prefix.includes(">") ? /^[ \t>]*/ : /^[ \t]*/;
  return margin.exec(text.slice(line.start, line.end))?.[0].length ?? 0;
}
