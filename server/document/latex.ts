/** Markdown as LaTeX: a document that compiles by itself. */
import { writeMarkup, type Markup } from "./markup.ts";

/** The document. `macros` are those of the preview, `{"\\R": "\\mathbb{R}"}`. */
export function toLatex(markdown: string, macros: Readonly<Record<string, string>>): string {
  return [
    "\\documentclass{article}",
    "\\usepackage[T1]{fontenc}",
    "\\usepackage{amsmath,amssymb}",
    "\\usepackage[normalem]{ulem}",
    ...Object.entries(macros).map(([name, body]) => newCommand(name, body)),
    "\\begin{document}",
    "",
    writeMarkup(markdown, LATEX),
    "",
    "\\end{document}\n",
  ].join("\n");
}

const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  // After an item or a row's end a bracket would begin an option.
  "[": "{[}",
};

/** Plain words with the characters escaped that mean something in LaTeX. */
export function latexWords(text: string): string {
  return text.replace(/[\\~^#$%&_{}[]/gu, (character) => SPECIAL[character] ?? `\\${character}`);
}

/** Text as it is. A space keeps text that would end the environment from ending it. */
export function verbatim(content: string): string {
  return `\\begin{verbatim}\n${content.replaceAll("\\end{verbatim}", "\\end {verbatim}")}\n\\end{verbatim}`;
}

const within = (name: string, inner: string): string => `\\begin{${name}}\n${inner}\n\\end{${name}}`;
const SECTIONS = ["section", "subsection", "subsubsection"];
/** What is no part of a display formula but one itself. */
const DISPLAY = /^\s*\\begin\{(?:align|alignat|eqnarray|equation|flalign|gather|multline)\*?\}/u;

const LATEX: Markup = {
  text: latexWords,
  paragraph: (inner) => inner,
  heading: (depth, inner) => `\\${SECTIONS[depth - 1] ?? "paragraph"}*{${inner}}`,
  quote: (inner) => within("quote", inner),
  list: (items) =>
    within(
      items[0]?.number === null ? "itemize" : "enumerate",
      items.map(({ number, inner }) => `\\item${number === null ? "" : `[${number}.]`} ${inner}`).join("\n"),
    ),
  table: (rows, align) =>
    [
      `\\begin{tabular}{${align.map((side) => (side ?? "left")[0]).join("")}}`,
      ...rows.map((row, index) => `${row.join(" & ")} \\tabularnewline${index === 0 ? "\n\\hline" : ""}`),
      "\\end{tabular}",
    ].join("\n"),
  code: verbatim,
  rule: () => "\\medskip\\hrule\\medskip",
  formula: (tex, isDisplay) => (!isDisplay ? `$${tex}$` : DISPLAY.test(tex) ? tex : `\\[\n${tex}\n\\]`),
  inlineCode: (code) => `\\texttt{${latexWords(code)}}`,
  emphasis: (inner) => `\\emph{${inner}}`,
  strong: (inner) => `\\textbf{${inner}}`,
  struck: (inner) => `\\sout{${inner}}`,
  lineBreak: () => "\\newline\n",
  link: (url, inner) => (latexWords(url) === inner ? inner : `${inner} (\\texttt{${latexWords(url)}})`),
  // Where the picture lies when the document is compiled nobody knows.
  image: (_url, words) => latexWords(words),
};

/** How many arguments a macro takes, by its body: `#1 + #2`. */
export function argumentCount(body: string): number {
  return Math.max(0, ...[...body.matchAll(/#(\d)/gu)].map(([, digit]) => Number(digit)));
}

function newCommand(name: string, body: string): string {
  const count = argumentCount(body);
  return `\\providecommand{${name}}${count === 0 ? "" : `[${count}]`}{${body}}`;
}
