/** The final answer as the inline Markdown of a stored solution, and back: math where it can be, else a code span. */
import { codeSpan, escapeUnshown, isShowable, readCodeSpan, unescapeUnshown } from "./inline.ts";
import type { SolutionAnswer } from "./solution-model.ts";

const NONE = "none found";
const ESCAPED = " (escaped)";
const WRITTEN = " (as written: ";

/** `$\frac{1}{2}$`, or with a display form ``$\frac{1}{2}$ (as written: `1/2`)``. */
export function renderAnswer(answer: SolutionAnswer | null): string {
  if (answer === null) return NONE;
  if (answer.display === undefined) return mathSpan(answer.text) ?? code(answer.text);
  return `${mathSpan(answer.display) ?? code(answer.display)}${WRITTEN}${code(answer.text)})`;
}

/** The inverse of `renderAnswer`; undefined for what it cannot have written. */
export function readAnswer(markdown: string): SolutionAnswer | null | undefined {
  if (markdown === NONE) return null;
  const first = readSpan(markdown);
  if (first === null) return undefined;
  const rest = markdown.slice(first.length);
  if (rest === "") return { text: first.text };
  if (!rest.startsWith(WRITTEN)) return undefined;
  const second = readSpan(rest.slice(WRITTEN.length));
  if (second === null || rest.slice(WRITTEN.length + second.length) !== ")") return undefined;
  return { text: second.text, display: first.text };
}

function readSpan(markdown: string): { readonly text: string; readonly length: number } | null {
  if (markdown.startsWith("$")) {
    const close = markdown.indexOf("$", 1);
    return close < 0 ? null : { text: fromMath(markdown.slice(1, close)), length: close + 1 };
  }
  const span = readCodeSpan(markdown);
  if (span === null) return null;
  return markdown.startsWith(ESCAPED, span.length)
    ? { text: unescapeUnshown(span.text), length: span.length + ESCAPED.length }
    : span;
}

function code(text: string): string {
  if (text !== "" && isShowable(text)) return codeSpan(text);
  return codeSpan(escapeUnshown(text).replaceAll("\n", "\\n").replaceAll("\t", "\\u0009")) + ESCAPED;
}

/** Words and units go into `\text{…}`; their marks that LaTeX would misread are escaped there. */
const WORDS = /^[\p{L}\p{N} .,'’:;!?()/+*=%#&_-]+$/u;
const TEXT = /^\\text\{((?:[\p{L}\p{N} .,'’:;!?()/+*=-]|\\[%#&_])+)\}$/u;

function mathSpan(text: string): string | null {
  if (text === "" || text !== text.trim() || !isShowable(text) || /[$`]|\\$/.test(text)) return null;
  if (WORDS.test(text) && /\p{L}{2}|[%#&]/u.test(text)) return `$\\text{${text.replace(/[%#&_]/g, "\\$&")}}$`;
  if (/(?:^|[^\\])[%#&~]/.test(text) || !isBalanced(text)) return null;
  // One more pair of braces keeps such text apart from the two forms above.
  return (text.startsWith("{") && text.endsWith("}")) || TEXT.test(text) ? `\${${text}}$` : `$${text}$`;
}

function fromMath(inner: string): string {
  if (inner.startsWith("{") && inner.endsWith("}") && inner.length > 1) return inner.slice(1, -1);
  const words = TEXT.exec(inner)?.[1];
  return words === undefined ? inner : words.replace(/\\([%#&_])/g, "$1");
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (const match of text.matchAll(/\\.|[{}]/gs)) {
    if (match[0] === "{") depth += 1;
    else if (match[0] === "}") depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}
