/** Removes and writes the prefixes that quotes and list items put before each line of what they hold. */
import type { Block } from "./blocks.ts";
import type { Line, TextLines } from "./text-lines.ts";

/** A quote or a list item around some text. Footnotes behave like list items. */
export type Container =
  | { readonly kind: "quote" }
  | {
      readonly kind: "item";
      /** Columns of white space that continue the item. */
      readonly indent: number;
      /** Start of the line that holds the marker, and where the item's content begins on it. */
      readonly line: number;
      readonly content: Place;
    };

/** A place on a line. A tab that a container used in part leaves `pad` columns behind. */
interface Place {
  readonly offset: number;
  readonly column: number;
  readonly pad: number;
}

/** The containers that surround some text, outermost first. */
export type Containers = readonly Container[];

/** What a line holds inside its containers. */
export interface LineContent {
  /** Offset of the first character that is content. */
  readonly offset: number;
  readonly text: string;
}

/** The line's content inside the containers. A line that lazily leaves them out gives what it has. */
export function lineContent(lines: TextLines, line: Line, containers: Containers): LineContent {
  const place = enter(lines.text, line, containers);
  return { offset: place.offset, text: " ".repeat(place.pad) + lines.text.slice(place.offset, line.end) };
}

/** The same with the white space at its start written as spaces, as many as it has columns. */
export function expandedLine(lines: TextLines, line: Line, containers: Containers): string {
  const place = enter(lines.text, line, containers);
  const content = skipColumns(lines.text, line, place, Infinity);
  const indent = content.column - (place.column - place.pad);
  return " ".repeat(indent) + lines.text.slice(content.offset, line.end);
}

/** What must stand before a line so that it continues the containers. */
export function containerPrefix(containers: Containers): string {
  return containers.map((each) => (each.kind === "quote" ? "> " : " ".repeat(each.indent))).join("");
}

/** The containers inside `block`, which itself stands inside `outer`. */
export function containersWithin(lines: TextLines, block: Block, outer: Containers): Containers {
  switch (block.type) {
    case "quote":
      return [...outer, { kind: "quote" }];
    case "item":
    case "footnote":
      return [...outer, itemContainer(lines, block, outer)];
    case "list":
    case "heading":
    case "paragraph":
    case "code":
    case "math":
    case "html":
    case "rule":
    case "other":
      return outer;
  }
}

function itemContainer(lines: TextLines, block: Block, outer: Containers): Container {
  const { text } = lines;
  const line = lines.lineAt(block.start);
  const outside = enter(text, line, outer);
  const marker = advance(text, line, outside, block.start);
  if (block.type === "footnote") {
    const end = text.indexOf("]:", block.start) + 2;
    const content = advance(text, line, marker, Math.min(end, line.end));
    return { kind: "item", indent: 4, line: line.start, content: skipColumns(text, line, content, Infinity) };
  }
  const width = /^(?:[-+*]|\d{1,9}[.)])/.exec(text.slice(block.start, line.end))?.[0].length ?? 1;
  const after = advance(text, line, marker, Math.min(block.start + width, line.end));
  const content = skipColumns(text, line, after, Infinity);
  const gap = content.column - content.pad - after.column;
  const blank = content.offset >= line.end;
  const space = blank || gap > 4 ? 1 : gap;
  return {
    kind: "item",
    indent: marker.column - (outside.column - outside.pad) + width + space,
    line: line.start,
    content: blank ? content : skipColumns(text, line, after, space),
  };
}

/** The place on the line where the content of the innermost container begins. */
function enter(text: string, line: Line, containers: Containers): Place {
  let place: Place = { offset: line.start, column: 0, pad: 0 };
  for (const container of containers) {
    const next =
      container.kind === "quote" ? enterQuote(text, line, place) : enterItem(text, line, place, container);
    if (next === null) break;
    place = next;
  }
  return place;
}

function enterQuote(text: string, line: Line, place: Place): Place | null {
  const mark = skipColumns(text, line, place, 3);
  if (mark.pad > 0 || mark.offset >= line.end || text[mark.offset] !== ">") return null;
  return skipColumns(text, line, { offset: mark.offset + 1, column: mark.column + 1, pad: 0 }, 1);
}

function enterItem(text: string, line: Line, place: Place, item: Container & { kind: "item" }): Place | null {
  if (item.line === line.start) return item.content;
  const inside = skipColumns(text, line, place, item.indent);
  const skipped = inside.column - inside.pad - (place.column - place.pad);
  return skipped === item.indent || inside.offset >= line.end ? inside : null;
}

/** Skips at most so many columns of spaces and tabs. `column` counts what was read, `pad` what of it is left. */
function skipColumns(text: string, line: Line, from: Place, columns: number): Place {
  let { offset, column, pad } = from;
  let left = columns - pad;
  if (left <= 0) return { offset, column, pad: pad - columns };
  pad = 0;
  while (left > 0 && offset < line.end) {
    const char = text[offset];
    if (char !== " " && char !== "\t") break;
    const width = char === " " ? 1 : 4 - (column % 4);
    offset += 1;
    column += width;
    if (width > left) pad = width - left;
    left -= width;
  }
  return { offset, column, pad };
}

/** Moves to an offset further right on the line, counting columns. */
function advance(text: string, line: Line, from: Place, to: number): Place {
  let { offset, column } = from;
  while (offset < to && offset < line.end) {
    column += text[offset] === "\t" ? 4 - (column % 4) : 1;
    offset += 1;
  }
  return { offset, column, pad: offset === from.offset ? from.pad : 0 };
}
