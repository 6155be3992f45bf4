/** Sheets of a document's problems: what they hold, and how they look in Markdown, LaTeX and HTML. */
import { describe, expect, it } from "vitest";
import { applyEdit, insertSolution } from "../../../server/document/edit.ts";
import { toHtml } from "../../../server/document/html.ts";
import { toLatex } from "../../../server/document/latex.ts";
import { DEFAULT_PROBLEM_OPTIONS, findProblems } from "../../../server/document/problems.ts";
import { composeSheet } from "../../../server/document/sheet.ts";
import type { Solution } from "../../../server/document/solution.ts";
import type { SheetContent } from "../../../server/protocol/places.ts";

const solution = (hash: string, answer: string): Solution => ({
  ...{ traceId: "t", problemHash: hash, strategy: "mcts", model: "m", answerEvidence: [] },
  answer: { text: answer },
  steps: [
    {
      ...{ number: 1, reason: "Print 2*3.", code: "print(6)", output: "6\n", value: null },
      ...{ q: 1, visits: 1, ppm: null, evidence: [] },
    },
  ],
});

/** The sheet; the problems of these places have a solution, as if all were kept. */
function sheet(
  text: string,
  content: SheetContent,
  answers: Readonly<Record<number, string>> = {},
  words = DEFAULT_PROBLEM_OPTIONS,
): string {
  const found = findProblems(text, words);
  const solutions = new Map(
    found.problems.flatMap((problem) => {
      const answer = answers[problem.index];
      return answer === undefined ? [] : [[problem, solution(problem.hash, answer)] as const];
    }),
  );
  return composeSheet(text, found, words, content, solutions);
}

const TEXT = `# Sheet 3

Use $g = 10$ throughout.

## Problem 1

What is 2 times 3?

Answer: 6, since twice three is six.

## Problem 2: Halves

Half of 5?

<details><summary>Answer</summary>

2.5

</details>

## Part B

For the rest, round.

## Problem 3

A third of 10?

### Solution

It is 3.

## Exercises

1. One and one?
   Answer: 2
2. Two and two?
`;

describe("a sheet", () => {
  it("of problems only has all that is asked and none of the answers", () => {
    expect(sheet(TEXT, "problems", { 1: "6" })).toBe(
      TEXT.replace("\n\nAnswer: 6, since twice three is six.", "")
        .replace(/<details>[^]*<\/details>/u, "")
        .replace("### Solution\n\nIt is 3.\n\n", "")
        .replace("\n   Answer: 2", ""),
    );
  });

  it("with answers has the given one, else the one that was found, and no reasons", () => {
    const text = sheet(TEXT, "answers", { 1: "7", 2: "5/2", 5: "4" });
    expect(text).toContain(
      "What is 2 times 3?\n\n**Answer:** $\\text{6, since twice three is six}$\n\n## Problem 2",
    );
    expect(text).toContain("Half of 5?\n\n**Answer:** $5/2$\n");
    expect(text).toContain("1. One and one?\n\n   **Answer:** $2$\n2. Two and two?\n\n   **Answer:** $4$\n");
    expect(text).not.toMatch(/Print|<details>|It is 3/u);
    expect(text).toContain("For the rest, round.");
  });

  it("with solutions is the document with them below its problems, in ordinary Markdown", () => {
    const text = sheet(TEXT, "solutions", { 1: "6", 5: "4" });
    const steps = "**Step 1.** Print 2\\*3.\n\n```python\nprint(6)\n```\n\n```text\n6\n```";
    expect(text.startsWith(TEXT.slice(0, TEXT.indexOf("\n\n## Problem 2")))).toBe(true);
    expect(text).toContain(`twice three is six.\n\n${steps}\n\n**Answer:** $6$\n\n## Problem 2`);
    expect(text).toContain("2. Two and two?\n\n   **Step 1.** Print");
    expect(text).toContain("</details>");
  });

  it("has a stored solution in its own form, or not at all, with no mark of ours left", () => {
    const [first] = findProblems(TEXT).problems;
    if (first === undefined) throw new Error("no problem");
    const solved = applyEdit(TEXT, insertSolution(TEXT, first, solution(first.hash, "6")));
    const noted = solved.replace("<!-- rstar:end -->", "My note: six.\n\n<!-- rstar:end -->");
    for (const content of ["problems", "answers", "solutions"] as const)
      expect(sheet(solved, content, { 1: "6" })).toBe(sheet(TEXT, content, { 1: "6" }));
    expect(sheet(noted, "solutions", { 1: "6" })).toContain("My note: six.");
    expect(sheet(noted, "problems", { 1: "6" }).replace("3?\n\n\n\n", "3?\n\n")).toBe(
      sheet(TEXT, "problems"),
    );
    // A second solution of a problem, too.
    const twice = solved.replace(
      "\n\n## Problem 2",
      `\n\n${solved.slice(first.insertOffset + 2).split("\n\n## Problem 2")[0]}\n\n## Problem 2`,
    );
    expect(twice.match(/rstar:solution/gu)).toHaveLength(2);
    expect(sheet(twice, "solutions", { 1: "6" })).not.toContain("rstar:");
  });

  it.each([
    [
      "a fence",
      '```problem\nWhat?\nAnswer: 1\n```\n\nA remark.\n\n```problem title="Sums"\nAnd?\n```\n',
      "**Problem 1**\n\nWhat?\n\nA remark.\n\n**Sums**\n\nAnd?\n",
    ],
    ["a fence below a heading", "## Problem 7\n\n```problem\nWhat?\n```\n", "## Problem 7\n\nWhat?\n"],
    ["a heading alone", "## Problem 1: What is it?\n\nAnswer: 1\n", "## Problem 1: What is it?\n"],
    ["an answer first", "## Problem 1\n\nAnswer: 1\n\nWhat?\n", "## Problem 1\n\nWhat?\n"],
    [
      "a label",
      "**Problem 1.** What?\n\n**Solution.** One.\n\n## Rest\n",
      "**Problem 1.** What?\n\n## Rest\n",
    ],
    ["a label of its own", "**Problem 1**\nWhat?\nAnswer: 1\n", "**Problem 1**\n\nWhat?\n"],
    [
      "a quote",
      "> ## Problem 1\n>\n> What,\n> and why?\n>\n> Answer: 1\n",
      "> ## Problem 1\n>\n> What,\n> and why?\n",
    ],
    ["a task", "## Problems\n\n- [ ] What?\n  Answer: 1\n", "## Problems\n\n- What?\n"],
    ["Windows' lines", "## Problem 1\r\n\r\nWhat?\r\nAnswer: 1\r\n", "## Problem 1\r\n\r\nWhat?\r\n"],
  ])("without answers of %s", (_name, text, expected) => {
    expect(sheet(text, "problems")).toBe(expected);
  });

  it("leaves out what the author solved in another language, by the words of the settings", () => {
    const words = { ...DEFAULT_PROBLEM_OPTIONS, headings: ["Aufgabe"], solutions: ["Lösung", "Решение"] };
    const text =
      "## Aufgabe 1\n\nWas?\n\n### Lösung\n\nEins.\n\n## Aufgabe 2\n\nUnd?\n\n**Решение:** Два.\n\n" +
      "# Anhang\n\nVorab.\n\n<details><summary>Lösung</summary>\n\nDrei.\n\n</details>\n\n## Lösungen\n\n## Lösung\n\nVier.\n";
    expect(sheet(text, "problems", {}, words)).toBe(
      "## Aufgabe 1\n\nWas?\n\n## Aufgabe 2\n\nUnd?\n\n# Anhang\n\nVorab.\n\n\n\n## Lösungen\n\n\n",
    );
    expect(sheet(text, "problems", {}, { ...words, solutions: [] })).toContain("Drei.");
  });

  it("of a fence shows its text and answer, with a solution too", () => {
    expect(sheet("```problem\nWhat?\n```\n\nAnswer: 6\n", "solutions", { 1: "6" })).toMatch(
      /^\*\*Problem 1\*\*\n\nWhat\?\n\n\*\*Answer:\*\* \$6\$\n\n\*\*Step 1/u,
    );
  });
});

const RICH = `---
title: not Markdown
---

# Sums & 100%

A *cat* costs $5 and $6, where $x_1$ is **[bold]**\\
new line ~~gone~~ \`a_b\` <b>raw</b> [site](https://a.b/?c_d) [evil](javascript:x)

<!-- hidden -->

> quoted

3. three
4. [x] four

- dot

$$
\\frac{1}{2}
$$

$$
\\begin{align}a&=b\\end{align}
$$

| a | b |
|---|--:|
| *c* | d & e |

---

\`\`\`python
x < "\\end{verbatim}"
\`\`\`

![a figure](f.png)
`;

describe("a sheet in another form", () => {
  it("has displays whose dollars share a line with the formula", () => {
    const body = (markdown: string): string =>
      /\\begin\{document\}\n\n(.*)\n\n\\end\{document\}/su.exec(toLatex(markdown, {}))?.[1] ?? "";
    expect(body("Solve\n$$\\begin{aligned}a&=b\\\\\nc&=d\\end{aligned}$$ for a.")).toBe(
      "Solve\n\n\\[\n\\begin{aligned}a&=b\\\\\nc&=d\\end{aligned}\n\\]\n\nfor a.",
    );
    expect(body("- $$ a\n  + b $$\n- $$c$$")).toContain("a\n+ b");
    expect(body("> $$a$$")).toContain("\\[\na\n\\]");
    expect(body("It is $$a$$ here, and \\$\\$.")).toBe("It is $a$ here, and \\$\\$.");
  });

  it("is a LaTeX document", () => {
    expect(toLatex(RICH, { "\\R": "\\mathbb{R}", "\\two": "#1+#2" })).toBe(`\\documentclass{article}
\\usepackage[T1]{fontenc}
\\usepackage{amsmath,amssymb}
\\usepackage[normalem]{ulem}
\\providecommand{\\R}{\\mathbb{R}}
\\providecommand{\\two}[2]{#1+#2}
\\begin{document}

\\section*{Sums \\& 100\\%}

A \\emph{cat} costs \\$5 and \\$6, where $x_1$ is \\textbf{{[}bold]}\\newline
new line \\sout{gone} \\texttt{a\\_b} raw site (\\texttt{https://a.b/?c\\_d}) evil (\\texttt{javascript:x})

\\begin{quote}
quoted
\\end{quote}

\\begin{enumerate}
\\item[3.] three
\\item[4.] {[}x] four
\\end{enumerate}

\\begin{itemize}
\\item dot
\\end{itemize}

\\[
\\frac{1}{2}
\\]

\\begin{align}a&=b\\end{align}

\\begin{tabular}{lr}
a & b \\tabularnewline
\\hline
\\emph{c} & d \\& e \\tabularnewline
\\end{tabular}

\\medskip\\hrule\\medskip

\\begin{verbatim}
x < "\\end {verbatim}"
\\end{verbatim}

a figure

\\end{document}
`);
  });

  it("is a page that runs nothing", async () => {
    const asked: unknown[] = [];
    const page = await toHtml(RICH, "A < B", (tex, isDisplay) => {
      asked.push([tex, isDisplay]);
      return Promise.resolve(tex === "x_1" ? "<svg/>" : null);
    });
    expect(asked).toEqual([
      ["x_1", false],
      ["\\frac{1}{2}", true],
      ["\\begin{align}a&=b\\end{align}", true],
    ]);
    expect(page).toContain("<title>A &lt; B</title>");
    // Before anything that it is for.
    expect(page.slice(0, page.indexOf("<title>"))).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src * data: file:">`,
    );
    expect(page.slice(page.indexOf("<body>"))).toBe(`<body>
<h1>Sums &amp; 100%</h1>

<p>A <em>cat</em> costs $5 and $6, where <span class="inline" role="img" aria-label="x_1"><svg/></span> is <strong>[bold]</strong><br>
new line <s>gone</s> <code>a_b</code> raw <a href="https://a.b/?c_d">site</a> evil</p>

<blockquote>
<p>quoted</p>
</blockquote>

<ol start="3">
<li><p>three</p></li>
<li>[x] <p>four</p></li>
</ol>

<ul>
<li><p>dot</p></li>
</ul>

<code>\\frac{1}{2}</code>

<code>\\begin{align}a&amp;=b\\end{align}</code>

<table>
<tr><th>a</th><th style="text-align: right">b</th></tr>
<tr><td><em>c</em></td><td style="text-align: right">d &amp; e</td></tr>
</table>

<hr>

<pre><code>x &lt; &quot;\\end{verbatim}&quot;</code></pre>

<p><img src="f.png" alt="a figure"></p>
</body>
</html>
`);
  });
});
