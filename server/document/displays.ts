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
  /** The line after its last one. */
  readonly below: Line | null;
}

const PREFIX = /^(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t])))*[ \t]*/;
const FENCE = /^(?:`{3,}(?!.*`)|~{3,})/;
const ALONE = /^\$\$(?!\$)(?:[^$]|\\\$)+\$\$[ \t]*$/;
const OPENING = /^\$\$[^$]*$/;
const UNDERLINE = /^(?:=+|-+)(?=[ \t]*$)/;

/**
 * The text with its displays over several lines as words of equal length, which no parser takes for anything else. Nor
 * does a line below a display make it a heading, as it would a paragraph.
 */
export function maskDisplays(text: string): string {
  const parts: string[] = [];
  let done = 0;
  const mask = (start: number, end: number, by: string): void => {
    parts.push(text.slice(done, start), by.repeat(Math.max(0, end - start)));
    done = Math.max(start, end);
  };
  for (const { lines, start, end, prefix, below } of displaysOf(text)) {
    if (lines.length > 1)
      for (const [at, line] of lines.entries())
        mask(at === 0 ? start : line.start + marginOf(text, line, prefix), Math.min(line.end, end), "x");
    if (below === null || text.slice(end, lines.at(-1)?.end).trim() !== "") continue;
    const underline = UNDERLINE.exec(text.slice(below.start + marginOf(text, below, prefix), below.end));
    // Three asterisks are the rule that three hyphens would be anywhere else.
    if (underline !== null) {
      const begin = below.start + marginOf(text, below, prefix);
      mask(begin, begin + underline[0].length, /^-{3}/.test(underline[0]) ? "*" : "x");
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
  /** What closes the fenced code or the formula, with dollars on lines of their own, that a line is in, and its prefix. */
  let fence: { readonly mark: string; readonly prefix: string } | null = null;
  const below = (at: number): Line | null => (at + 1 < lines.count ? lines.at(at + 1) : null);
  for (let at = 0; at < lines.count; at++) {
    const line = lines.at(at);
    const source = text.slice(line.start, line.end);
    const prefix = PREFIX.exec(source)?.[0] ?? "";
    const rest = source.slice(prefix.length);
    if (fence !== null && !leaves(source, fence.prefix)) {
      if (closesFence(rest, fence.mark)) fence = null;
      continue;
    }
    const mark = FENCE.exec(rest)?.[0];
    fence = mark === undefined ? null : { mark, prefix };
    const start = line.start + prefix.length;
    if (ALONE.test(rest)) {
      found.push({ lines: [line], start, end: start + rest.trimEnd().length, prefix, below: below(at) });
    } else if (OPENING.test(rest)) {
      const last = closingLine(lines, at, prefix);
      if (last === null) fence = { mark: "$$", prefix };
      else {
        const end = text.indexOf("$$", lines.at(last).start) + 2;
        const own = Array.from({ length: last - at + 1 }, (_, index) => lines.at(at + index));
        found.push({ lines: own, start, end, prefix, below: below(last) });
        at = last;
      }
    }
  }
  return found;
}

/**
 * The number of the line with the closing dollars, beside something else. Null where they stand alone, or a blank line,
 * a fence, a comment or the end of the item or quote comes first.
 */
function closingLine(lines: TextLines, opening: number, prefix: string): number | null {
  for (let at = opening + 1; at < lines.count; at++) {
    const line = lines.at(at);
    if (leaves(lines.text.slice(line.start, line.end), prefix)) return null;
    const rest = lines.text.slice(line.start + marginOf(lines.text, line, prefix), line.end);
    if (rest.includes("$$")) return closesFence(rest, "$$") ? null : at;
    if (rest.trim() === "" || FENCE.test(rest) || rest.startsWith("<!--")) return null;
  }
  return null;
}

/** Whether a line is outside of the list item or the quote in which something with this prefix began. */
function leaves(source: string, prefix: string): boolean {
  const margin = /^[ \t>]*/.exec(source)?.[0] ?? "";
  if (quotes(margin) < quotes(prefix)) return true;
  // Of mere indentation nobody knows whether it is an item's.
  const inItem = /[^\s>]/.test(prefix) && source.trim() !== "";
  return inItem && margin.length <= prefix.trimEnd().length;
}

function quotes(prefix: string): number {
  return prefix.split(">").length - 1;
}

/** How much of a line below the first is not the display's: indentation, and the quotes that the first line is in. */
function marginOf(text: string, line: Line, prefix: string): number {
  const margin = prefix.includes(">") ? /^[ \t>]*/ : /^[ \t]*/;
  return margin.exec(text.slice(line.start, line.end))?.[0].length ?? 0;
}
