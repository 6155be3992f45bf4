/**
 * Cuts a Markdown text at lines where, most likely, no block is open: a line at the margin after a blank line, or an
 * ATX heading at the margin. The caller checks each cut by what the segment's parse says.
 */

/** Between headings, a segment is cut once it is this long. */
const SEGMENT_LENGTH = 4096;

/** A leaf block at the margin that runs over blank lines, until a line that closes it. */
interface OpenLeaf {
  readonly closes: (line: string) => boolean;
  /** It stands inside a list item, so a line at the margin ends it. */
  readonly inItem: boolean;
}

const FENCE = /^( {0,3})(`{3,}|~{3,})(.*)$/;
const MATH = /^ {0,3}(\${2,})([^$]*)$/;
const ITEM = /^ {0,3}(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)/;

/** HTML blocks that only a certain text ends, with that text. */
const HTML: readonly (readonly [RegExp, RegExp])[] = [
  [/^ {0,3}<(?:script|pre|style|textarea)(?:[\s>]|$)/i, /<\/(?:script|pre|style|textarea)>/i],
  [/^ {0,3}<!--/, /-->/],
  [/^ {0,3}<\?/, /\?>/],
  [/^ {0,3}<!\[CDATA\[/, /\]\]>/],
  [/^ {0,3}<![a-z]/i, />/],
];

/** Offsets at which to cut, the first being `body` and the last the end of the text. */
export function cutSegments(text: string, body: number): readonly number[] {
  const cuts = [body];
  let open: OpenLeaf | null = null;
  let afterBlank = false;
  let listOpen = false;
  let segmentStart = body;
  for (let start = body; start < text.length;) {
    const end = lineEnd(text, start);
    const line = text.slice(start, end);
    const atMargin = line !== "" && line[0] !== " " && line[0] !== "\t";
    if (open !== null && open.inItem && atMargin) open = null;
    if (open === null) {
      const heading = /^#{1,6}(?:[ \t]|$)/.test(line);
      const due = heading || (afterBlank && start - segmentStart >= SEGMENT_LENGTH);
      if (atMargin && due && start > segmentStart) {
        cuts.push(start);
        segmentStart = start;
      }
      if (ITEM.test(line)) listOpen = true;
      else if (atMargin && (afterBlank || heading)) listOpen = false;
      open = opening(line, listOpen);
    } else if (open.closes(line)) {
      open = null;
    }
    afterBlank = line.trim() === "";
    start = end + (text.startsWith("\r\n", end) ? 2 : 1);
  }
  cuts.push(text.length);
  return cuts;
}

function opening(line: string, listOpen: boolean): OpenLeaf | null {
  const fence = FENCE.exec(line);
  if (fence !== null) {
    const [, indent = "", marks = "", info = ""] = fence;
    if (marks.startsWith("`") && info.includes("`")) return null;
    const closes = (next: string) => closesFence(next, marks);
    return { closes, inItem: listOpen && indent.length >= 2 };
  }
  const marks = MATH.exec(line)?.[1];
  if (marks !== undefined) return { closes: (next) => closesFence(next, marks), inItem: false };
  for (const [begin, end] of HTML) {
    if (begin.test(line) && !end.test(line)) return { closes: (next) => end.test(next), inItem: false };
  }
  return null;
}

/**
 * Whether a line, its containers stripped, closes a fence of code or math that was opened by these marks. A tab before
 * it counts as four columns.
 */
export function closesFence(line: string, marks: string): boolean {
  const trimmed = line.trim();
  const mark = marks[0] ?? "";
  return (
    /^ {0,3}(?![ \t])/.test(line) && trimmed.length >= marks.length && trimmed === mark.repeat(trimmed.length)
  );
}

function lineEnd(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13) return i;
  }
  return text.length;
}

/** The two patterns of an HTML block that runs until a certain text, when this one is of that sort. */
export function htmlEnd(html: string): RegExp | null {
  return HTML.find(([begin]) => begin.test(html))?.[1] ?? null;
}
