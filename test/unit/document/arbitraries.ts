/** Generators of solutions and of Markdown documents, for the property tests of this folder. */
import fc from "fast-check";

import {
  EVIDENCE_KINDS,
  type Evidence,
  type Solution,
  type SolutionStep,
} from "../../../server/document/solution.ts";

/** Text that tends to break Markdown: marks, fences, markers of ours, line endings, surrogates, controls. */
export const nastyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.constantFrom(
        "<!-- rstar:end -->",
        "<!-- rstar:solution v=1 problem=abc trace=t strategy=s model=m -->",
        "```",
        "````python",
        "~~~",
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        "$",
        "$x_1^2$",
        "$$",
        "\\",
        "\\frac{1}{2}",
        "**Step 1.**",
        "</sub>",
        " · ",
        "- ran: x",
        "# Problem 1",
        "> ",
        "1. ",
        "\t",
        "    ",
        "&#65;",
        "&amp;",
        "😀",
        "\ud83d",
        "\u0000",
        "\u2028",
        "\u202e",
        "\ufeff",
        "]:",
        "{a}",
        "\\text{Monday}",
        "50%",
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(""));

const longLine: fc.Arbitrary<string> = fc
  .constantFrom("x", "`", "$", "\\", " ", "·")
  .map((char) => char.repeat(10_000));

const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 20, arbitrary: nastyText },
  { weight: 1, arbitrary: longLine },
);

const number: fc.Arbitrary<number> = fc.oneof(fc.double(), fc.integer(), fc.double({ min: -1, max: 1 }));

/** Objects as literals make them, so that they compare strictly. */
const plain = { noNullPrototype: true } as const;

const evidence: fc.Arbitrary<Evidence> = fc.record(
  { kind: fc.constantFrom(...EVIDENCE_KINDS), holds: fc.option(fc.boolean()), text: nastyText },
  plain,
);

const step: fc.Arbitrary<SolutionStep> = fc.record(
  {
    number: fc.integer(),
    reason: text,
    code: text,
    output: text,
    value: fc.option(text),
    q: number,
    visits: fc.nat(),
    ppm: fc.option(number),
    evidence: fc.array(evidence, { maxLength: 3 }),
  },
  plain,
);

/** Any solution at all. */
export const anySolution: fc.Arbitrary<Solution> = fc.record(
  {
    traceId: nastyText,
    problemHash: fc.oneof(nastyText, fc.stringMatching(/^[0-9a-f]{12}$/)),
    strategy: nastyText,
    model: nastyText,
    answer: fc.option(
      fc.oneof(
        fc.record({ text: nastyText }, plain),
        fc.record({ text: fc.stringMatching(/^[-{}\\a-z0-9 .%]{1,9}$/) }, plain),
        fc.record({ text: nastyText, display: nastyText }, plain),
      ),
    ),
    answerEvidence: fc.array(evidence, { maxLength: 3 }),
    steps: fc.array(step, { maxLength: 3 }),
    seconds: fc.double(),
    tokens: fc.nat(),
  },
  {
    noNullPrototype: true,
    requiredKeys: ["traceId", "problemHash", "strategy", "model", "answer", "answerEvidence", "steps"],
  },
);

/** A plain solution, for tests about where it goes. */
export function plainSolution(problemHash = "0123456789ab"): Solution {
  return {
    traceId: "t1",
    problemHash,
    strategy: "mcts",
    model: "tiny",
    answer: { text: "4" },
    answerEvidence: [{ kind: "agreement", holds: true, text: "6 of 8 rollouts agree" }],
    steps: [
      {
        number: 1,
        reason: "Add the two numbers.",
        code: "total = 2 + 2\n\nprint(total)",
        output: "4\n",
        value: null,
        q: 0.75,
        visits: 8,
        ppm: 0.5,
        evidence: [{ kind: "ran", holds: true, text: "" }],
      },
      {
        number: 2,
        reason: "State the answer.",
        code: "total",
        output: "",
        value: "4",
        q: 1,
        visits: 1,
        ppm: null,
        evidence: [],
      },
    ],
    seconds: 3.5,
    tokens: 120,
  };
}

const PIECES: readonly string[] = [
  "# Notes",
  "## Problem 1",
  "### Problem: Café 😀 crème",
  "## Exercises",
  "#### Question 7. Gears",
  "Problem 3\n=========",
  "### Solution",
  "**Problem 1.** How many\nare 8 / 2?",
  "**Exercise 2 (Sums):**\\\nAdd 1.\n\n**(b)** Add 2.\nAnswer: 3",
  "__Question__",
  "**Solution.** It is 42.",
  "What is 2 + 2?",
  "Tom has 3 apples 🍎🍎🍎\nand eats $x^2$ of them.  ",
  "Answer: 4",
  "**Answer:** $\\frac{1}{2}$",
  "Answer:\n\n$$\n42\n$$",
  "What is 6 * 7?\nAnswer: 42\n---",
  "```problem\nHow many?\n\nAnswer: 5\n```",
  '```problem id=a title="B c"\n  What is 1 + 1?\n```',
  "~~~~ problem\n```\ncode\n```\n~~~~",
  "```python\n# Problem 9\n\n# Answer: 3\nprint(1)\n```",
  "```\nnever closed",
  "$$\nx = 1\n\n# no heading\n$$",
  "- one\n- two\n  - deep\n\n    text",
  "1. What is 3?\n   Answer: 3\n2. What is 4?\n10. And\n\n    ten?",
  "-\tA tab\n\n\tinside",
  "- [ ] a task\n- [x] another",
  "1. ## Problem in an item\n\n   Text of it\n2. two",
  "> quoted\n> more\nlazy",
  ">- item in a quote\n>\n>   what is it?",
  "<!-- a note -->",
  "<div>\ntext\n</div>",
  "<details><summary>Answer</summary>\n\n42\n\n</details>",
  "<!-- rstar:end -->",
  "<!-- rstar:solution v=1 problem=0123456789ab trace=old strategy=s model=m -->\n\n**Final answer:** $3$",
  "<!-- rstar:solution v=1 problem=0123456789ab trace=old strategy=s model=m -->\n\n**Final answer:** $3$\n\n<!-- rstar:end -->",
  "| a | b |\n|---|---|\n| 1 | 2 |",
  "[^1]: ## Problem in a footnote\n\n    with text",
  "---",
  "    indented code",
  "\tindented by a tab",
  "[ref]: https://example.org 'x'",
];

const piece: fc.Arbitrary<string> = fc.constantFrom(...PIECES);

/** Puts text into a quote or a list item, with the prefix on each line. */
function nest(inner: string, first: string, rest: string): string {
  return inner
    .split("\n")
    .map((line, index) => (index === 0 ? first + line : line === "" ? rest.trimEnd() : rest + line))
    .join("\n");
}

const level: fc.Arbitrary<string> = fc
  .array(fc.tuple(piece, fc.constantFrom("\n\n", "\n\n", "\n\n", "\n", "\n\n\n", "\n \t\n")), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.map(([text, gap]) => text + gap).join(""));

const nested: fc.Arbitrary<string> = fc
  .tuple(
    level,
    fc.array(
      fc.constantFrom(
        ["> ", "> "],
        ["- ", "  "],
        ["1. ", "   "],
        [">", ">"],
        ["-\t", "\t"],
        ["> - ", ">   "],
      ),
      {
        maxLength: 2,
      },
    ),
  )
  .map(([text, containers]) =>
    containers.reduce((inner, [first, rest]) => nest(inner.trimEnd(), first, rest), text),
  );

/** A Markdown document of pieces that matter here, with any line endings, with or without a last one. */
export const anyDocument: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom("", "", "---\ntitle: '# Problem 0'\n---\n", "\ufeff"),
    fc.array(fc.tuple(nested, fc.constantFrom("\n\n", "\n", "")), { maxLength: 5 }),
    fc.constantFrom("\n", "\n", "\r\n", "\r"),
    fc.boolean(),
  )
  .map(([front, parts, eol, trimmed]) => {
    const text = front + parts.map(([part, gap]) => part + gap).join("");
    return (trimmed ? text.trimEnd() : text).replaceAll("\n", eol);
  });
