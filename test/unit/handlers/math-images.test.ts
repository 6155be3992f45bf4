/** Formulas that files bring along: pictures that reach nothing, in texts of any length. */
import { describe, expect, it } from "vitest";
import { MathImages, proseWithMath } from "../../../server/handlers/math-images.ts";
import { ClientDisplay } from "../../../server/protocol/client.ts";

describe("a formula", () => {
  const images = new MathImages(ClientDisplay.parse({}));

  it.each([
    ["a link", '\\mmlToken{mi}[href="javascript:alert(1)"]{x}'],
    ["a link in a macro", '\\newcommand{\\x}[1]{\\mmlToken{mi}[href="#1"]{x}}\\x{https://a.example}'],
    ["a link to another formula", "x \\eqref{a}"],
    ["a style", '\\mmlToken{mtext}[style="background: url(https://a.example/b.png)"]{x}'],
    ["a name", '\\mmlToken{mi}[class="display" id="x"]{x}'],
  ])("has no %s", async (_, tex) => {
    const svg = await images.svg(tex, false);
    expect(svg).toMatch(/^<svg/u);
    // Its source is in it, as text.
    const drawn = svg?.replace(/^<svg[^>]*>/u, "").replace(/ data-latex="[^"]*"/gu, "");
    expect(drawn).not.toMatch(/<(?:a|image)\b| (?:href|style|class|id)="/u);
  });

  it("is no picture from elsewhere", async () => {
    expect(await images.svg('\\mmlToken{mglyph}[src="https://a.example/b.png"]{}', false)).toBeNull();
  });

  it("keeps what MathJax itself writes so", async () => {
    expect(await images.svg("7 \\bmod 3 = \\varlimsup x", false)).toMatch(/^<svg/u);
  });
});

describe("prose with formulas", () => {
  const shown = (text: string): Promise<string> =>
    proseWithMath(text, (tex, isDisplay) => Promise.resolve(isDisplay ? `[[${tex}]]` : `[${tex}]`));

  it("has code only between equal runs of backticks", async () => {
    expect(await shown("so `a` is ``b ` $c$`` and $d$")).toBe("so `a` is ``b ` $c$`` and [d]");
    expect(await shown("``` $a$ `` $$b$$")).toBe("\\`\\`\\` [a] \\`\\` [[b]]");
  });

  it.each(["`", "` `` ", "\\$", "$a ", "$$a", "[", " "])(
    "is shown in time where it is a megabyte of %s",
    async (piece) => {
      expect(await shown(piece.repeat(1_000_000 / piece.length))).not.toBe("");
    },
  );
});
