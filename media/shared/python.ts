/** Colours Python: comments, strings, numbers, keywords and calls, enough for a step of a few lines. Pure. */

export type TokenKind = "comment" | "string" | "number" | "keyword" | "call" | "plain";

/** A piece of code and what it is. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

const TOKEN =
  /(?<comment>#[^\n]*)|(?<string>[rbfRBF]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<number>\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|(?<word>[\p{L}_][\p{L}\p{N}_]*)/gu;

/** The pieces in order; put together they are the code. */
export function tokens(code: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  for (const match of code.matchAll(TOKEN)) {
    if (match.index > at) found.push({ kind: "plain", text: code.slice(at, match.index) });
    at = match.index + match[0].length;
    found.push({ kind: kindOf(match.groups ?? {}, code.slice(at)), text: match[0] });
  }
  if (at < code.length) found.push({ kind: "plain", text: code.slice(at) });
  return found;
}

function kindOf(groups: Readonly<Record<string, string | undefined>>, after: string): TokenKind {
  const word = groups["word"];
  if (word === undefined)
    return groups["comment"] !== undefined ? "comment" : groups["string"] !== undefined ? "string" : "number";
  if (KEYWORDS.has(word)) return "keyword";
  return after.startsWith("(") ? "call" : "plain";
}
