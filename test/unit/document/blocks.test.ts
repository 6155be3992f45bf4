/** Blocks parsed in segments must be the blocks of the whole text, and the work must grow with the text's length. */
import fc from "fast-check";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { mathFromMarkdown } from "mdast-util-math";
import { gfm } from "micromark-extension-gfm";
import { math } from "micromark-extension-math";
import { visit } from "unist-util-visit";
import { describe, expect, it } from "vitest";

import { parseBlocks, type Block } from "../../../server/document/blocks.ts";
import { findProblems } from "../../../server/document/problems.ts";
import { cutSegments } from "../../../server/document/segments.ts";
import { anyDocument } from "./arbitraries.ts";

const CONTAINERS = new Set(["root", "blockquote", "listItem", "footnoteDefinition"]);
const LEAVES = new Set(["heading", "paragraph", "code", "html", "math"]);

/** Type and range of each leaf, by one parse of the whole text with all inline syntax. */
function wholeLeaves(text: string): readonly string[] {
  const leaves: string[] = [];
  const tree = fromMarkdown(text, {
    extensions: [gfm(), math()],
    mdastExtensions: [gfmFromMarkdown(), mathFromMarkdown()],
  });
  visit(tree, (node, _index, parent) => {
    if (LEAVES.has(node.type) && CONTAINERS.has(parent?.type ?? "")) {
      leaves.push(`${node.type} ${node.position?.start.offset ?? -1}-${node.position?.end.offset ?? -1}`);
    }
  });
  return leaves;
}

function leaves(blocks: readonly Block[]): readonly string[] {
  return blocks.flatMap((block) => [
    ...(LEAVES.has(block.type) ? [`${block.type} ${block.start}-${block.end}`] : []),
    ...leaves(block.children),
  ]);
}

describe("blocks", () => {
  it("are the same as those of one parse of the whole text", () => {
    // Front matter and a byte order mark are not Markdown; a task's box is inline syntax that moves its paragraph.
    const plain = anyDocument.filter((text) => !/^---|^\ufeff|\[[ x]\]/.test(text));
    // Long filler makes cuts between paragraphs due, too.
    const long = fc.tuple(plain, plain).map(([a, b]) => `${a}\n\n${"filler text\n".repeat(400)}\n${b}`);
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: plain }, long), (text) => {
        expect(leaves(parseBlocks(text))).toStrictEqual(wholeLeaves(text));
      }),
      { numRuns: 60 },
    );
  });

  it("end where they do in the whole text when a heading at the margin ends a fence in a list item", () => {
    const text = "- a\n\n  ```\n  code\n\n# Notes\n";
    expect(leaves(parseBlocks(text))).toStrictEqual(wholeLeaves(text));
  });
});

/** Sections that all differ, with lists and quotes between paragraphs, which micromark alone takes quadratic time for. */
function longDocument(sections: number): string {
  const parts: string[] = [];
  for (let i = 1; i <= sections; i++) {
    parts.push(
      `## Problem ${i}: about ${i * 7}\n\nTom has ${i} apples and\nbuys $x_${i}$ more.\n\n- part a of ${i}\n- part b\n\n` +
        `> Remember ${i}.\n\n\`\`\`python\n# Comment ${i}\n\n# Another\nprint(${i})\n\`\`\`\n\nAnswer: ${i}\n\n`,
    );
  }
  return parts.join("");
}

describe("a long file", () => {
  it("is cut into segments whose longest does not grow with the file", () => {
    const longest = (text: string): number => {
      const cuts = cutSegments(text, 0);
      return Math.max(...cuts.slice(1).map((cut, at) => cut - (cuts[at] ?? 0)));
    };
    expect(longest(longDocument(4000))).toBeLessThan(longest(longDocument(40)) + 100);
    const exercises = `# Exercises\n\n${"1. What is it?\n\n   - a\n   - b\n\n".repeat(5000)}`;
    expect(longest(exercises)).toBeLessThan(5000);
  });
  it.each([
    ["with headings", longDocument],
    [
      "without a heading between problems",
      (count: number) =>
        `# Exercises\n\n${Array.from({ length: count }, (_, i) => `1. What is ${i}?\n\n   - a\n   - b\n\n`).join("")}`,
    ],
  ])("%s takes time in proportion to its length", { timeout: 60_000 }, (_title, document) => {
    // Of this process alone, whatever else the machine does: four times the text would take sixteen times as long.
    const processorTime = (count: number): number => {
      const text = document(count);
      const before = process.cpuUsage();
      expect(findProblems(text).problems).toHaveLength(count);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    processorTime(50);
    expect(processorTime(2800) / processorTime(700)).toBeLessThan(9);
  });
});
