/** Solutions and documents, in pairs of operations that must undo each other. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { applyEdit, insertSolution, removeSolution } from "../../../server/document/edit.ts";
import { findProblems, problemFromSelection } from "../../../server/document/problems.ts";
import { parseSolution, renderSolution, type Solution } from "../../../server/document/solution.ts";
import { anyDocument, anySolution, plainSolution } from "./arbitraries.ts";

/** The only solution in the text, read back. */
function readOnly(text: string): unknown {
  const { solutions } = findProblems(text);
  expect(solutions).toHaveLength(1);
  const [block] = solutions;
  if (block === undefined) return null;
  const parsed = parseSolution(text, block);
  return parsed.kind === "solution" ? parsed.solution : parsed;
}

describe("a solution", () => {
  it("is read back exactly as it was rendered, whatever it holds", () => {
    fc.assert(
      fc.property(anySolution, (solution) => {
        expect(readOnly(renderSolution(solution))).toStrictEqual(solution);
      }),
      { numRuns: 120 },
    );
  });

  it.each([
    ["in a quote", "> ## Problem 1\n> What is it?"],
    ["in a list item in a quote", "> - a\n> - ## Problem 1\n>   What is it?\n> - c\n"],
    ["in a quote in a numbered item", "10. > ## Problem 1\n    > What is it?\n11. next\n"],
    ["after a tab", "-\t## Problem 1\n\n\tWhat is it?\n"],
    ["with CRLF", "## Problem 1\r\nWhat is it?\r\n\r\n## Notes\r\n"],
  ])("is read back exactly from a document %s", (_title, text) => {
    fc.assert(
      fc.property(anySolution, (solution) => {
        const [problem] = findProblems(text).problems;
        if (problem === undefined) throw new Error("no problem");
        expect(readOnly(applyEdit(text, insertSolution(text, problem, solution)))).toStrictEqual(solution);
      }),
      { numRuns: 15 },
    );
  });
});

/** Documents with at least one problem that has no solution yet. */
const solvable = anyDocument.filter((text) =>
  findProblems(text).problems.some((each) => each.solution === undefined),
);

describe("a document", () => {
  it("has the same problems after a solution was inserted, and is itself again after it was removed", () => {
    fc.assert(
      fc.property(solvable, fc.nat(), anySolution, (text, pick, solution) => {
        const before = findProblems(text);
        const open = before.problems.filter((each) => each.solution === undefined);
        const problem = open[pick % open.length];
        if (problem === undefined) return;
        const solved = applyEdit(text, insertSolution(text, problem, solution));
        const after = findProblems(solved);
        expect(after.problems.map(identity)).toStrictEqual(before.problems.map(identity));
        const again = after.problems[problem.index - 1];
        if (again?.solution === undefined) throw new Error("the solution was not found below its problem");
        const parsed = parseSolution(solved, again.solution);
        expect(parsed.kind === "solution" ? parsed.solution : parsed).toStrictEqual(solution);
        const edit = removeSolution(solved, again);
        expect(edit === null ? null : applyEdit(solved, edit)).toBe(text);
      }),
      { numRuns: 150 },
    );
  });

  it("changes nowhere but in the block when a problem is solved again", () => {
    fc.assert(
      fc.property(solvable, anySolution, anySolution, (text, first, second) => {
        const problem = findProblems(text).problems.find((each) => each.solution === undefined);
        if (problem === undefined) return;
        const once = applyEdit(text, insertSolution(text, problem, first));
        const again = findProblems(once).problems[problem.index - 1];
        if (again === undefined) throw new Error("the problem is gone");
        const twice = applyEdit(once, insertSolution(once, again, second));
        expect(twice).toBe(applyEdit(text, insertSolution(text, problem, second)));
      }),
      { numRuns: 40 },
    );
  });

  it("keeps every problem's ranges on the exact text", () => {
    fc.assert(
      fc.property(anyDocument, (text) => {
        const { problems, solutions, issues } = findProblems(text);
        for (const problem of problems) {
          const { statement, statementRange, range, headingRange, insertOffset, reference } = problem;
          const lines = withoutComments(statement).trim().split("\n");
          expect(range.start).toBeLessThanOrEqual(headingRange.start);
          expect(headingRange.end).toBeLessThanOrEqual(range.end);
          expect(range.end).toBeLessThanOrEqual(insertOffset);
          expect(text.slice(range.end, insertOffset).trim()).toBe("");
          expect(["", "\n", "\r"]).toContain(text.slice(insertOffset, insertOffset + 1));
          expect(range.start).toBeLessThanOrEqual(statementRange.start);
          expect(statementRange.end).toBeLessThanOrEqual(range.end);
          const source = withoutComments(text.slice(statementRange.start, statementRange.end)).trim();
          // A heading of several lines that is the statement itself is one line of it.
          const joined = source.replace(/[\s>]*[\r\n][\s>]*/g, " ");
          expect([source, joined].some((each) => each.includes(lines[0]?.trim() ?? ""))).toBe(true);
          expect([source, joined].some((each) => each.endsWith(lines.at(-1)?.trim() ?? ""))).toBe(true);
          if (reference !== undefined) {
            expect(text.slice(reference.range.start, reference.range.end)).toBe(reference.text);
          }
        }
        for (const { range } of [...solutions, ...issues]) {
          expect(range.start).toBeLessThan(range.end);
          expect(range.end).toBeLessThanOrEqual(text.length);
        }
        expect(problems.map((each) => each.index)).toStrictEqual(problems.map((_, at) => at + 1));
        expect(new Set(problems.map((each) => each.id)).size).toBe(problems.length);
      }),
      { numRuns: 150 },
    );
  });

  it("never throws for a selection of any part of it, and takes its solution back out", () => {
    fc.assert(
      fc.property(anyDocument, fc.nat(), fc.nat(), (text, a, b) => {
        const range = { start: a % (text.length + 1), end: b % (text.length + 1) };
        const selected = problemFromSelection(text, range);
        if (selected.kind === "none" || selected.problem.solution !== undefined) return;
        const { problem } = selected;
        const solution: Solution = { ...plainSolution(problem.hash) };
        const solved = applyEdit(text, insertSolution(text, problem, solution));
        expect(findProblems(solved).solutions.length).toBe(findProblems(text).solutions.length + 1);
      }),
      { numRuns: 80 },
    );
  });
});

/** Comments are no part of a statement, but their text may lie within its range. */
function withoutComments(text: string): string {
  return text.replace(/<!--.*?-->/g, "");
}

/** What must not change when something is inserted below. */
function identity(problem: {
  index: number;
  id: string;
  hash: string;
  kind: string;
  reference?: { text: string };
}): unknown {
  const { index, id, hash, kind, reference } = problem;
  return { index, id, hash, kind, reference: reference?.text };
}
