/** The extension's page in an editor: what of the project's README is for those who have it installed. */
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";

/** The sections that are kept, with all that lies below their headings. */
const SECTIONS = ["In VS Code", "A server that has the model", "How it works", "How good it is"];

export function parseMarkdown(text) {
  return fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
}

/** A node's text without its marks. */
export function plainText(node) {
  return node.value ?? (node.children ?? []).map(plainText).join("");
}

/** A heading's anchor, as VS Code and GitHub make it. */
export function anchorOf(heading) {
  const words = plainText(heading).toLowerCase();
  return `#${words.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/gu, "-")}`;
}

/** The blocks of a heading's section: from it to the next heading that is not below it. */
function sectionOf(heading, blocks) {
  const start = blocks.indexOf(heading);
  const length = blocks
    .slice(start + 1)
    .findIndex(({ type, depth }) => type === "heading" && depth <= heading.depth);
  return blocks.slice(start, length === -1 ? undefined : start + 1 + length);
}

/** A paragraph that begins with a command of npm is for those who build the extension. */
function isForReaders({ type, children }) {
  const [first] = children ?? [];
  return type !== "paragraph" || first?.type !== "inlineCode" || !first.value.startsWith("npm ");
}

function keptBlocks(blocks) {
  const title = blocks.find(({ type }) => type === "heading");
  const introduction = blocks.find(({ type }) => type === "paragraph");
  const sections = blocks
    .filter((block) => block.type === "heading" && SECTIONS.includes(plainText(block)))
    .flatMap((heading) => sectionOf(heading, blocks));
  return [...new Set([title, introduction, ...sections])].filter(isForReaders);
}

const rangeOf = ({ position }) => [position.start.offset, position.end.offset];

/** A node as it is written, without pictures, and of a link that leads nowhere only its text. */
function writtenText(node, markdown, isAlive) {
  if (node.type === "image") return "";
  const [start, end] = rangeOf(node);
  let [text, at] = ["", start];
  for (const child of node.children ?? []) {
    const [from, to] = rangeOf(child);
    text += markdown.slice(at, from) + writtenText(child, markdown, isAlive);
    at = to;
  }
  if (node.type !== "link" || isAlive(node.url)) return text + markdown.slice(at, end);
  const [opening] = rangeOf(node.children[0] ?? node);
  return text.slice(opening - start);
}

/**
 * The page's Markdown: the title, the first paragraph and the sections for people with an editor, without pictures,
 * and with plain text in the place of links to files and to sections that are not there.
 */
export function extensionReadme(markdown) {
  const blocks = keptBlocks(parseMarkdown(markdown).children);
  const anchors = new Set(blocks.filter(({ type }) => type === "heading").map(anchorOf));
  const isAlive = (url) => /^[a-z][a-z\d+.-]*:/iu.test(url) || anchors.has(url);
  const texts = blocks.map((block) => writtenText(block, markdown, isAlive).trim());
  return `${texts.filter((text) => text !== "").join("\n\n")}\n`;
}
