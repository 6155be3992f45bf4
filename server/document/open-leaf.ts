/** Tells whether a block that ends where its text ends was really closed there. */
import type { Block } from "./blocks.ts";
import { containersWithin, type Containers } from "./containers.ts";
import { closesFence, htmlEnd } from "./segments.ts";
import type { TextLines } from "./text-lines.ts";

/**
 * Whether text placed below the block, after a blank line, would still be part of it: fenced code or math without its
 * closing fence, or HTML without its end. `lineFrom` gives the block's last line, which starts at that offset, without
 * the prefixes of containers.
 */
export function isOpenLeaf(text: string, block: Block, lineFrom: (lineStart: number) => string): boolean {
  const source = text.slice(block.start, block.end);
  switch (block.type) {
    case "code":
    case "math": {
      if (block.type === "code" && !block.fenced) return false;
      const marks = /^[`~$]+/.exec(source)?.[0] ?? "";
      const lastLine = Math.max(source.lastIndexOf("\n"), source.lastIndexOf("\r")) + 1;
      return lastLine === 0 || !closesFence(lineFrom(block.start + lastLine), marks);
    }
    case "html": {
      const end = htmlEnd(source.trimStart());
      return end !== null && !end.test(source);
    }
    case "heading":
    case "paragraph":
    case "rule":
    case "list":
    case "item":
    case "quote":
    case "footnote":
    case "other":
      return false;
  }
}

/** The last block inside the block, or the block itself, with the containers around it. */
export function lastLeaf(
  lines: TextLines,
  block: Block,
  outer: Containers,
): { readonly block: Block; readonly containers: Containers } {
  const last = block.children.at(-1);
  return last === undefined
    ? { block, containers: outer }
    : lastLeaf(lines, last, containersWithin(lines, block, outer));
}
