/** Markdown as a page to print or to open in a browser: one file that needs nothing else. */
import { writeMarkup, type Markup } from "./markup.ts";

/** A formula as HTML, or null when it cannot be read. */
export type Typeset = (tex: string, isDisplay: boolean) => Promise<string | null>;

/** The page. */
export async function toHtml(markdown: string, title: string, typeset: Typeset): Promise<string> {
  // The walk waits for nothing: a first one says which formulas there are.
  const formulas = new Map<string, string>();
  const wanted: (readonly [tex: string, isDisplay: boolean])[] = [];
  const collect = (...formula: (typeof wanted)[number]): string => String(wanted.push(formula));
  writeMarkup(markdown, { ...HTML, formula: collect });
  for (const [tex, isDisplay] of wanted) {
    const known = formulas.has(`${isDisplay} ${tex}`);
    const made = known ? null : await typeset(tex, isDisplay);
    if (made !== null) formulas.set(`${isDisplay} ${tex}`, made);
  }
  const formula = (tex: string, isDisplay: boolean): string => {
    const made = formulas.get(`${isDisplay} ${tex}`);
    if (made === undefined) return HTML.formula(tex, isDisplay);
    return `<span class="${isDisplay ? "display" : "inline"}" role="img" aria-label="${escapeHtml(tex)}">${made}</span>`;
  };
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${writeMarkup(markdown, { ...HTML, formula })}
</body>
</html>
`;
}

/** Whatever the walk should let through: the page shows its own text, style and formulas, and pictures; nothing runs. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src * data: file:";

const STYLE = `
body { font: 11pt/1.5 serif; max-width: 44em; margin: 2em auto; padding: 0 1em; }
li > p { margin: 0.3em 0; }
h1, h2, h3, h4, h5, h6 { line-height: 1.2; break-after: avoid; }
pre { border-left: 3px solid #ccc; padding-left: 1em; white-space: pre-wrap; }
pre, table, .display { break-inside: avoid; }
code { font-size: 0.9em; }
blockquote { border-left: 3px solid #ccc; margin-left: 0; padding-left: 1em; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: 0.2em 0.6em; }
img { max-width: 100%; }
.display { display: block; text-align: center; }
@media print { body { margin: 0; max-width: none; padding: 0; } }
`;

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Addresses that run nothing: of the web, of a mail, or beside the page. */
const PLAIN_ADDRESS = /^(?:https?:|mailto:|[^:]*$)/iu;

const HTML: Markup = {
  text: escapeHtml,
  paragraph: (inner) => `<p>${inner}</p>`,
  heading: (depth, inner) => `<h${depth}>${inner}</h${depth}>`,
  quote: (inner) => `<blockquote>\n${inner}\n</blockquote>`,
  list: (items) => {
    const [first] = items;
    const tag = first?.number == null ? "ul" : "ol";
    const start = first?.number == null || first.number === 1 ? "" : ` start="${first.number}"`;
    return `<${tag}${start}>\n${items.map(({ inner }) => `<li>${inner}</li>`).join("\n")}\n</${tag}>`;
  },
  table: (rows, align) => {
    const cell = (tag: string, inner: string, at: number): string => {
      const side = align[at] ?? null;
      return `<${tag}${side === null ? "" : ` style="text-align: ${side}"`}>${inner}</${tag}>`;
    };
    const lines = rows.map((row, index) =>
      row.map((inner, at) => cell(index === 0 ? "th" : "td", inner, at)).join(""),
    );
    return `<table>\n${lines.map((line) => `<tr>${line}</tr>`).join("\n")}\n</table>`;
  },
  code: (content) => `<pre><code>${escapeHtml(content)}</code></pre>`,
  rule: () => "<hr>",
  formula: (tex) => `<code>${escapeHtml(tex)}</code>`,
  inlineCode: (code) => `<code>${escapeHtml(code)}</code>`,
  emphasis: (inner) => `<em>${inner}</em>`,
  strong: (inner) => `<strong>${inner}</strong>`,
  struck: (inner) => `<s>${inner}</s>`,
  lineBreak: () => "<br>\n",
  link: (url, inner) => (PLAIN_ADDRESS.test(url) ? `<a href="${escapeHtml(url)}">${inner}</a>` : inner),
  image: (url, words) => `<img src="${escapeHtml(url)}" alt="${escapeHtml(words)}">`,
};
