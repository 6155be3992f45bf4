/**
 * Formulas as pictures for hovers, which can show no KaTeX: MathJax to SVG in a data URI, in the theme's text colour.
 * MathJax is imported at the first formula.
 */
import type { LiteElement } from "@mathjax/src/js/adaptors/lite/Element.js";
import type { MmlNode } from "@mathjax/src/js/core/MmlTree/MmlNode.js";
import { argumentCount } from "../document/latex.ts";
import type { ClientDisplay, Theme } from "../protocol/client.ts";

/** One formula as Markdown: a picture, or null when MathJax cannot typeset it. */
export type Typeset = (tex: string, isDisplay: boolean) => Promise<string | null>;

/** The editor's own text colours. */
const COLOURS: Record<Theme, string> = {
  light: "#3b3b3b",
  dark: "#cccccc",
  "high-contrast": "#ffffff",
  "high-contrast-light": "#292929",
};

/** An x-height in the hover's font, in CSS pixels. */
const EX = 7;
/** A picture beyond this many characters is left out: a hover is cut off at 100,000. */
const LONGEST = 30_000;

/** What would let a formula reach beyond its picture: `\mmlToken` takes them, whoever wrote the file. */
const REACHING = ["href", "src", "style", "class", "id"];

/** What MathJax hands to a filter, as far as it is used here. */
interface Compiled {
  readonly data: { readonly root: MmlNode };
}

function dropReaching(node: MmlNode): void {
  // Text has none.
  if (node.isKind("text")) return;
  for (const name of REACHING) node.attributes.unset(name);
}

/** MathJax with these macros. @throws when the packages are missing: a defect of the installation. */
async function openMathJax(
  macros: ClientDisplay["macros"],
): Promise<(tex: string, isDisplay: boolean) => Promise<string>> {
  const [{ mathjax }, { TeX }, { SVG }, { liteAdaptor }, { RegisterHTMLHandler }] = await Promise.all([
    import("@mathjax/src/js/mathjax.js"),
    import("@mathjax/src/js/input/tex.js"),
    import("@mathjax/src/js/output/svg.js"),
    import("@mathjax/src/js/adaptors/liteAdaptor.js"),
    import("@mathjax/src/js/handlers/html.js"),
    import("@mathjax/src/js/input/tex/ams/AmsConfiguration.js"),
    import("@mathjax/src/js/input/tex/newcommand/NewcommandConfiguration.js"),
    import("@mathjax/src/js/input/tex/configmacros/ConfigMacrosConfiguration.js"),
  ]);
  // Rarer parts of the font are files of their own.
  mathjax.asyncLoad = (file: string) => import(file);
  const adaptor = liteAdaptor();
  RegisterHTMLHandler(adaptor);
  const input = new TeX({
    packages: ["base", "ams", "newcommand", "configmacros"],
    macros: Object.fromEntries(
      Object.entries(macros).map(([name, body]) => [name.replace(/^\\/u, ""), [body, argumentCount(body)]]),
    ),
  });
  input.postFilters.add((formula) => (formula as Compiled).data.root.walkTree(dropReaching));
  const document = mathjax.document("", { InputJax: input, OutputJax: new SVG({ fontCache: "none" }) });
  return async (tex, display) =>
    adaptor.innerHTML((await document.convertPromise(tex, { display })) as LiteElement);
}

/** Typesets formulas for one client; opened late and opened anew when the macros change. */
export class MathImages {
  #display: ClientDisplay;
  #open: { readonly macros: string; readonly convert: ReturnType<typeof openMathJax> } | null = null;
  /** MathJax works on one formula at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(display: ClientDisplay) {
    this.#display = display;
  }

  set display(display: ClientDisplay) {
    this.#display = display;
  }

  /** The formula as a picture; null where the client shows text, or MathJax cannot read the formula. */
  readonly typeset: Typeset = async (tex, isDisplay) => {
    const { math, theme } = this.#display;
    if (math === "text") return null;
    const svg = await this.svg(tex, isDisplay);
    if (svg === null || svg.length > LONGEST) return null;
    const data = Buffer.from(inPixels(svg).replaceAll("currentColor", COLOURS[theme])).toString("base64");
    return `![${tex.replace(/[[\]\\\n]/gu, " ").trim()}](data:image/svg+xml;base64,${data})`;
  };

  /** The formula as an SVG element in the colour of the text around it; null where MathJax cannot read it. */
  async svg(tex: string, isDisplay: boolean): Promise<string | null> {
    // One bad macro must not break every formula.
    return (await this.#svg(tex, isDisplay, this.#display.macros)) ?? (await this.#svg(tex, isDisplay, {}));
  }

  async #svg(tex: string, isDisplay: boolean, macros: ClientDisplay["macros"]): Promise<string | null> {
    const key = JSON.stringify(macros);
    if (this.#open?.macros !== key) this.#open = { macros: key, convert: openMathJax(macros) };
    const { convert } = this.#open;
    const result = this.#last.then(async () => (await convert)(tex, isDisplay)).catch(() => null);
    this.#last = result;
    const html = await result;
    const svg = html === null ? undefined : /<svg[\s\S]*<\/svg>/u.exec(html)?.[0];
    return svg === undefined || svg.includes("data-mjx-error") ? null : svg;
  }
}

/** Pictures know no font, so that its units would be somebody else's. */
function inPixels(svg: string): string {
  return svg.replace(
    /\b(width|height)="([\d.]+)ex"/gu,
    (_match, name: string, ex: string) => `${name}="${(Number(ex) * EX).toFixed(1)}px"`,
  );
}

/** A text beyond this many characters is shown without formulas: looking for them is not linear. */
const LONGEST_PROSE = 4_000;

/** Code spans, display math and inline math by the rules of the Markdown preview: `$5 and $6` is no formula. */
const MATH =
  /(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)|\$\$([\s\S]+?)\$\$|\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)/gu;

/** Text that a model or person wrote, as Markdown that is only text and formulas: no links, images or HTML. */
export async function proseWithMath(text: string, typeset: Typeset): Promise<string> {
  if (text.length > LONGEST_PROSE) return escapeMarkdown(text);
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(MATH)) {
    parts.push(escapeMarkdown(text.slice(from, match.index)));
    from = match.index + match[0].length;
    const [whole, ticks = "", display, inline] = match;
    const tex = display ?? inline;
    const picture = tex === undefined ? null : await typeset(tex, display !== undefined);
    parts.push(picture ?? codeSpan(whole.slice(ticks.length, whole.length - ticks.length)));
  }
  parts.push(escapeMarkdown(text.slice(from)));
  return parts.join("");
}

/** Plain text as Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!<>|~&$:]/gu, "\\$&").replace(/\s+/gu, " ");
}

/** Code in one line, whatever backticks it has. */
export function codeSpan(code: string): string {
  const line = code.replace(/\s+/gu, " ");
  const runs = [...line.matchAll(/`+/gu)].map((match) => match[0].length);
  const marks = "`".repeat(Math.max(0, ...runs) + 1);
  const pad = line.startsWith("`") || line.endsWith("`") || line === "" ? " " : "";
  return `${marks}${pad}${line}${pad}${marks}`;
}
