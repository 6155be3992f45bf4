/** Markdown with mathematics as elements: statements in full, model-written lines with mathematics only. */
import type { Nodes, Parents, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { mathFromMarkdown } from "mdast-util-math";
import { gfm } from "micromark-extension-gfm";
import { math } from "micromark-extension-math";
import { h } from "./dom.ts";
import { formula } from "./math.ts";
import { splitMath } from "./split-math.ts";

/** A problem's statement. HTML in it is shown as text, pictures as their description, links as their words. */
export function statement(markdown: string): DocumentFragment {
  const root: Root = fromMarkdown(markdown, {
    extensions: [gfm(), math()],
    mdastExtensions: [gfmFromMarkdown(), mathFromMarkdown()],
  });
  const made = document.createDocumentFragment();
  for (const child of root.children) made.append(element(child, markdown));
  return made;
}

/** One line that a model wrote: mathematics between dollars, everything else as it stands. */
export function line(text: string): DocumentFragment {
  const made = document.createDocumentFragment();
  for (const part of splitMath(text)) made.append(part.kind === "math" ? formula(part.text) : part.text);
  return made;
}

function element(node: Nodes, source: string): Node {
  switch (node.type) {
    case "text":
      return document.createTextNode(node.value);
    case "inlineMath":
      // micromark pairs any two dollars; VS Code does not take `$5 and $6` for mathematics, and neither do we.
      return splitMath(sourceOf(node, source)).every((part) => part.kind === "text")
        ? document.createTextNode(sourceOf(node, source))
        : formula(node.value);
    case "math":
      return h("p", "display-math", formula(node.value, true));
    case "inlineCode":
      return h("code", {}, node.value);
    case "code":
      return h("pre", {}, h("code", {}, node.value));
    case "break":
      return h("br");
    case "thematicBreak":
      return h("hr");
    case "html":
      return document.createTextNode(node.value);
    case "image":
      return document.createTextNode(node.alt ?? "");
    case "heading":
      return h("p", "heading", ...inside(node, source));
    case "list":
      return h(
        node.ordered === true ? "ol" : "ul",
        { attributes: { start: node.ordered === true && node.start !== 1 ? node.start : null } },
        ...inside(node, source),
      );
    case "link":
    case "linkReference":
      return h("span", {}, ...inside(node, source));
    case "table":
      return h("table", {}, ...inside(node, source));
    case "tableRow":
    case "paragraph":
    case "blockquote":
    case "listItem":
    case "emphasis":
    case "strong":
    case "delete": {
      const tag = (
        {
          tableRow: "tr",
          paragraph: "p",
          blockquote: "blockquote",
          listItem: "li",
          emphasis: "em",
          strong: "strong",
          delete: "s",
        } as const
      )[node.type];
      return h(tag, {}, ...inside(node, source));
    }
    case "tableCell":
      return h("td", {}, ...inside(node, source));
    default:
      return document.createTextNode(sourceOf(node, source));
  }
}

function inside(parent: Parents, source: string): Node[] {
  return parent.children.map((child) => element(child, source));
}

function sourceOf(node: Nodes, source: string): string {
  return source.slice(node.position?.start.offset ?? 0, node.position?.end.offset ?? 0);
}
