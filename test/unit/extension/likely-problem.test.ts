/** The cheap look: whatever has a problem for the parser is seen; ordinary notes start nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findProblems } from "../../../server/document/problems.ts";
import { DEFAULT_PROBLEM_OPTIONS } from "../../../server/document/problem.ts";
import { mayHoldProblem } from "../../../src/likely-problem.ts";

const sees = (text: string): boolean => mayHoldProblem(text, DEFAULT_PROBLEM_OPTIONS);

describe("a text may hold a problem", () => {
  it.each([
    ["a heading", "# Notes\n\n## Problem 3\n\nHow many?"],
    ["a plural heading with a list", "### Exercises\n\n1. What is 2 + 2?"],
    ["a fence", "~~~ problem id=a\nWhat is 2 + 2?\n~~~"],
    ["a fence in a quote in a list", "- > ```problem\n  > What?\n  > ```"],
    ["an underlined heading", "Question 1\n----------\n\nHow many?"],
    ["a bold label in a list item", "- **Problem 3 (Sums).** How many?"],
    ["a heading of bold letters", "## **Problem 2**\n\nHow many?"],
    ["a heading below numbers", "1 2 3\n4, 5\n\n 6.\r\n\u00a0## 7) Problem\n"],
    ["a stored solution", "<!-- rstar:solution v=1 -->"],
  ])("%s", (_, text) => expect(sees(text)).toBe(true));

  it.each([
    ["nothing", ""],
    ["a shopping list", "# To buy\n\n- flour\n- eggs"],
    ["a word of prose", "I had no problem with the exercise.\n\n# Why the problem stays"],
    ["code of another language", "```python\nprint(1)\n```"],
  ])("not %s", (_, text) => expect(sees(text)).toBe(false));

  it("takes words with signs of regular expressions as they are", () => {
    expect(mayHoldProblem("## C++ (hard) 1\n", { headings: ["C++ (hard)"], fences: [] })).toBe(true);
    expect(mayHoldProblem("```math-problem\n", { headings: [], fences: ["math-problem"] })).toBe(true);
    expect(mayHoldProblem("## anything\n", { headings: [], fences: [] })).toBe(false);
  });

  it.each(["12 345\n", "| 1 | 2 |\n", "\n", "7", "` ", "```\n", "```` \t"])(
    "looks through a megabyte of %j in time",
    (piece) => {
      const text = piece.repeat(1_000_000 / piece.length);
      expect(sees(text)).toBe(false);
      expect(sees(`${text}\nProblem`)).toBe(true);
    },
  );

  it("sees every text in which the parser finds a problem", () => {
    const piece = fc.constantFrom(
      ..."# |## |> |- |1. |```|~~~|problem|Problem|Exercises|Question 2|**|_|\n|\n\n|   |What is 2?|---|Answer: 4".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join("");
        fc.pre(findProblems(text).problems.length > 0);
        expect(sees(text)).toBe(true);
      }),
      { numRuns: 300 },
    );
    // Half a minute on a machine that is busy: most texts that are drawn hold no problem and are drawn again.
  }, 60_000);
});
