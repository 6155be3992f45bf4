/** Solutions for use elsewhere. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { exportSolution } from "../../../server/document/export-solution.ts";
import type { Solution, SolutionStep } from "../../../server/document/solution.ts";

const step = (number: number, given: Partial<SolutionStep>): SolutionStep => ({
  ...{ number, reason: "", code: "", output: "", value: null },
  ...{ q: 1, visits: 3, ppm: 0.5, evidence: [{ kind: "ran", holds: true, text: "" }] },
  ...given,
});

const solution: Solution = {
  traceId: "t1",
  problemHash: "abc",
  strategy: "mcts",
  model: "m",
  answer: { text: "Rational(1, 2)", display: "\\frac{1}{2}" },
  answerEvidence: [],
  steps: [
    step(1, { reason: "50% of $x_1$ & more,\nas given", code: "x_1 = 1\nx_1 / 2", value: "0.5" }),
    step(2, { reason: "Say so", code: 'print("```")', output: "```\n" }),
  ],
};

describe("a solution for elsewhere", () => {
  it("is Markdown that any reader shows, whatever the code holds", () => {
    expect(exportSolution(solution, "markdown")).toBe(
      '**Step 1.** 50% of $x_1$ & more,\\\nas given\n\n```python\nx_1 = 1\nx_1 / 2\n```\n\n```text\n0.5\n```\n\n**Step 2.** Say so\n\n````python\nprint("```")\n````\n\n````text\n```\n````\n\n**Answer:** $\\frac{1}{2}$\n',
    );
  });

  it("is Markdown that shows the very words of reasons and answer", () => {
    const words = { ...solution, answer: { text: "f(2)*3*4" } };
    const reason = "Compute 2*3*4 and `x`,\n# then *print* it";
    const text = exportSolution({ ...words, steps: [step(1, { reason })] }, "markdown");
    expect(text).toBe(
      "**Step 1.** Compute 2\\*3\\*4 and \\`x\\`,\\\n\\# then \\*print\\* it\n\n**Answer:** $f(2)*3*4$\n",
    );
    expect(exportSolution({ ...words, steps: [], answer: { text: "a ~ b" } }, "markdown")).toBe(
      "**Answer:** `a ~ b`\n",
    );
  });

  it("is LaTeX whose words are escaped and whose math is kept", () => {
    const text = exportSolution(solution, "latex");
    expect(text).toContain("\\item 50\\% of $x_1$ \\& more,");
    expect(text).toContain("\\begin{verbatim}\nx_1 = 1\nx_1 / 2\n\\end{verbatim}");
    expect(text).toMatch(/\\textbf\{Answer:\} \$\\frac\{1\}\{2\}\$\n$/u);
    const sly = {
      ...solution,
      steps: [step(1, { code: "'\\end{verbatim}'" })],
      answer: { text: "a_b ~ \\" },
    };
    expect(exportSolution(sly, "latex").match(/\\end\{verbatim\}/gu)).toHaveLength(1);
    // A bracket after an item would be its label.
    const bracket = {
      ...sly,
      steps: [step(1, { reason: "[1, 2] is it" })],
      answer: { text: "\\frac{1}{2}" },
    };
    expect(exportSolution(bracket, "latex")).toMatch(/\\item \{\[\}1, 2\] is it\n/u);
    expect(exportSolution(bracket, "latex")).toMatch(/\\textbf\{Answer:\} \$\\frac\{1\}\{2\}\$\n$/u);
    expect(exportSolution(sly, "latex")).toContain("a\\_b \\textasciitilde{} \\textbackslash{}");
  });

  it("is a Python program that runs", () => {
    const text = exportSolution(solution, "python");
    expect(text).toContain("# Step 1. 50% of $x_1$ & more,\n# as given\nx_1 = 1");
    const run = spawnSync("python3", ["-c", text], { encoding: "utf8" });
    expect(run).toMatchObject({ status: 0, stdout: "```\n" });
  });

  it("is Python that says each reason once, by the code's own comment where it begins with one", () => {
    const steps = [
      step(1, { reason: "Set the first factor.", code: "# Step 1: Set the first\n# factor.\na = 6" }),
      step(2, { reason: "Print it.", code: "# Say so.\nprint(a)" }),
      step(3, { code: "a" }),
    ];
    expect(exportSolution({ ...solution, steps, answer: null }, "python")).toBe(
      "# Step 1: Set the first\n# factor.\na = 6\n\n# Step 2. Print it.\n# Say so.\nprint(a)\n\n# Step 3.\na\n",
    );
  });

  it("is empty of what there is not", () => {
    const none: Solution = { ...solution, steps: [], answer: null };
    for (const format of ["markdown", "latex", "python"] as const)
      expect(exportSolution(none, format)).toBe("\n");
  });
});
