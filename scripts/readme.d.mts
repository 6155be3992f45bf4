import type { Heading, Nodes, Root } from "mdast";

export function parseMarkdown(text: string): Root;
/** A node's text without its marks. */
export function plainText(node: Nodes): string;
/** A heading's anchor, with the `#`. */
export function anchorOf(heading: Heading): string;
/** The Markdown of the extension's page in an editor, from that of the README. */
export function extensionReadme(markdown: string): string;
