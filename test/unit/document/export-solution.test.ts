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
      '**Step 1.** 50% of $x_1$ & more,\nas given\n\n```python\nx_1 = 1\nx_1 / 2\n```\n\n```text\n0.5\n```\n\n**Step 2.** Say so\n\n````python\nprint("```")\n````\n\n````text\n```\n````\n\n**Answer:** $\\frac{1}{2}$\n',
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
    expect(exportSolution(sly, "latex")).toContain("a\\_b \\textasciitilde{} \\textbackslash{}");
  });

  it("is a Python program that runs", () => {
    const text = exportSolution(solution, "python");
    expect(text).toContain("# Step 1. 50% of $x_1$ & more,\n# as given\nx_1 = 1");
    const run = spawnSync("python3", ["-c", text], { encoding: "utf8" });
    expect(run).toMatchObject({ status: 0, stdout: "```\n" });
  });

  it("is empty of what there is not", () => {
    const none: Solution = { ...solution, steps: [], answer: null };
    for (const format of ["markdown", "latex", "python"] as const)
      expect(exportSolution(none, format)).toBe("\n");
  });
});
