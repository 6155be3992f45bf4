/** What the built-in preview makes of our text, with the very plug-in that it draws math with. */
import { createRequire } from "node:module";
import fc from "fast-check";
import MarkdownIt from "markdown-it";
import { describe, expect, it } from "vitest";
import { escapeInline } from "../../../server/document/inline.ts";

// CommonJS, with types that are not those of markdown-it's ES module.
const katex = createRequire(import.meta.url)("@vscode/markdown-it-katex") as {
  default: (markdown: MarkdownIt) => void;
};
const preview = new MarkdownIt({ html: true, linkify: true }).use(katex.default);

function tokensOf(markdown: string): { type: string; content: string }[] {
  return preview.parseInline(markdown, {})[0]?.children ?? [];
}

/** The text that a line of Markdown shows, its formulas between dollars as they were written. */
function shown(markdown: string): string {
  return tokensOf(markdown)
    .map(({ type, content }) => {
      switch (type) {
        case "text":
        case "text_special":
        case "html_inline":
          return content;
        case "math_inline":
          return `$${content}$`;
        default:
          return `<${type}>`;
      }
    })
    .join("");
}

function formulas(markdown: string): string[] {
  return tokensOf(markdown)
    .filter(({ type }) => type === "math_inline")
    .map(({ content }) => content);
}

describe("a step's words in the preview", () => {
  it.each([
    ["Add $x^2$ and $y_1$.", ["x^2", "y_1"]],
    ["The total is $\\frac{3}{4}$ of $\\sqrt{2}$", ["\\frac{3}{4}", "\\sqrt{2}"]],
    ["It costs $5 and then $7 more.", []],
    ["$5$10 is no formula", []],
    ["a * b * c, _d_ and [e](f)", []],
    ["US$5_000$ or x$y_1$z are no formulas", []],
  ])("%s", (text, expected) => {
    const markdown = escapeInline(text);
    expect(formulas(markdown)).toEqual(expected);
    expect(shown(markdown)).toBe(text);
  });

  it("show every text as it was, formulas as formulas", () => {
    const marks = Array.from("$ \\{}^_*`<>&#5x()[]!~|·.é");
    const piece = fc.constantFrom(...marks, "$$", "x^2", "\\frac", "\\(", "\\)");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
        const text = pieces.join("");
        expect(shown(escapeInline(text))).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });
});
