/** A problem's statement in the search view: its mathematics, tables and links, as elements. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { opening } from "./fixtures.ts";
import { ViewBrowser, type ViewPage } from "./view-page.ts";

let browser: ViewBrowser;
let view: ViewPage;
beforeAll(async () => {
  browser = await ViewBrowser.start();
});
afterAll(() => browser.close());
afterEach(async () => {
  // Whatever a test did: no policy violation, no uncaught error, no request that failed.
  expect(view.troubles).toEqual([]);
  await view.close();
});

const text = (selector: string): Promise<string> => view.page.locator(selector).first().innerText();

describe("a statement", () => {
  it("renders mathematics with KaTeX, for the eye and for a screen reader", async () => {
    view = await browser.open("search");
    const open = opening(null);
    await view.send({
      ...open,
      macros: { "\\RR": "\\mathbb{R}" },
      subject: {
        ...open.subject,
        problem:
          "For $x \\in \\RR$:\n\n$$\\begin{aligned}\\sqrt{x^2} &= \\frac{a}{b} \\\\ \\overbrace{x+y}^{2} &\\to \\color{red}{3}\\end{aligned}$$\n\nIt costs $5 and $6.",
      },
    });
    await view.page.locator(".problem .katex").first().waitFor();
    expect(await view.page.locator(".problem math").count()).toBe(2);
    expect(await view.page.locator(".problem .katex-error").count()).toBe(0);
    expect(await text(".problem")).toContain("It costs $5 and $6.");
  });

  it("shows a statement's table as one, and of a link its words", async () => {
    view = await browser.open("search");
    const open = opening(null);
    const problem = "By the [prices](https://example.org):\n\n| fruit | $p$ |\n| --- | --- |\n| apple | 2 |";
    await view.send({ ...open, subject: { ...open.subject, problem } });
    await view.page.locator(".problem table").waitFor();
    expect(await view.page.locator(".problem tr").count()).toBe(2);
    expect(await view.page.locator(".problem td .katex").count()).toBe(1);
    expect(await text(".problem p")).toBe("By the prices:");
  });

  it("shows a formula that cannot be read as its source", async () => {
    view = await browser.open("search");
    const open = opening(null);
    await view.send({ ...open, subject: { ...open.subject, problem: "Take $\\frac{1}$ and $x$." } });
    await view.page.locator(".problem .formula-source").waitFor();
    expect(await view.page.locator(".problem .katex").count()).toBe(1);
  });
});
