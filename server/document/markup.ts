/** Markdown written in another markup: one walk over its tree, with a word of the markup for each kind of node. */
import type { AlignType, List, Nodes, Parents, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { mathFromMarkdown } from "mdast-util-math";
import { gfm } from "micromark-extension-gfm";
import { math } from "micromark-extension-math";
import { spreadDisplays } from "./displays.ts";
import { bodyStart } from "./front-matter.ts";

/** How a markup writes each kind of node. `inner` is in the markup already; all else is plain and to be escaped. */
export interface Markup {
  readonly text: (words: string) => string;
  readonly paragraph: (inner: string) => string;
  /** `depth` is 1 to 6. */
  readonly heading: (depth: number, inner: string) => string;
  readonly quote: (inner: string) => string;
  readonly list: (items: readonly ListItem[]) => string;
  /** The first row is the head. */
  readonly table: (rows: readonly (readonly string[])[], align: readonly AlignType[]) => string;
  readonly code: (content: string) => string;
  readonly rule: () => string;
  readonly formula: (tex: string, isDisplay: boolean) => string;
  readonly inlineCode: (code: string) => string;
  readonly emphasis: (inner: string) => string;
  readonly strong: (inner: string) => string;
  readonly struck: (inner: string) => string;
  readonly lineBreak: () => string;
  readonly link: (url: string, inner: string) => string;
  /** `words` say what it shows. */
  readonly image: (url: string, words: string) => string;
}

interface ListItem {
  /** Null where the list has no numbers. */
  readonly number: number | null;
  readonly inner: string;
}

/** The text without its front matter. Raw HTML is left out, comments too: it means nothing in another markup. */
export function writeMarkup(markdown: string, markup: Markup): string {
  return write(parse(spreadDisplays(markdown.slice(bodyStart(markdown)))), markup);
}

/** micromark pairs any two dollars; VS Code's preview does not take `$5 and $6` for mathematics, and neither do we. */
function parse(text: string): Root {
  const root = fromMarkdown(text, {
    extensions: [gfm(), math()],
    mdastExtensions: [gfmFromMarkdown(), mathFromMarkdown()],
  });
  const plain = new Set<number>();
  const visit = (node: Nodes): void => {
    const { start, end } = rangeOf(node);
    if (node.type === "inlineMath" && !isMath(text, start, end)) plain.add(start);
    if ("children" in node) node.children.forEach(visit);
  };
  visit(root);
  if (plain.size === 0) return root;
  // What stands behind such a dollar reads otherwise once it is plain.
  return parse(text.replaceAll("$", (dollar, at: number) => (plain.has(at) ? `\\${dollar}` : dollar)));
}

function isMath(text: string, start: number, end: number): boolean {
  const inner = text.slice(start, end).replace(/^\$+|\$+$/gu, "");
  const [before = "", after = ""] = [text[start - 1], text[end]];
  return inner.trim() === inner && !/\w/u.test(before) && !/\w/u.test(after);
}

function rangeOf({ position }: Nodes): { readonly start: number; readonly end: number } {
  return { start: position?.start.offset ?? 0, end: position?.end.offset ?? 0 };
}

function write(node: Nodes, markup: Markup): string {
  const within = (parent: Parents, between = ""): string =>
    parent.children
      .map((child) => write(child, markup))
      .filter((written) => written !== "")
      .join(between);
  switch (node.type) {
    case "footnoteDefinition":
      return `${markup.text(`[${node.label ?? node.identifier}]`)} ${within(node, "\n\n")}`;
    case "root":
    case "listItem":
      return within(node, "\n\n");
    case "text":
      return markup.text(node.value);
    case "paragraph":
      return markup.paragraph(within(node));
    case "heading":
      return markup.heading(node.depth, within(node));
    case "blockquote":
      return markup.quote(within(node, "\n\n"));
    case "list":
      return markup.list(itemsOf(node, markup));
    case "table":
      return markup.table(
        node.children.map((row) => row.children.map((cell) => within(cell))),
        node.align ?? [],
      );
    case "tableRow":
    case "tableCell":
    case "linkReference":
      return within(node);
    case "code":
      return markup.code(node.value);
    case "thematicBreak":
      return markup.rule();
    case "math":
      return markup.formula(node.value, true);
    case "inlineMath":
      return markup.formula(node.value, false);
    case "inlineCode":
      return markup.inlineCode(node.value);
    case "emphasis":
      return markup.emphasis(within(node));
    case "strong":
      return markup.strong(within(node));
    case "delete":
      return markup.struck(within(node));
    case "break":
      return markup.lineBreak();
    case "link":
      return markup.link(node.url, within(node));
    case "image":
      return markup.image(node.url, node.alt ?? "");
    case "imageReference":
      return markup.text(node.alt ?? "");
    case "footnoteReference":
      return markup.text(`[${node.label ?? node.identifier}]`);
    case "html":
    case "yaml":
    case "definition":
      return "";
    default:
      return node satisfies never;
  }
}

function itemsOf(list: List, markup: Markup): ListItem[] {
  return list.children.map((item, index) => {
    const box = item.checked == null ? "" : markup.text(item.checked ? "[x] " : "[ ] ");
    return {
      number: list.ordered === true ? (list.start ?? 1) + index : null,
      inner: box + write(item, markup),
    };
  });
}
