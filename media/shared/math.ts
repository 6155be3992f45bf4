/** Mathematics on the page, by KaTeX: safe, with MathML for screen readers, and the source itself where it fails. */
import katex from "katex";
import { h } from "./dom.ts";

let macros: Readonly<Record<string, string>> = {};

/** Takes the person's macros (`markdown.math.macros`). */
export function setMacros(given: Readonly<Record<string, string>>): void {
  macros = given;
}

/** One formula. A formula that KaTeX cannot read is tried without the person's macros, then shown as its source. */
export function formula(tex: string, display = false): HTMLElement {
  const element = h("span", display ? "formula display" : "formula");
  for (const attempt of [macros, {}]) {
    try {
      katex.render(tex, element, {
        displayMode: display,
        throwOnError: true,
        output: "htmlAndMathml",
        trust: false,
        strict: "ignore",
        maxExpand: 200,
        maxSize: 20,
        // A copy: KaTeX writes `\gdef`s of the formula into it.
        macros: { ...attempt },
      });
      return element;
    } catch (error) {
      if (!(error instanceof katex.ParseError)) throw error;
    }
  }
  return h("code", "formula-source", tex);
}
