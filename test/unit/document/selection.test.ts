/** What a selection asks to solve, and where its solution goes. The selection stands between « and ». */
import { describe, expect, it } from "vitest";

import { applyEdit, insertSolution } from "../../../server/document/edit.ts";
import {
  findProblems,
  problemFromSelection,
  type SelectedProblem,
} from "../../../server/document/problems.ts";
import { plainSolution } from "./arbitraries.ts";

function select(marked: string): { readonly text: string; readonly selected: SelectedProblem } {
  const start = marked.indexOf("«");
  const text = marked.replace(/[«»]/g, "");
  return { text, selected: problemFromSelection(text, { start, end: marked.indexOf("»") - 1 }) };
}

/** Kind, statement (`|` is a line break) and the text before the place of the solution. */
function check(marked: string, kind: string, statement: string, before: string): void {
  const { text, selected } = select(marked);
  const shown =
    selected.kind === "none"
      ? selected
      : {
          kind: selected.problem.kind,
          statement: selected.problem.statement.replaceAll("\n", "|"),
          before: text.slice(0, selected.problem.insertOffset).endsWith(before),
        };
  expect(shown).toStrictEqual({ kind, statement, before: true });
}

describe("a selection", () => {
  it("of free text is a problem whose solution goes below its paragraph", () => {
    check("Intro. «What is 2+2?» And so\non.\n\nMore.", "selection", "What is 2+2?", "so\non.");
  });
  it("loses container prefixes and its answer line", () => {
    check("> - a\n> - «What\n>   is it?\n>\n>   Answer: 4»\n> - c", "selection", "What|is it?", "Answer: 4");
    const { selected } = select("> «What?\n> \n> **Answer:** $4$»");
    expect(selected).toMatchObject({ problem: { reference: { text: "4" }, prefix: "> " } });
  });
  it("of a problem's statement is that problem", () => {
    check("# Problem 1\n«What is it?»\n\nAnswer: 4\n", "heading", "What is it?", "Answer: 4");
    check("# Notes\n\n«```problem\nWhat?\n```»\n", "fence", "What?", "```");
  });
  it("of a part of a problem has its solution below that problem", () => {
    check("# Problem 1\nWhat is «this part»?\n\nMore.\n\n# Notes", "selection", "this part", "More.");
  });
  it("of a part of a solved problem leaves that problem its solution, and has its own below", () => {
    const text = "# Problem 1\nWhat is this part?\n\nMore.\n\n# Notes\n";
    const [problem] = findProblems(text).problems;
    if (problem === undefined) throw new Error("there is one");
    const solved = applyEdit(text, insertSolution(text, problem, plainSolution(problem.hash)));
    const part = select(solved.replace("this part", "«this part»"));
    if (part.selected.kind === "none") throw new Error(part.selected.reason);
    expect(part.selected.problem.solution).toBeUndefined();
    const { hash } = part.selected.problem;
    const both = applyEdit(solved, insertSolution(solved, part.selected.problem, plainSolution(hash)));
    expect(findProblems(both).solutions.map(({ problemHash }) => hash.startsWith(problemHash))).toEqual([
      false,
      true,
    ]);
    expect(findProblems(both).issues).toEqual([]);
    expect(findProblems(both).problems[0]?.solution?.problemHash).toBe(
      findProblems(solved).problems[0]?.solution?.problemHash,
    );
    const again = select(both.replace("this part", "«this part»"));
    expect(again.selected).toMatchObject({ problem: { solution: { problemHash: hash } } });
  });
  it("leaves stored solutions out, and finds its own again", () => {
    const first = select("Intro.\n\n«What is 2+2?»\n\nMore.");
    if (first.selected.kind === "none") throw new Error(first.selected.reason);
    const solution = plainSolution(first.selected.problem.hash);
    const solved = applyEdit(first.text, insertSolution(first.text, first.selected.problem, solution));
    expect(findProblems(solved)).toMatchObject({ problems: [], solutions: [{}], issues: [] });
    const again = select(solved.replace("What is 2+2?", "«What is 2+2?»"));
    expect(again.selected).toMatchObject({
      problem: { solution: { problemHash: first.selected.problem.hash } },
    });
    check(
      solved.replace("What", "«What").replace("More.", "More.»"),
      "selection",
      "What is 2+2?||More.",
      "More.",
    );
  });
  it.each([
    ["nothing", "a «  \n» b"],
    ["front matter", "---\n«title: x»\n---\ntext"],
    ["an open code block", "```\n«code»\n"],
    ["only an answer", "«Answer: 4»"],
  ])("of %s is none, and says so", (_what, marked) => {
    expect(select(marked).selected).toMatchObject({
      kind: "none",
      reason: expect.stringMatching(/\.$/) as string,
    });
  });
});
