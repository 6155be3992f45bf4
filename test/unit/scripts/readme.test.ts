/** The extension's page in an editor, made from the README. */
import fs from "node:fs";
import path from "node:path";
import type { Nodes, Table } from "mdast";
import { visit } from "unist-util-visit";
import { describe, expect, it } from "vitest";
import { anchorOf, extensionReadme, parseMarkdown, plainText } from "../../../scripts/readme.mjs";

const README = fs.readFileSync(path.resolve(import.meta.dirname, "../../../README.md"), "utf8");

function nodesOf<T extends Nodes["type"]>(markdown: string, type: T): Extract<Nodes, { type: T }>[] {
  const found: Nodes[] = [];
  visit(parseMarkdown(markdown), type, (node) => void found.push(node));
  return found as Extract<Nodes, { type: T }>[];
}

const cellsOf = (table: Table): string[][] => table.children.map((row) => row.children.map(plainText));

/** What a section of the README has below its heading of depth 2. */
function sectionOf(heading: string): string {
  const [, section = ""] = README.split(`\n## ${heading}\n`);
  return section.split("\n## ", 1)[0] ?? "";
}

describe("the page of the extension", () => {
  const page = extensionReadme(README);

  it("has the title and the sections for people with an editor", () => {
    const headings = nodesOf(page, "heading").map(plainText);
    expect(headings.join(", ")).toBe(
      "rStar Math, In VS Code, A server that has the model, How it works, How good it is",
    );
    expect(page).toContain("Solves the math problems in your Markdown files");
    expect(page).not.toContain("npm run");
  });

  it("has no picture, and no link that leads nowhere", () => {
    for (const type of ["image", "imageReference", "linkReference", "definition", "html"] as const)
      expect(nodesOf(page, type), type).toEqual([]);
    const anchors = nodesOf(page, "heading").map(anchorOf);
    const links = nodesOf(page, "link").map(({ url }) => url);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((url) => !url.startsWith("https://") && !anchors.includes(url))).toEqual([]);
  });

  it("has the tables of commands and settings whole", () => {
    const tables = nodesOf(sectionOf("In VS Code"), "table").map(cellsOf);
    expect(tables.map(([head]) => head?.[0])).toEqual(["key, command or setting", "command"]);
    const shown = nodesOf(page, "table").map(cellsOf);
    for (const table of tables) expect(shown).toContainEqual(table);
  });
});

describe("a text that the page takes over", () => {
  const page = (text: string): string =>
    extensionReadme(`# T\n\nFirst.\n\n## In VS Code\n\n${text}\n\n## More\n\nNot here.\n`);

  it.each([
    ["a [site](https://example.org), a [section](#in-vs-code)", "as it is"],
    ["a [file](docs/a.md), a [gone *section*](#more)", "a file, a gone *section*"],
    ["- [a file](../a.md)\n- `[code](a.md)`", "- a file\n- `[code](a.md)`"],
    ["| a | b |\n| - | - |\n| [`c`](c.md) | [d](#more) |", "| a | b |\n| - | - |\n| `c` | d |"],
    ["![picture](a.png)\n\ntext ![with one](b.png) in it", "text  in it"],
    ["[![picture](a.png) in a link](a.md)[](b.md)", "in a link"],
  ])("%j becomes %j", (text, expected) => {
    const shown = expected === "as it is" ? text : expected;
    expect(page(text)).toBe(`# T\n\nFirst.\n\n## In VS Code\n\n${shown}\n`);
  });

  it("leaves out what is for those who build it", () => {
    const text = "`npm run x` builds it.\n\n### Below\n\n`npm` in passing: run `npm x`.";
    expect(page(text)).toBe(
      "# T\n\nFirst.\n\n## In VS Code\n\n### Below\n\n`npm` in passing: run `npm x`.\n",
    );
  });
});
