/** How a stored solution reads, what its positions mean, and what happens when a person changed it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { applyEdit, insertSolution, removeSolution } from "../../../server/document/edit.ts";
import { findProblems, isStale, shortHash, type Problem } from "../../../server/document/problems.ts";
import {
  parseSolution,
  renderSolution,
  tidyScore,
  type StepPlace,
} from "../../../server/document/solution.ts";
import { anySolution, plainSolution } from "./arbitraries.ts";

const RENDERED = `<!-- rstar:solution v=1 problem=0123456789ab trace=t1 strategy=mcts model=tiny steps=2 seconds=3.5 tokens=120 -->

**Final answer:** $4$

- agreement: 6 of 8 rollouts agree

**Step 1.** Add the two numbers.

\`\`\`python
total = 2 + 2

print(total)
\`\`\`

Printed: \`4\`

<sub>Q 0.75 · 8 visits · PPM 0.5 · ran</sub>

**Step 2.** State the answer.

\`\`\`python
total
\`\`\`

Value: \`4\`

<sub>Q 1 · 1 visit</sub>

<sub>Found by mcts with tiny, 3.5 s, 120 tokens</sub>

<!-- rstar:end -->`;

/** The problem of this number, 1-based. */
function problemOf(text: string, number = 1): Problem {
  const problem = findProblems(text).problems[number - 1];
  if (problem === undefined) throw new Error(`no problem ${number}`);
  return problem;
}

/** The text with its first problem solved. */
function solve(text: string, solution = plainSolution()): string {
  return applyEdit(text, insertSolution(text, problemOf(text), solution));
}

describe("a stored solution", () => {
  it("is ordinary Markdown that reads well", () => {
    expect(renderSolution(plainSolution())).toBe(RENDERED);
  });

  it("stands below the problem's answer line, inside its quote and list item, with its line endings", () => {
    const text = "> 1. ## Problem\r\n>    What?\r\n>\r\n>    Answer: 4\r\n> 2. next\r\n";
    const lines = RENDERED.split("\n").map((line) => (line === "" ? ">" : `>    ${line}`));
    expect(solve(text)).toBe(
      `> 1. ## Problem\r\n>    What?\r\n>\r\n>    Answer: 4\r\n>\r\n${lines.join("\r\n")}\r\n> 2. next\r\n`,
    );
  });

  it("folds long code away", () => {
    const [step] = plainSolution().steps;
    if (step === undefined) throw new Error("no step");
    const code = Array.from({ length: 12 }, (_, i) => `x${i} = ${i}`).join("\n");
    const rendered = renderSolution({ ...plainSolution(), steps: [{ ...step, code }] });
    expect(rendered).toContain("<details><summary>Python, 12 lines</summary>\n\n```python\nx0 = 0\n");
    expect(rendered).toContain("x11 = 11\n```\n\n</details>\n\nPrinted: `4`");
  });

  it.each([
    ["42", "$42$"],
    ["\\frac{1}{2}", "$\\frac{1}{2}$"],
    ["x = 2, y = 3", "$x = 2, y = 3$"],
    ["12 apples", "$\\text{12 apples}$"],
    ["50%", "$\\text{50\\%}$"],
    ["$5", "`$5`"],
    ["{1, 2}", "${{1, 2}}$"],
    ["a\nb", "`a\\nb` (escaped)"],
    ["\\frac{1", "`\\frac{1`"],
  ])("shows the answer %j as %s", (text, shown) => {
    expect(renderSolution({ ...plainSolution(), answer: { text } })).toContain(
      `**Final answer:** ${shown}\n`,
    );
  });

  it("shows counter-evidence in words, a display form beside the answer, and that there is no answer", () => {
    const answerEvidence = [
      { kind: "agreement", holds: false, text: "2 of 8 rollouts say $41$" },
      { kind: "reference", holds: null, text: "could not be compared" },
    ] as const;
    const rendered = renderSolution({
      ...plainSolution(),
      answer: { text: "1/2", display: "\\frac{1}{2}" },
      answerEvidence,
    });
    expect(rendered).toContain(
      "- against, agreement: 2 of 8 rollouts say $41$\n- neutral, reference: could not be compared\n",
    );
    expect(rendered).toContain("**Final answer:** $\\frac{1}{2}$ (as written: `1/2`)\n");
    expect(renderSolution({ ...plainSolution(), answer: null })).toContain("**Final answer:** none found\n");
  });

  it.each([
    ["multiply a*b*c by 2 ** 3", "multiply a\\*b\\*c by 2 \\*\\* 3"],
    ["keep snake_case and $x_1 * y_1$", "keep snake_case and $x_1 * y_1$"],
    ["costs $5 and $7", "costs \\$5 and \\$7"],
    ["x < 5 <b>bold</b>", "x < 5 \\<b>bold\\</b>"],
    ["first\n# second\n- third\n4. fourth", "first\\\n\\# second\\\n\\- third\\\n4\\. fourth"],
  ])("shows the reason %j as just that text", (reason, shown) => {
    const [step] = plainSolution().steps;
    if (step === undefined) throw new Error("no step");
    expect(renderSolution({ ...plainSolution(), steps: [{ ...step, reason }] })).toContain(
      `**Step 1.** ${shown}\n`,
    );
  });

  it("is stale once the statement was changed, not when only its layout was", () => {
    const hash = shortHash(problemOf("## Problem\nWhat is 2+2?").hash);
    const solved = solve("## Problem\nWhat is 2+2?\n", plainSolution(hash));
    const stale = (text: string): boolean | undefined => {
      const problem = problemOf(text);
      return problem.solution && isStale(problem, problem.solution);
    };
    expect(stale(solved)).toBe(false);
    expect(stale(solved.replace("What is", "\nWhat is"))).toBe(false);
    expect(stale(solved.replace("2+2?", "2+3?"))).toBe(true);
    expect(stale(solved.replace(`problem=${hash}`, "problem="))).toBe(true);
  });

  it("never shows in a statement, nor its answer as the reference", () => {
    const solved = solve("## Problem\nWhat?\n\n### Part\n\nMore.\n");
    for (const text of [
      solved,
      solved.replace("<!-- rstar:end -->", ""),
      solved.replace(/<!-- rstar:sol.*/, ""),
    ]) {
      expect(problemOf(text).statement).toBe("What?\n\n### Part\n\nMore.");
      expect(problemOf(text).reference).toBeUndefined();
    }
  });

  it("has scores with two decimals when they were tidied", () => {
    expect([0.8333333, -0.004, 1].map(tidyScore)).toStrictEqual([0.83, 0, 1]);
  });
});

describe("a position", () => {
  /** The step whose range holds the offset; null outside of every step. */
  function stepAt(text: string, offset: number): StepPlace | null {
    const [block] = findProblems(text).solutions;
    const parsed = block === undefined ? null : parseSolution(text, block);
    if (parsed?.kind !== "solution") throw new Error("damaged");
    return parsed.steps.find(({ range }) => range.start <= offset && offset <= range.end) ?? null;
  }

  /** The parts of the steps that the marked positions `¦` are in. */
  function check(marked: string, expected: readonly (number | null)[]): void {
    const text = marked.replaceAll("¦", "");
    const offsets = marked
      .split("¦")
      .slice(0, -1)
      .map((_, at, all) => all.slice(0, at + 1).join("").length);
    expect(offsets.map((offset) => stepAt(text, offset)?.step.number ?? null)).toStrictEqual(expected);
  }

  it("in a reason, code, output or score belongs to its step", () => {
    const marked = RENDERED.replace("Add the", "Add¦ the")
      .replace("total = 2", "tot¦al = 2")
      .replace("Printed", "Prin¦ted")
      .replace("8 visits", "8 vi¦sits")
      .replace("**Step 2", "¦**Step 2")
      .replace("1 visit<", "1 visit¦<");
    for (const prefix of ["", "> ", "> - > "]) {
      const rest = prefix.replaceAll("-", " ");
      const nested = marked
        .split("\n")
        .map((line, at) => (at === 0 ? prefix : rest) + line)
        .join("\n");
      check(`${nested}\n`, [1, 1, 1, 1, 2, 2]);
    }
  });
  it("outside of every step belongs to none", () => {
    check(
      `¦text\n\n${RENDERED.replace("<!-- rs", "¦<!-- rs").replace("**Final", "**Fi¦nal").replace("Found", "Fo¦und")}\n\nmore¦`,
      [null, null, null, 2, null],
    );
  });
  it("in code is inside the range of the code", () => {
    const solved = solve("> ## Problem\n> What?\n");
    const found = stepAt(solved, solved.indexOf("total = 2"));
    expect(solved.slice(found?.codeRange?.start, found?.codeRange?.end)).toBe(
      "> total = 2 + 2\n>\n> print(total)",
    );
    expect(solved.slice(found?.reasonRange.start, found?.reasonRange.end)).toBe(
      "**Step 1.** Add the two numbers.",
    );
  });
  it("finds every step of every solution from its own range", () => {
    fc.assert(
      fc.property(anySolution, (solution) => {
        const text = solve("- ## Problem\n  What?\n- next\n", solution);
        const [block] = findProblems(text).solutions;
        const parsed = block === undefined ? null : parseSolution(text, block);
        if (parsed?.kind !== "solution") throw new Error("damaged");
        for (const { step, position, range } of parsed.steps) {
          expect(stepAt(text, range.start)).toMatchObject({ step, position });
          expect(stepAt(text, range.end)).toMatchObject({ step, position });
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("a solution that a person changed", () => {
  const SOLVED = solve("## Problem\nWhat?\n\n## Notes\nMine.\n");

  it.each([
    ["the first marker's fields", SOLVED.replace(" trace=t1", ""), "first marker"],
    ["the final answer", SOLVED.replace("**Final answer:** $4$\n", ""), "not part of"],
    ["a step's scores", SOLVED.replace(/<sub>Q 1 .*\n/, ""), "Q and visits of step 2"],
    ["a closing fence", SOLVED.replace("print(total)\n```", "print(total)"), "stored with 2 steps"],
    ["a note of theirs", SOLVED.replace("**Step 2", "My note.\n\n**Step 2"), "not part of"],
    ["a newer format", SOLVED.replace("v=1", "v=2"), "newer version"],
  ])("is reported as damaged, with the place: %s", (_what, text, reason) => {
    const block = problemOf(text).solution;
    const parsed = block === undefined ? null : parseSolution(text, block);
    expect(parsed).toMatchObject({ kind: "damaged", reason: expect.stringContaining(reason) as string });
  });

  it("may have another reason, code and blank lines, and is read with them", () => {
    const text = SOLVED.replace("Add the two numbers.", "Add them.")
      .replace("2 + 2", "4")
      .replace("\n**Step 2", "\n\n\n**Step 2");
    const block = problemOf(text).solution;
    const parsed = block === undefined ? null : parseSolution(text, block);
    expect(parsed).toMatchObject({
      kind: "solution",
      solution: { steps: [{ reason: "Add them.", code: "total = 4\n\nprint(total)" }, {}] },
    });
  });

  it.each([
    ["half-solution", SOLVED.replace("<!-- rstar:end -->", "")],
    [
      "half-solution",
      `## Problem\nWhat?\n\n<!-- rstar:solution v=1 problem=abc trace=t strategy=s model=m -->`,
    ],
    ["stray-end-marker", SOLVED.replace(/<!-- rstar:sol.*\n/, "")],
    ["second-solution", SOLVED.replace("## Notes", `${RENDERED}\n\n## Notes`)],
    ["newer-format", SOLVED.replace("v=1", "v=7")],
  ])("is an issue of the document: %s", (kind, text) => {
    const { issues } = findProblems(text);
    expect(issues.map((issue) => issue.kind)).toStrictEqual([kind]);
    expect(issues[0]?.message).toMatch(/\.$/);
  });

  it("without an end is replaced as far as it is surely ours, and no further", () => {
    const text = SOLVED.replace("<!-- rstar:end -->", "My own words.\n\n**Step 3.** of my plan");
    expect(solve(text)).toBe(
      SOLVED.replace("<!-- rstar:end -->", "<!-- rstar:end -->\n\nMy own words.\n\n**Step 3.** of my plan"),
    );
  });

  it("is taken out with its steps, but not with a person's notes", () => {
    const noted = SOLVED.replace("**Step 2", "My note.\n\n**Step 2");
    const edit = removeSolution(noted, problemOf(noted));
    expect(edit === null ? null : applyEdit(noted, edit)).toBe(
      "## Problem\nWhat?\n\nMy note.\n\n## Notes\nMine.\n",
    );
    const edit2 = removeSolution(SOLVED, problemOf(SOLVED));
    expect(edit2 === null ? null : applyEdit(SOLVED, edit2)).toBe("## Problem\nWhat?\n\n## Notes\nMine.\n");
    const plain = "## Problem\nWhat?";
    expect(removeSolution(plain, problemOf(plain))).toBeNull();
  });

  it("keeps notes of several paragraphs within the quote that they are in", () => {
    const quoted = "> ## Problem 1\n> What?\n>\n> ## Problem 2\n> And what?\n";
    const noted = solve(quoted).replace("> **Step 2", "> First.\n>\n> Second.\n>\n> **Step 2");
    const edit = removeSolution(noted, problemOf(noted));
    for (const text of [solve(noted), edit === null ? "" : applyEdit(noted, edit)]) {
      expect(text).toContain("> First.\n>\n> Second.");
      expect(
        text
          .split("\n")
          .slice(0, -1)
          .every((line) => line.startsWith(">")),
      ).toBe(true);
    }
  });

  it("keeps a person's note between a fence that lost its closing line and the next one", () => {
    const text = SOLVED.replace("print(total)\n```", "print(total)").replace(
      "Printed: `4`\n",
      "Printed: `4`\n\nMy note.\n",
    );
    const solved = solve(text);
    expect(solved).toContain("My note.");
    const again = problemOf(solved).solution;
    expect(again && parseSolution(solved, again)).toMatchObject({
      kind: "solution",
      solution: plainSolution(),
    });
  });

  it("loses none of a person's lines when it is solved again, wherever they stand", () => {
    const lines = SOLVED.split("\n");
    const place = fc.nat({ max: lines.length });
    fc.assert(
      fc.property(
        fc.array(place, { maxLength: 4 }),
        fc.array(place, { maxLength: 3 }),
        fc.boolean(),
        (notes, cuts, quoted) => {
          let damaged = lines.map((line, at) => (cuts.includes(at) ? null : line));
          notes
            .toSorted((a, b) => b - a)
            .forEach((at, n) => (damaged = damaged.toSpliced(at, 0, "", `Person ${n}.`, "")));
          const text = damaged
            .filter((line) => line !== null)
            .map((line) => (quoted ? `> ${line}` : line))
            .join("\n");
          const [problem] = findProblems(text).problems;
          if (problem === undefined) return;
          const solved = applyEdit(text, insertSolution(text, problem, plainSolution()));
          // A note inside a code fence of ours has become code; any other is still there.
          const inCode = /```python[^`]*Person/.test(text);
          notes.forEach((_, n) => {
            if (!inCode) expect(solved).toContain(`Person ${n}.`);
          });
          const again = findProblems(solved).problems[0];
          const parsed = again?.solution === undefined ? null : parseSolution(solved, again.solution);
          expect(parsed).toMatchObject({ kind: "solution", solution: plainSolution() });
        },
      ),
      { numRuns: 100 },
    );
  });
});
