/** Formulas whose dollars share their lines with something else. */
import { describe, expect, it } from "vitest";

import { findProblems } from "../../../server/document/problems.ts";
import { check } from "./check-problems.ts";

describe("display formulas", () => {
  const ALIGNED = "$$\\begin{aligned}\nx+y&=3\\\\\n- x&=1\n\\end{aligned}$$";
  it("end where their dollars do, on lines with text too, as in the preview", () => {
    check(`## Problem 1\nSolve\n${ALIGNED}\nfor x.\n\n## Problem 2\nTwo?\nAnswer: 2`, [
      `heading: Solve|${ALIGNED.replaceAll("\n", "|")}|for x.`,
      "heading: Two? => 2",
    ]);
    check(`# Problem 1\n${ALIGNED}\nAnswer: 3\n# Problem 2\n$$\na\n$$\nB?`, [
      `heading: ${ALIGNED.replaceAll("\n", "|")} => 3`,
      "heading: $$|a|$$|B?",
    ]);
    check("# Problem 1\n$$\nx = 1$$\n# Problem 2\n$$a\nb\n$$\nB?\n# Problem 3\n$$c$$", [
      "heading: $$|x = 1$$",
      "heading: $$a|b|$$|B?",
      "heading: $$c$$",
    ]);
  });
  it("end in quotes and lists too", () => {
    check("> # Problem 1\n> $$a\n> # b$$\n>\n> # Problem 2\n> B?", ["heading: $$a|# b$$", "heading: B?"]);
    check("# Exercises\n1. Find $x$:\n   $$a\n   + b$$\n2. B?", ["item: Find $x$:|$$a|+ b$$", "item: B?"]);
  });
  it("are no headings, whatever line stands below", () => {
    for (const display of [ALIGNED, "$$c$$"])
      for (const line of ["---", "-", "===", "- - -"]) {
        const below = `${line}\n\nGo on.\n\n# Problem 2\nB?`;
        const [first, second] = [
          `# Problem 1\n${display}\n${below}`,
          `# Problem 1\n${display}\n\n${below}`,
        ].map((text) =>
          findProblems(text).problems.map(({ statement }) => statement.replaceAll(/\n+/g, "|")),
        );
        expect(first).toStrictEqual(second);
        expect(first?.[0]).toContain(display.replaceAll("\n", "|"));
      }
    check("# Problem 1\n> $$a$$\n> ---\n> b?", ["heading: > $$a$$|> ---|> b?"]);
  });
  it("that never end in an item or a quote end with it", () => {
    check("# Exercises\n- $$a\n- $$b\n  + c$$\n- D?", ["item: $$b|+ c$$", "item: D?"]);
    check("> $$a\n\n# Problem 1\n$$b\n= c$$\n---\n\n# Problem 2\nD?", ["heading: $$b|= c$$", "heading: D?"]);
  });
  it("that never end leave the problems before them as they are", () => {
    const { problems, issues } = findProblems(
      "# Problem 1\nA.\n\n# Problem 2\n$$a\n\nb\n\n# Problem 3\n$$c\nd$$",
    );
    expect(problems.map(({ statement }) => statement)).toStrictEqual(["A."]);
    expect(issues.map(({ kind }) => kind)).toStrictEqual(["unclosed-block"]);
    check("# Problem 1\n```sh\necho\n$$a\n```\n\n# Problem 2\n```\nb$$\n```", [
      "heading: ```sh|echo|$$a|```",
      "heading: ```|b$$|```",
    ]);
  });
});
