/** What lists of answers and solutions are, and what they are not: problems. */
import { describe, it } from "vitest";

import { check } from "./check-problems.ts";

describe("an answer key", () => {
  const LIST = "# Exercises\n\n1. A?\n2. B?\n\n";
  it("below a list of problems is none, whatever it is called by", () => {
    for (const key of [
      "## Solutions\n\n1. 42\n2. 17\n\n### Remarks\n\n1. Note.",
      "**Answers:**\n\n1. 42\n2. 17\n\nText.\n\n1. More.",
      "<details><summary>Answers</summary>\n\n1. 42\n2. 17\n\n</details>",
      "<details>\n<summary>Answers</summary>\n\n1. 42\n2. 17\n</details>",
    ])
      check(`${LIST}${key}\n\n# Exercises\n\n1. C?`, ["item: A?", "item: B?", "item: C?"]);
  });
  it("ends where its heading's part of the text does, at a rule, or where it is folded", () => {
    check(`${LIST}## Solutions\n\n1. 42\n\n## More\n\n1. C?`, ["item: A?", "item: B?", "item: C?"]);
    check(`${LIST}## Solutions\n\n1. 42\n\n### Exercises\n\n1. C?`, ["item: A?", "item: B?", "item: C?"]);
    check(`${LIST}**Answers:**\n\n1. 42\n\n---\n\n1. C?`, ["item: A?", "item: B?", "item: C?"]);
    check(`${LIST}<details><summary>Answers</summary>\n\n1. 42\n\n</details>\n\n1. C?`, [
      "item: A?",
      "item: B?",
      "item: C?",
    ]);
  });
  it("is no solution between the problems of a list", () => {
    check("# Exercises\n\n1. A?\n\n**Solution:** 42\n\n2. B?\n\n**Solution.**\n\n17.\n\n3. C?", [
      "item: A?",
      "item: B?",
      "item: C?",
    ]);
    check("# Exercises\n\n- A?\n\n**Solution:** 42\n\n- B?", ["item: A?", "item: B?"]);
    check("# Exercises\n\n- A?\n\n**Solution.**\n\n17\n\n- B?", ["item: A?", "item: B?"]);
    for (const heading of ["### Solution", "### Answer: 42", "### Hint"])
      check(`# Exercises\n\n1. A?\n\n${heading}\n\n42\n\n2. B?`, ["item: A?", "item: B?"]);
    check("# Exercises\n\n## Proofs\n\n1. Show A.\n2. Show B.", ["item: Show A.", "item: Show B."]);
    check("# Exercises\n\n1. A?\n2. B?\n\n**Answers:**\n\n1. 42\n\nText.\n\n2. 17", ["item: A?", "item: B?"]);
  });
  it("is no list of problems that has the answers in its name, and no problem named by such a word", () => {
    for (const name of [
      "Questions & Answers",
      "Problems/Solutions",
      "Exercises + Hints",
      "Questions 1–2 & Answers",
    ])
      check(`# ${name}\n\n1. A?\n2. B?`, ["item: A?", "item: B?"]);
    check("## Exercise: Proof\nA?\n\n## Problem & Solution\nB?", ["heading: A?", "heading: B?"]);
  });
  it("is what a heading calls a problem's solution", () => {
    check(
      "### Problem 1\nA?\n### Problem 1 – Solution\n42\n### Exercise 3a (Answer)\n7\n" +
        "### Question 2: Solution sets\nB?\n\n**Problem 4 Solution.** 5\n",
      ["heading: A?", "heading: B?"],
    );
  });
});
