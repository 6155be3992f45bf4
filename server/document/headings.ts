/** Reads headings and info strings: which begin a problem, and what title and id they give it. */

/** What a heading says about the problems below it. */
export type HeadingMeaning =
  | {
      /** One problem, or with `plural` a list of them. */
      readonly kind: "problem";
      readonly plural: boolean;
      /** Text after the word and its number; empty when there is none. */
      readonly title: string;
      /** An id the author gave with `{#id}`. */
      readonly id?: string;
    }
  /** A written solution, proof, answer or hint: what follows is not part of a statement. */
  | { readonly kind: "solution" }
  | { readonly kind: "other" };

/** The text of a heading's source: without marks, underline or comments. */
export function headingText(source: string): string {
  const atx = /^#{1,6}(?:[ \t]+([^\r\n]*))?$/.exec(source);
  const inner =
    atx === null
      ? source.replace(/(?:\r\n|\n|\r)[^\r\n]*$/, "")
      : (atx[1] ?? "").replace(/(?:^|[ \t]+)#+[ \t]*$/, "");
  return inner
    .replace(/<!--.*?-->/g, "")
    .replace(/[\s>]*(?:\r\n|\n|\r)[\s>]*/g, " ")
    .trim();
}

/** A reader of headings whose problems begin with one of these words. */
export function headingReader(words: readonly string[]): (text: string) => HeadingMeaning {
  const alternatives = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const problem = new RegExp(`^(?:${alternatives})(s?)(?![\\p{L}\\p{N}_]|-\\p{L}|['’])`, "iu");
  return (text) => {
    const id = /\{#([\w:.-]+)\}\s*$/.exec(text);
    const plain = stripEmphasis(id === null ? text : text.slice(0, id.index));
    const match = problem.exec(plain);
    if (match !== null) {
      return {
        kind: "problem",
        plural: match[1] !== "",
        title: titleAfter(plain.slice(match[0].length)),
        ...(id?.[1] === undefined ? {} : { id: id[1] }),
      };
    }
    return /^(?:solutions?|answers?|proofs?|hints?)\b/i.test(plain)
      ? { kind: "solution" }
      : { kind: "other" };
  };
}

/** Attributes of a problem fence: `problem id=apples title="Apples"`, `problem {#apples}`. */
export function fenceAttributes(info: string): { readonly id?: string; readonly title?: string } {
  const values = new Map<string, string>();
  for (const match of info.matchAll(/([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'}]+))/g)) {
    const value = match[2] ?? match[3] ?? match[4];
    if (match[1] !== undefined && value !== undefined) values.set(match[1].toLowerCase(), value);
  }
  const id = values.get("id") ?? /\{#([\w:.-]+)/.exec(info)?.[1];
  const title = values.get("title");
  return {
    ...(id === undefined || id === "" ? {} : { id }),
    ...(title === undefined || title === "" ? {} : { title }),
  };
}

/** A name in lower case, digits and hyphens, for ids. Empty when the text holds no letter and no digit. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}

function stripEmphasis(text: string): string {
  const bold = /^([*_]{1,3})(.*?)\1(.*)$/.exec(text);
  return bold === null ? text : `${bold[2] ?? ""}${bold[3] ?? ""}`;
}

/** What is left after the word: its number and the separator are gone, a minus sign is not. */
function titleAfter(rest: string): string {
  return rest
    .replace(/^[*_]+/, "")
    .replace(/^\s*(?:#|no\.\s*)?(?:\d+[a-z]?(?:\.\d+)*|[a-z])(?=\s*(?:$|[.:)(–—]|-\s))/iu, "")
    .replace(/^\s*(?:[:.)]|[–—-](?=\s))?\s*/u, "")
    .trim();
}
