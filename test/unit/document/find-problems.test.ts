/** Which problems a Markdown text holds, by every syntax, and what a model may see of them. */
import { describe, expect, it } from "vitest";

import { BlockCache, findProblems } from "../../../server/document/problems.ts";
import { check } from "./check-problems.ts";

describe("headings", () => {
  it("begin a problem that runs to the next heading of the same or a higher level", () => {
    check("# Problem 1\nOne.\n\n## Part a\n\nStill one.\n\n# Notes\nNo problem.", [
      "heading: One.||## Part a||Still one.",
    ]);
  });
  it("begin a problem at any depth, underlined ones too", () => {
    check("###### Question\nA?\n\nExercise 2\n----------\nB?", ["heading: A?", "heading: B?"]);
  });
  it("end the problem before them at any depth when they begin one", () => {
    check("# Problem 1\nOne.\n### Problem 2\nTwo.", ["heading: One.", "heading: Two."]);
  });
  it("give a title with the word, its number and marks taken off", () => {
    const text = "## **Problem 3:** Two trains\nA.\n## Exercise 4.1 — Gears {#gears}\nB.\n## Question 5\nC.";
    const { problems } = findProblems(text);
    expect(problems.map(({ id, title }) => [id, title])).toStrictEqual([
      ["problem-3-two-trains", "Two trains"],
      ["gears", "Gears"],
      ["question-5", undefined],
    ]);
  });
  it("hold the problem themselves when nothing stands below them", () => {
    check("## Question: What is -3 + 5?\n\n## Question: -3 + 5 = ?", [
      "heading: What is -3 + 5?",
      "heading: -3 + 5 = ?",
    ]);
  });
  it("of several lines hold it without the underline", () => {
    const text = "**Problem 1.** What is\n3 + 5?\n======\n";
    check(text, ["heading: What is 3 + 5?"]);
    expect(findProblems(text).problems[0]?.statementRange).toStrictEqual({ start: 0, end: 29 });
  });
  it("are told by whole words, in any case", () => {
    check("# problem 1\nA.\n# Problematic\nB.\n# Problem-solving\nC.\n# Question's end\nD.", ["heading: A."]);
  });
  it("are those of the setting", () => {
    check("# Aufgabe 1\nA.\n# Problem\nB.", ["heading: A."], { headings: ["Aufgabe"] });
  });
  it("are none where the setting has no words", () => {
    check("## (a) one\nA.\n\n## ✓ done\nB.\n\n## $x$\nC.\n\n**(b)** D.", [], { headings: [] });
    check("## (a) one\nA.\n```problem\nB?\n```", ["fence: B?"], { headings: [] });
  });
  it("of a written solution or answer end the statement", () => {
    check("# Problem\nA.\n## Hint\nUse 42.\n## Solution\nIt is 42.", ["heading: A."]);
    check("# Problem\nA.\n\n<details>\n<summary>Answer</summary>\n\n42\n\n</details>", ["heading: A."]);
    check("# Problem\nA.\n\n<details><summary><b>Solution</b></summary>\n\n42\n\n</details>", [
      "heading: A.",
    ]);
    check("# Problem 1\nA.\n\n**Solution.** It is 42.\n\nIndeed.\n\n# Problem 2\nB.\n\n**Hint:** 42", [
      "heading: A.",
      "heading: B.",
    ]);
  });
  it("of a written solution are those of the setting", () => {
    const german = { headings: ["Aufgabe"], solutions: ["Lösung", "Beweis", "Antwort"] };
    for (const text of [
      "### Lösung\n42",
      "### LÖSUNG 1: kurz\n42",
      "**Lösung:** 42",
      "**Beweis.** 42\n\n42",
      "<details><summary>Lösung zeigen</summary>\n\n42\n\n</details>",
      "<details>\n<summary>**Antwort**</summary>\n\n42\n\n</details>",
    ]) {
      check(`## Aufgabe 1\nA.\n\n${text}`, ["heading: A."], german);
      check(`## Problem 1\nA.\n\n${text}`, [`heading: A.||${text.replaceAll("\n", "|")}`]);
    }
    check("# Aufgabe\nA.\n\n**Solution.** B.", ["heading: A.||**Solution.** B."], german);
    check("# Problem\nA.\n## Solution\nB.\n\n**(a)** C.", ["heading: A.|## Solution|B.||**(a)** C."], {
      solutions: [],
    });
  });
  it.each([
    ["Lösung", "Lösungsmenge", false],
    ["Řešení", "Řešení", true],
    ["Řešení", "Řešeními", false],
    ["Решение", "Решение.", true],
    ["Решение", "РЕШЕНИЕ 2", true],
    ["Решение", "Решениеми", false],
    ["Решение", "Решение2", false],
    ["解答", "解答1", true],
    ["解答", "解答：二つ", true],
    ["解答", "解答用紙", false],
    ["Answer", "Answers", true],
    ["Answer", "Answer와 풀이", true],
    ["Answer", "Answering", false],
    ["Hint", "Hint-free", true],
    ["C++ proof", "C++ proof:", true],
  ])("of solutions that begin with %s: %s %j", (word, text, isOne) => {
    check(`# Problem\nA.\n## ${text}\nB.`, [isOne ? "heading: A." : `heading: A.|## ${text}|B.`], {
      solutions: [word],
    });
  });
  it("may have their number without a blank where letters have no capitals", () => {
    check("## 問題1\nA.\n\n**問題2** B.\n## 問題集\nC.", ["heading: A.||**問題2** B."], {
      headings: ["問題"],
    });
    check("## Aufgabe1\nA.", [], { headings: ["Aufgabe"] });
  });
  it("in fences, math, comments and front matter are none", () => {
    check(
      "---\n# Problem 0\n---\n```\n\n# Problem 1\n```\n\n$$\n\n# Problem 2\n$$\n\n<!--\n\n# Problem 3\n-->",
      [],
    );
  });
});

describe("bold labels", () => {
  it.each([
    ["**Problem 3.** A.", "problem-3", undefined],
    ["**Exercise 2:** A.", "exercise-2", undefined],
    ["**Problem 3 (Sums).** A.", "problem-3-sums", "Sums"],
    ["**Problem 3**: A.", "problem-3", undefined],
    ["**Question 1 – Gears**\nA.", "question-1-gears", "Gears"],
    ["__Problem II.__\\\nA.", "problem-ii", "II"],
    ["**Problem:** A.", "problem", undefined],
    ["**Problem 3 {#sums}**\n\nA.", "sums", undefined],
    ["**problem 3** A.", "problem-3", undefined],
  ])("begin a problem: %j", (text, id, title) => {
    check(text, ["label: A."]);
    expect(findProblems(text).problems[0]).toMatchObject({ id });
    expect(findProblems(text).problems[0]?.title).toBe(title);
  });
  it.each([
    "**Problem solving** is an art.",
    "**Problem** is a hard word.",
    "**Problem 3** of the sheet was hard.",
    "**Problem 3**, which was hard, is solved.",
    "**Exercise daily.** It helps.",
    "**Questions** are welcome.",
    "**Note.** A problem.",
    "**Problem 3. A.",
    "Not **Problem 3.** A.",
    "**Problem's end.** A.",
  ])("are not other bold words: %j", (text) => check(text, []));
  it("run to the next label, heading, thematic break or problem", () => {
    check(
      "**Problem 1.** A\na.\n\n$$\na\n$$\n\n**(b)** b?\n\n**Problem 2.** B.\n\n# Notes\nno\n\n" +
        "**Problem 3.** C.\n\n###### More\nno\n\n**Problem 4.** D.\n\n---\n\nno\n\n" +
        "**Problem 5.** E.\n\n```problem\nF?\n```\n\n**Problem 6.** G.\n\n## Problem 7\nH.\n\n" +
        "# Notes\n\n**Problem 8.** I.\n\n**Exercises.**\n\nno",
      [
        "label: A|a.||$$|a|$$||**(b)** b?",
        ...["label: B.", "label: C.", "label: D.", "label: E.", "fence: F?", "label: G.", "heading: H."],
        "label: I.",
      ],
    );
  });
  it("have their exact places", () => {
    const text = "# Sheet\n\n> **Problem 1 (Sums).** Add\n> them.\n>\n> Answer: 4\n>\n> **Problem 2.** B.\n";
    const [problem] = findProblems(text).problems;
    const source = ({ start, end } = { start: 0, end: 0 }): string => text.slice(start, end);
    expect(source(problem?.headingRange)).toBe("**Problem 1 (Sums).**");
    expect(source(problem?.statementRange)).toBe("Add\n> them.");
    expect(source(problem?.range)).toBe("**Problem 1 (Sums).** Add\n> them.\n>\n> Answer: 4");
    expect(problem).toMatchObject({ prefix: "> ", insertOffset: problem?.range.end });
  });
  it("have answers below them, and end at a written solution", () => {
    check("**Problem 1.** A.\nAnswer: 1\n\n**Problem 2.**\n\nB.\n\n**Answer:** $2$", [
      "label: A. => 1",
      "label: B. => 2",
    ]);
    check("**Problem.** A.\n\n**Solution.** It is 42.\n\nIndeed.\n\n**Problem.** B.\n\n**Hint 1:** 42", [
      "label: A.",
      "label: B.",
    ]);
  });
  it("hold the problem themselves when nothing stands below them, or are reported", () => {
    check("**Problem 1. What is -3 + 5?**\n\n**Problem 2.**\n\n**Problem 3.** B.", [
      "label: What is -3 + 5?",
      "label: B.",
    ]);
    expect(findProblems("**Problem 1.**\n\n# Notes").issues).toMatchObject([
      { kind: "empty-problem", range: { start: 0, end: 14 } },
    ]);
  });
  it("begin problems in quotes and list items", () => {
    check("- **Problem 1.** A.\n- **Problem 2.**\n\n  B.\n\n> **Problem 3.** C.", [
      "label: A.",
      "label: B.",
      "label: C.",
    ]);
  });
  it("begin problems below the title of a problem set, which is none itself", () => {
    check("# Problem Set 3\n\nDue today.\n\n**Problem 1.** A:\n\n- a\n- b\n\n**Problem 2.** B.", [
      "label: A:||- a|- b",
      "label: B.",
    ]);
    check("# Exercise sheet\n\n- A?\n\n# Problem set-theoretic\nB.", ["item: A?", "heading: B."]);
  });
  it("are part of the text within a problem", () => {
    check("## Problem 1\nA.\n\n**Question 1.** b?\n\n- **Question 2.** c?", [
      "heading: A.||**Question 1.** b?||- **Question 2.** c?",
    ]);
    check("## Exercises\n1. **Exercise 1.** A.", ["item: **Exercise 1.** A."]);
    check("**Problem 1.** A.\n\n> **Question 1.** b?", ["label: A.||> **Question 1.** b?"]);
  });
  it("name the fence below them", () => {
    const [problem] = findProblems("**Problem 1 (Sums).**\n\n```problem\nA?\n```").problems;
    expect(problem).toMatchObject({ kind: "fence", title: "Sums", headingRange: { start: 0, end: 21 } });
  });
  it("may begin a person's note within a solution, which stays whole", () => {
    const marker = "<!-- rstar:solution v=1 problem=0123456789ab trace=t strategy=s model=m -->";
    const text = `**Problem 1.** A.\n\n${marker}\n\n**Final answer:** $3$\n\n**Question:** Is it?\n\n<!-- rstar:end -->`;
    check(text, ["label: A."]);
    expect(findProblems(text)).toMatchObject({ problems: [{ solution: { complete: true } }], issues: [] });
  });
});

describe("lists below a heading in the plural", () => {
  it("hold problems that a bold label of a solution ends", () => {
    check("## Exercises\n1. A?\n\n   **Solution.** 42\n2. B?", ["item: A?", "item: B?"]);
  });
  it("hold one problem in each item", () => {
    check("## Exercises\n\nDo these.\n\n1. A?\n2. B\n   b?\n\n   - part\n\n- [ ] C?\n\n## Notes\n- no", [
      "item: A?",
      "item: B|b?||- part",
      "item: C?",
    ]);
  });
  it("may stand below deeper headings, but not below a problem of its own", () => {
    check("# Problems\n## Easy\n- A?\n## Problem 2\nB:\n- b1\n- b2", [
      "item: A?",
      "heading: B:||- b1|- b2".replace("||", "|"),
    ]);
  });
  it("are no problems below a heading in the singular", () => {
    check("# Question\n1. a\n2. b", ["heading: 1. a|2. b"]);
  });
});

describe("fences", () => {
  it("with the info string problem hold a problem, with or without attributes", () => {
    const text =
      '```problem\nA?\n```\n~~~~ problem id=b title="Big B"\n```\nB?\n~~~~\n```problem {#c}\nC?\n```\n```python\nx\n```';
    check(text, ["fence: A?", "fence: ```|B?", "fence: C?"]);
    const { problems } = findProblems(text);
    expect(problems.map(({ id, title }) => [id, title])).toStrictEqual([
      [expect.stringMatching(/^p-[0-9a-f]{8}$/), undefined],
      ["b", "Big B"],
      ["c", undefined],
    ]);
  });
  it("take their heading as title, and end the text of a heading's problem", () => {
    const text = "# Problem 1: Apples\n\n```problem\nA?\n```\n\n# Problem 2\nB?\n```problem\nC?\n```";
    check(text, ["fence: A?", "heading: B?", "fence: C?"]);
    expect(findProblems(text).problems[0]).toMatchObject({
      title: "Apples",
      headingRange: { start: 0, end: 19 },
    });
  });
  it("that are never closed are reported instead of solved", () => {
    const text = "# Notes\n\n```problem\nA?\n";
    check(text, []);
    expect(findProblems(text).issues).toMatchObject([
      { kind: "unclosed-block", range: { start: 9, end: 19 } },
    ]);
  });
  it("keep the indentation inside them and lose their own", () => {
    check("- x\n\n   ```problem\n   A:\n     1\n\n   2\n   ```", ["fence: A:|  1||2"]);
  });
});

describe("containers", () => {
  it("around a problem leave nothing in its statement", () => {
    check("> - > ## Problem\n>   > $a$\n>   >\n>   > $b$\n>   >\n>   > Answer: 1\n>\n> ## Notes", [
      "heading: $a$||$b$ => 1",
    ]);
  });
  it("may be written with tabs, without spaces, and lazily", () => {
    check(">## Problem\n>A\nlazy\n\n-\t## Problem\n\n\tB\n\n\t    code", [
      "heading: A|lazy",
      "heading: B||    code",
    ]);
  });
  it("inside a statement are kept", () => {
    check("## Problem\n> quote\n\n- item", ["heading: > quote||- item"]);
  });
});

describe("answer lines", () => {
  it.each([
    ["Answer: 42", "42"],
    ["**Answer:** 42", "42"],
    ["**Answer**: 42.", "42"],
    ["**Answer: 42**", "42"],
    ["*answer:* $\\frac{1}{2}$", "\\frac{1}{2}"],
    ["Answer: **$42$**", "42"],
    ["__Answer:__ `x = 3`", "x = 3"],
    ["Answer: $$x^2$$", "x^2"],
    ["Answer: \\(7\\)", "7"],
    ["Answer: $1$ or $2$", "$1$ or $2$"],
    ["Answer: 12 apples.", "12 apples"],
    ["- Answer: 5", "5"],
    ["> **Answer:** 5", "5"],
    ["### Answer: 5", "5"],
    ["Answer: 5\n---", "5"],
    ["Answer:\n42", "42"],
    ["**Answer:**\n\n42", "42"],
    ["Answer:\n\n$$\n42\n$$", "42"],
    ["Answer: 42\nbecause it is.", "42"],
    ["Answer: 42\n\nAnswer: 43", "42"],
  ])("give the reference and leave the statement: %j", (line, answer) => {
    const text = `## Problem\nWhat?\n\n${line}\n`;
    check(text, [`heading: What? => ${answer}`]);
    const [problem] = findProblems(text).problems;
    expect(text.slice(problem?.reference?.range.start, problem?.reference?.range.end)).toBe(answer);
  });
  it("may stand in the middle, in a fence, or below a fence", () => {
    check("## Problem\nA.\n\nAnswer: 1\n\nB.", ["heading: A.||B. => 1"]);
    check("```problem\nA.\n\n**Answer:**\n$$\n1\n$$\n\nB.\n```", ["fence: A.||B. => 1"]);
    check("```problem\nA.\n```\n**Answer:** 2\n\nprose", ["fence: A. => 2"]);
    check("```problem\nA.\n```\n\nAnswer:\n\n2\n\nprose", ["fence: A. => 2"]);
  });
  it("in a code block of the problem are part of the code", () => {
    check("## Problem\n```python\nprint('x')\nAnswer: 3\n```", [
      "heading: ```python|print('x')|Answer: 3|```",
    ]);
  });
  it("are those of the setting", () => {
    check("## Problem\nA.\n\nLösung: 3", ["heading: A. => 3"], { answers: ["Lösung"] });
  });
  it("are none where the setting has no words", () => {
    check("## Problem\nA.\n\n::: note\nB.\n:::\n\n: C.", ["heading: A.||::: note|B.|:::||: C."], {
      answers: [],
    });
  });
  it("never leave a trace of the answer in the statement", () => {
    const secret = "271828";
    for (const line of [
      `Answer: ${secret}`,
      `- **Answer:** ${secret}`,
      `Answer:\n\n$$\n${secret}\n$$`,
      `> Answer: ${secret}`,
    ]) {
      for (const wrap of [
        `# Problem\nA.\n\n${line}`,
        `# Exercises\n- A.\n\n  ${line.replaceAll("\n", "\n  ")}`,
      ]) {
        const { problems } = findProblems(wrap);
        expect(problems.map(({ statement }) => statement)).toStrictEqual(["A."]);
        expect(problems[0]?.reference?.text).toBe(secret);
      }
    }
  });
});

describe("the rest of a document", () => {
  it("keeps comments and rules out of statements", () => {
    check("## Problem\nA <!-- easy --> b.\n\n<!-- 42 -->\n\n---\n\n## Problem\nC.\n\n---", [
      "heading: A  b.",
      "heading: C.",
    ]);
  });
  it("may be HTML that is indented", () => {
    check("# Problem\nA.\n\n  <details><summary>Answer</summary>\n\n42\n\n</details>", ["heading: A."]);
    const noted = findProblems("# Problem\nA.\n\n  <!-- a note -->\n\n# Notes\n").problems[0];
    expect(noted?.statementRange).toStrictEqual({ start: 10, end: 12 });
    const shown = findProblems("# Problem\nA.\n\n  <pre>\n<!-- rstar:end -->\n</pre>\n");
    expect(shown.issues).toStrictEqual([]);
    const open = findProblems("> # Problem\n> A.\n>\n> \t<!-- never closed\n");
    expect(open.issues).toMatchObject([{ kind: "unclosed-block" }]);
  });
  it("gets an id for each problem that no other has", () => {
    const ids = findProblems("# Problem\nA.\n# Problem\nB.\n```problem id=problem\nC.\n```").problems.map(
      ({ id }) => id,
    );
    expect(ids).toStrictEqual(["problem", "problem-2", "problem-3"]);
  });
  it("hashes a statement the same in any container and with any line ending", () => {
    const hashes = [
      "# Problem\nA\nb.",
      "> # Problem\r\n> A\r\n> b.\r\n",
      "- # Problem\n  A\n  b.\n\n  Answer: 3",
      "```problem\nA\nb.\n```",
      "> - **Problem 1.** A\n>   b.\n",
    ].map((text) => findProblems(text).problems[0]?.hash);
    expect(new Set(hashes).size).toBe(1);
  });
  it("reports a problem without text", () => {
    expect(findProblems("# Problem 1\n\n# Notes").issues).toMatchObject([{ kind: "empty-problem" }]);
    expect(findProblems("# Problem 1\n\n## Question a\nA?").issues).toStrictEqual([]);
  });
  it.each([
    ["thousands of quotes in quotes", `# Problem\nA.\n\n# Notes\n\n${">".repeat(5000)} # Problem\n`],
    ["thousands of items in items", `# Problem\nA.\n\n# Notes\n\n${"- ".repeat(5000)}x\n`],
    [
      "hundreds of half solutions",
      `# Problem\nA.\n\n${"<!-- rstar:solution v=1 problem=a trace=b -->\n\n".repeat(500)}`,
    ],
    ["a zero character", "# Problem\nA.\n\n<!-- \0 -->\n"],
  ])("survives %s", (_what, text) => {
    expect(findProblems(text).problems).toHaveLength(1);
  });
  it("is found the same through a cache after an edit", () => {
    const cache = new BlockCache();
    const before = "# Problem 1\nA.\n\n# Problem 2\nB.\n";
    findProblems(before, {}, cache);
    const after = before.replace("A.", "A changed.");
    expect(findProblems(after, {}, cache)).toStrictEqual(findProblems(after));
  });
});
