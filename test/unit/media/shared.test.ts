/** Mathematics in lines of text, coloured Python, texts in the person's language, the page's policy. */
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { contentPolicy, webviewPage } from "../../../media/page.ts";
import { duration, percent, setTexts, signed, t } from "../../../media/shared/l10n.ts";
import { tokens } from "../../../media/shared/python.ts";
import { splitMath } from "../../../media/shared/split-math.ts";

describe("mathematics in a line", () => {
  it.each([
    ["Let $x^2$ be", ["Let ", "x^2", " be"]],
    ["costs $5 and $6 together", ["costs $5 and $6 together"]],
    ["a \\(y\\) b", ["a ", "y", " b"]],
    ["$ x $ is text", ["$ x $ is text"]],
    ["\\$5 is money", ["\\$5 is money"]],
    ["$a$ and $b$", ["a", " and ", "b"]],
    ["$$z$$", ["z"]],
  ])("splits %j", (text, pieces) => {
    expect(splitMath(text).map((part) => part.text)).toEqual(pieces);
  });

  it("loses nothing of a text without dollars and brackets", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const plain = text.replace(/[$\\]/gu, "");
        expect(
          splitMath(plain)
            .map((part) => part.text)
            .join(""),
        ).toBe(plain);
      }),
    );
  });
});

describe("coloured Python", () => {
  it("is the code again when put together", () => {
    fc.assert(
      fc.property(fc.string(), (code) => {
        expect(
          tokens(code)
            .map((token) => token.text)
            .join(""),
        ).toBe(code);
      }),
    );
  });

  it("knows comments, strings, numbers, keywords and calls", () => {
    const found = tokens('# why\nfor i in range(10):\n    print("no # comment", 2.5)');
    const of = (kind: string) => found.filter((token) => token.kind === kind).map((token) => token.text);
    expect(of("comment")).toEqual(["# why"]);
    expect(of("keyword")).toEqual(["for", "in"]);
    expect(of("call")).toEqual(["range", "print"]);
    expect(of("string")).toEqual(['"no # comment"']);
    expect(of("number")).toEqual(["10", "2.5"]);
  });
});

describe("texts", () => {
  afterEach(() => setTexts({}, "en"));

  it("fills in values and falls back to English", () => {
    setTexts({ "{0} of {1} agree": "{1} mal {0}" }, "de");
    expect(t("{0} of {1} agree", 3, 4)).toBe("4 mal 3");
    expect(t("Solution")).toBe("Solution");
  });

  it("keeps to English numbers when the language's name is not one", () => {
    setTexts({}, "not a language");
    expect(percent(0.5)).toBe("50%");
  });

  it.each([
    [0.0042, "4.2 ms"],
    [0.42, "0.4 s"],
    [45, "45 s"],
    [200, "3 min"],
    [7500, "2 h 5 min"],
  ])("says %d seconds as %s", (seconds, words) => expect(duration(seconds)).toBe(words));

  it("gives values their sign", () => {
    expect([signed(0.5), signed(-0.5), signed(0)]).toEqual(["+0.50", "−0.50", "0.00"]);
  });
});

describe("the page", () => {
  it("allows one script and nothing inline", () => {
    const policy = contentPolicy("https://host", "abc");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'nonce-abc'");
    expect(policy).not.toContain("unsafe");
  });

  it("escapes what it is given", () => {
    const parts = { script: "a", style: "b", cspSource: "c", nonce: "d", language: "en" };
    expect(webviewPage({ ...parts, title: '<script>"&' })).not.toContain('<script>"');
  });
});
