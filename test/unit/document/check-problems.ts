/** What tests expect to be found in a Markdown text. */
import { expect } from "vitest";

import { findProblems, type ProblemOptions } from "../../../server/document/problems.ts";

/** Each problem as `kind: statement`, with ` => answer` when it has one; `|` stands for a line break. */
export function check(text: string, expected: readonly string[], options?: ProblemOptions): void {
  const shown = findProblems(text, options).problems.map(({ kind, statement, reference }) => {
    const answer = reference === undefined ? "" : ` => ${reference.text}`;
    return `${kind}: ${statement.replaceAll("\n", "|")}${answer}`;
  });
  expect(shown).toStrictEqual(expected);
}
