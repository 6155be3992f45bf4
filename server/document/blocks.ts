/**
 * Text to Markdown blocks with exact offsets, by micromark. Inline content is not parsed: nothing here needs it.
 *
 * micromark takes quadratic time on long files that alternate lists or quotes with paragraphs. So the text is cut at
 * lines where no block can be open, and each segment is parsed alone; a segment whose last block turns out to be open
 * is parsed again together with what follows.
 */
import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { mathFromMarkdown } from "mdast-util-math";
import { gfm } from "micromark-extension-gfm";
import { math } from "micromark-extension-math";

import { maskDisplays } from "./displays.ts";
import { cutSegments } from "./segments.ts";
import { bodyStart } from "./front-matter.ts";

/** What kinds of block are told apart; `other` is anything that holds no problem and ends none. */
export type BlockType =
  | "heading"
  | "paragraph"
  | "code"
  | "math"
  | "html"
  | "rule"
  | "list"
  | "item"
  | "quote"
  | "footnote"
  | "other";

/** A block of the document. Containers (`list`, `item`, `quote`, `footnote`) have children. */
export interface Block {
  readonly type: BlockType;
  /** The first character; of `html`, the indentation before it. */
  readonly start: number;
  readonly end: number;
  /** Level of a heading, 1 to 6; 0 for everything else. */
  readonly depth: number;
  /** Info string of fenced code; empty for everything else. */
  readonly info: string;
  /** Whether code has fences (not indentation). */
  readonly fenced: boolean;
  readonly children: readonly Block[];
}

/** Remembers the segments of the last text, so that parsing it again after an edit costs only what changed. */
export class BlockCache {
  segments: ReadonlyMap<string, readonly Block[]> = new Map();
}

const INLINE_CONSTRUCTS = [
  "attention",
  "autolink",
  "characterEscape",
  "characterReference",
  "codeText",
  "emailAutolink",
  "gfmFootnoteCall",
  "gfmPotentialFootnoteCall",
  "hardBreakEscape",
  "htmlText",
  "labelEnd",
  "labelStartImage",
  "labelStartLink",
  "mathText",
  "protocolAutolink",
  "strikethrough",
  "tasklistCheck",
  "wwwAutolink",
];

const OPTIONS = {
  extensions: [gfm(), math(), { disable: { null: INLINE_CONSTRUCTS } }],
  mdastExtensions: [gfmFromMarkdown(), mathFromMarkdown()],
};

/** The top-level blocks of the text, in order. A byte order mark and front matter belong to no block. */
export function parseBlocks(written: string, cache: BlockCache = new BlockCache()): readonly Block[] {
  const used = new Map<string, readonly Block[]>();
  const blocks: Block[] = [];
  const text = maskDisplays(written);
  const cuts = cutSegments(text, bodyStart(written));
  let from = 0;
  while (from + 1 < cuts.length) {
    // Twice as many segments at each try, so that one wrong cut after another still costs little.
    for (let width = 1; ; width *= 2) {
      const to = Math.min(from + width, cuts.length - 1);
      const start = cuts[from] ?? 0;
      const segment = text.slice(start, cuts[to]);
      const atEnd = to === cuts.length - 1;
      const key = segment + (atEnd ? "$" : "#");
      const parsed = used.get(key) ?? cache.segments.get(key) ?? parseSegment(segment, atEnd);
      if (parsed === null) continue;
      used.set(key, parsed);
      for (const block of parsed) blocks.push(shift(block, start));
      from = to;
      break;
    }
  }
  cache.segments = used;
  return blocks;
}

/** Stands for the text below a segment: blocks end, or do not, as they would there. */
const NEXT_HEADING = "#\n";

/** More quotes and list items within each other than any person writes, and than the parser's stack can hold. */
const TOO_DEEP = /^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))){500}/m;

/** The blocks of a segment; null when it was cut inside its last block. */
function parseSegment(segment: string, atEnd: boolean): readonly Block[] | null {
  if (TOO_DEEP.test(segment)) {
    return [
      { type: "other", start: 0, end: segment.length, depth: 0, info: "", fenced: false, children: [] },
    ];
  }
  const source = atEnd ? segment : segment + NEXT_HEADING;
  const blocks = fromMarkdown(source, OPTIONS).children.map((node) => toBlock(node, source));
  if (atEnd) return blocks;
  return blocks.at(-1)?.start === segment.length ? blocks.slice(0, -1) : null;
}

const TYPES: Readonly<Partial<Record<Nodes["type"], BlockType>>> = {
  heading: "heading",
  paragraph: "paragraph",
  code: "code",
  math: "math",
  html: "html",
  thematicBreak: "rule",
  list: "list",
  listItem: "item",
  blockquote: "quote",
  footnoteDefinition: "footnote",
};

const CONTAINERS: ReadonlySet<BlockType> = new Set(["list", "item", "quote", "footnote"]);

function toBlock(node: Nodes, source: string): Block {
  const type = TYPES[node.type] ?? "other";
  const start = node.position?.start.offset ?? 0;
  const fenced = node.type === "code" && /^(?:```|~~~)/.test(source.slice(start, start + 3));
  const children =
    CONTAINERS.has(type) && "children" in node ? node.children.map((child) => toBlock(child, source)) : [];
  return {
    type,
    start,
    // micromark lets a list in a quote run over the empty lines below it.
    end: children.at(-1)?.end ?? node.position?.end.offset ?? start,
    depth: node.type === "heading" ? node.depth : 0,
    info: node.type === "code" ? `${node.lang ?? ""} ${node.meta ?? ""}`.trim() : "",
    fenced,
    children,
  };
}

function shift(block: Block, by: number): Block {
  if (by === 0) return block;
  return {
    ...block,
    start: block.start + by,
    end: block.end + by,
    children: block.children.map((child) => shift(child, by)),
  };
}
