/** The example files hold the problems that they promise, each with an answer, in every syntax. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { findProblems, type Problem } from "../../../server/document/problems.ts";

function example(name: string): readonly Problem[] {
  const text = readFileSync(new URL(`../../../examples/${name}.md`, import.meta.url), "utf8");
  const { problems, issues } = findProblems(text);
  expect(issues).toStrictEqual([]);
  return problems;
}

const FILES = { "word-problems": 10, algebra: 8, competition: 8 };

describe("the examples", () => {
  it.each(Object.entries(FILES))("in %s are %i problems with a reference answer", (name, count) => {
    const problems = example(name);
    expect(problems).toHaveLength(count);
    for (const { statement, reference } of problems) {
      expect(reference?.text).toMatch(/^\S+$/);
      expect(statement).not.toMatch(/answer:/i);
    }
  });
  it("show every syntax", () => {
    const kinds = new Set(Object.keys(FILES).flatMap((name) => example(name).map(({ kind }) => kind)));
    expect(kinds).toStrictEqual(new Set(["heading", "item", "fence"]));
  });
});
