/** What the pictures of reports share: a document to draw in, and SVG files that are legible on light and dark backgrounds. */
import type * as plot from "@observablehq/plot";

/** Okabe and Ito's colours, told apart by most eyes; darker and lighter where a background asks for it. */
const LIGHT = [
  "#0072b2",
  "#d55e00",
  "#007a5a",
  "#b0478d",
  "#8a6d00",
  "#2b7da8",
  "#6b4fbb",
  "#444444",
  "#a83232",
  "#3f7d20",
  "#8c5a2b",
  "#1b2a8f",
  "#7b1f3a",
];
const DARK = [
  "#56b4e9",
  "#ff8c42",
  "#2fd6a3",
  "#e69ac9",
  "#f0e442",
  "#8fd3ff",
  "#b3a1ff",
  "#d0d0d0",
  "#ff8f8f",
  "#9be27a",
  "#e0b080",
  "#6f8bff",
  "#d9799a",
];

/** How many different colours a drawing can use, as `var(--c0)` and so on. */
export const COLOURS = LIGHT.length;

/** Plot, and how to make a file of what it draws. */
export interface Drawing {
  readonly Plot: typeof plot;
  /** An SVG file in that many colours, with words below that say what it is about. */
  readonly draw: (options: Omit<plot.PlotOptions, "document">, colours: number, about: string) => string;
}

/** Loads what drawing needs, when there is something to draw: no other command needs it. */
export async function openDrawing(): Promise<Drawing> {
  const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), linkedom()]);
  const { document } = parseHTML("<html><body></body></html>");
  return {
    Plot,
    draw: (options, colours, about) =>
      toSvgFile((Plot.plot({ ...options, document }) as unknown as Drawn).outerHTML, colours, about),
  };
}

/** What is needed of a drawing, and of a document to draw in: the types of the DOM are no part of a server's. */
interface Drawn {
  readonly outerHTML: string;
}

async function linkedom(): Promise<{
  readonly parseHTML: (html: string) => { readonly document: unknown };
}> {
  return await import("linkedom");
}

/** Room for the words below a drawing that say what it is of: its first line, and each further one. */
const CAPTION = 22;
const FURTHER_LINE = 12;

/** Characters of a line below a drawing, in the width that the drawings of reports have. */
const LINE_LENGTH = 150;

/** A whole SVG file: a background and colours of its own for light and for dark, and below what it is of. */
function toSvgFile(svg: string, colours: number, about: string): string {
  const variables = (palette: readonly string[], ink: string, paper: string): string =>
    `${Array.from({ length: colours }, (_, index) => `--c${index}:${palette[index % palette.length] ?? ink};`).join("")}--ink:${ink};--paper:${paper};`;
  const style = [
    `svg{${variables(LIGHT, "#1f2328", "#ffffff")}color:var(--ink);}`,
    `@media (prefers-color-scheme: dark){svg{${variables(DARK, "#e6edf3", "#0d1117")}}}`,
  ].join("");
  const start = /^<svg viewBox="0 0 (\d+) (\d+)" height="\d+" width="\d+"([^>]*)>/u.exec(svg);
  if (start === null) throw new Error("the drawing is not an SVG");
  const [head, width = "", drawn = "", rest = ""] = start;
  const lines = linesOf(about);
  const first = Number(drawn) + CAPTION;
  const height = first + FURTHER_LINE * (lines.length - 1);
  const caption = lines.map(
    (line, index) =>
      `<text x="8" y="${first - 8 + FURTHER_LINE * index}" text-anchor="start" font-size="9" opacity="0.8">${escape(line)}</text>`,
  );
  const body = svg.slice(head.length, svg.lastIndexOf("</svg>"));
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"${rest}><style>${style}</style><rect width="100%" height="100%" style="fill:var(--paper)"/>${body}${caption.join("")}</svg>\n`;
}

/** Broken before facts that would not fit, which a dot sets apart. */
function linesOf(about: string): string[] {
  const lines: string[] = [];
  for (const fact of about.split(" · ")) {
    const longer = `${lines.at(-1) ?? ""} · ${fact}`;
    if (lines.length > 0 && longer.length <= LINE_LENGTH) lines[lines.length - 1] = longer;
    else lines.push(fact);
  }
  return lines;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
