/** Plain text as inline Markdown and back, exactly: what a model wrote must neither format nor break the document. */

/** Characters that no line can hold as they are, or that would deceive a reader: controls, bidi marks, lone surrogates. */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/u;

/** Whether the text can stand on one line of a document as it is. */
export function isShowable(text: string): boolean {
  return !UNSHOWN.test(text);
}

/** The same, for text whose lines and tabs are kept as such. */
export function isShowableBlock(text: string): boolean {
  return !UNSHOWN.test(text.replace(/[\n\t]/g, ""));
}

/** Math that is kept as math: `$…$` by the rules of VS Code's preview, on one line, without marks of ours. */
const MATH_SPAN = /\$(?![\s$])[^$`\n·]*?[^$`\n·\s\\]\$(?!\w)/y;
/** A character that no formula may follow, as it stands in the Markdown. */
const NO_MATH_AFTER = /[\w$\\]/;

/** One line of plain text as Markdown that shows exactly that text; math between dollars stays math. */
export function escapeInline(text: string): string {
  let out = "";
  const trimmedEnd = text.trimEnd().length;
  const trimmedStart = text.length - text.trimStart().length;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? "";
    if (char === "$") {
      MATH_SPAN.lastIndex = i;
      const span = MATH_SPAN.exec(text)?.[0];
      if (span !== undefined && isShowable(span) && !NO_MATH_AFTER.test(out.at(-1) ?? "")) {
        out += span;
        i += span.length - 1;
        continue;
      }
    }
    const atEdge = i < trimmedStart || i >= trimmedEnd;
    out += escapeChar(text, i, char, atEdge);
  }
  return out;
}

/** Several lines of plain text as one paragraph: each line ends in a hard break, none can begin another block. */
export function escapeParagraph(text: string): string {
  return text
    .split("\n")
    .map((line, index) => (index === 0 ? escapeInline(line) : escapeLineStart(escapeInline(line))))
    .join("\\\n");
}

/** The inverse of `escapeInline`; `continues` says that the line ends in a hard break. */
export function unescapeInline(markdown: string): { readonly text: string; readonly continues: boolean } {
  let text = "";
  for (let i = 0; i < markdown.length; i++) {
    const char = markdown[i] ?? "";
    if (char === "\\") {
      const next = markdown[i + 1];
      if (next === undefined) return { text, continues: true };
      if (isPunctuation(next)) {
        text += next;
        i += 1;
        continue;
      }
    } else if (char === "&") {
      const reference = /&#(?:x([\da-f]{1,6})|(\d{1,7}));/iy;
      reference.lastIndex = i;
      const match = reference.exec(markdown);
      if (match !== null) {
        text += fromCode(match[1] === undefined ? Number(match[2]) : parseInt(match[1], 16));
        i += match[0].length - 1;
        continue;
      }
    } else if (char === "$") {
      const close = markdown.indexOf("$", i + 1);
      if (close > 0) {
        text += markdown.slice(i, close + 1);
        i = close;
        continue;
      }
    }
    text += char;
  }
  return { text, continues: false };
}

/** A code span that shows exactly this text, which must be one showable line and not empty. */
export function codeSpan(text: string): string {
  const marks = "`".repeat(longestRun(text, "`") + 1);
  const padded = /^`|`$/.test(text) || (/^ .* $/.test(text) && text.trim() !== "");
  return padded ? `${marks} ${text} ${marks}` : `${marks}${text}${marks}`;
}

/** A fenced block that shows exactly this text. */
export function fence(info: string, content: string): string {
  const marks = "`".repeat(Math.max(3, longestRun(content, "`") + 1));
  return `${marks}${info}\n${content}\n${marks}`;
}

/** The code span that `markdown` begins with: its text and the length of its source. */
export function readCodeSpan(markdown: string): { readonly text: string; readonly length: number } | null {
  const marks = /^`+/.exec(markdown)?.[0] ?? "";
  if (marks === "") return null;
  for (let at = marks.length; ;) {
    const close = markdown.indexOf(marks, at);
    if (close < 0) return null;
    const run = runLength(markdown, close);
    if (run === marks.length) {
      const inner = markdown.slice(marks.length, close);
      const padded = inner.startsWith(" ") && inner.endsWith(" ") && inner.trim() !== "";
      return { text: padded ? inner.slice(1, -1) : inner, length: close + run };
    }
    at = close + run;
  }
}

/** The longest run of one character in the text. */
function longestRun(text: string, char: string): number {
  let longest = 0;
  let run = 0;
  for (const each of text) {
    run = each === char ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** Text of any kind in showable characters, lines and tabs kept: backslash escapes as in Python or JSON. */
export function escapeUnshown(text: string): string {
  if (text === "") return "\\0";
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("\r", "\\r")
    .replace(new RegExp(UNSHOWN, "gu"), (char) =>
      char === "\n" || char === "\t" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

/** The inverse of `escapeUnshown`. */
export function unescapeUnshown(text: string): string {
  return text.replace(/\\(?:\\|r|n|0|u([\da-f]{4}))/gi, (escape, code: string | undefined) => {
    if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
    return { "\\\\": "\\", "\\r": "\r", "\\n": "\n", "\\0": "" }[escape] ?? escape;
  });
}

function escapeChar(text: string, i: number, char: string, atEdge: boolean): string {
  const previous = text[i - 1];
  const next = text[i + 1];
  if (char === "·" || (atEdge && isSpace(char)) || isUnshownAt(text, i)) return `&#${char.charCodeAt(0)};`;
  switch (char) {
    case "\\":
      return next !== undefined && /[a-z0-9]/i.test(next) ? char : "\\\\";
    case "`":
    case "$":
    case "~":
      return `\\${char}`;
    case "*":
      return previous === " " && next === " " ? char : "\\*";
    case "_":
      return isWord(previous) && isWord(next) ? char : "\\_";
    case "<":
      return next !== undefined && /[a-z/!?]/i.test(next) ? "\\<" : char;
    case "&":
      return next !== undefined && /[#a-z]/i.test(next) ? "\\&" : char;
    case "[":
      return next === "^" ? "\\[" : char;
    case "]":
      return next === "(" || next === "[" || next === ":" ? "\\]" : char;
    default:
      return char;
  }
}

/** Keeps a line within a paragraph: marks of headings, quotes, lists, rules and tables are escaped. */
function escapeLineStart(line: string): string {
  if (/^[#>+=|:-]/.test(line)) return `\\${line}`;
  return line.replace(/^(\d{1,9})([.)])/, "$1\\$2");
}

function isUnshownAt(text: string, i: number): boolean {
  const code = text.charCodeAt(i);
  if (code >= 0xd800 && code <= 0xdbff) return !isLow(text.charCodeAt(i + 1));
  if (isLow(code)) return !isHigh(text.charCodeAt(i - 1));
  return UNSHOWN.test(text[i] ?? "");
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

function isSpace(char: string): boolean {
  return /\s/.test(char);
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /[\p{L}\p{N}]/u.test(char);
}

function isPunctuation(char: string): boolean {
  return /[!-/:-@[-`{-~]/.test(char);
}

function fromCode(code: number): string {
  return code <= 0xffff
    ? String.fromCharCode(code)
    : code <= 0x10ffff
      ? String.fromCodePoint(code)
      : "\ufffd";
}

function runLength(text: string, at: number): number {
  let end = at;
  while (text[end] === "`") end += 1;
  return end - at;
}
