import { describe, expect, it } from "vitest";
import { extractBoxed, plainValue } from "../../../server/search/final-answer.ts";

describe("the boxed answer", () => {
  it.each([
    ["The answer is \\boxed{42}.", "42"],
    ["\\boxed{1} and then \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"],
    ["\\boxed{x^{2}+1}", "x^{2}+1"],
    ["\\boxed{3} then \\boxed{never closed", "3"],
  ])("of %j is %j", (text, answer) => expect(extractBoxed(text)).toBe(answer));

  it.each(["", "no box", "\\boxed{", "\\boxed{}"])("of %j is missing", (text) =>
    expect(extractBoxed(text)).toBeNull(),
  );
});

describe("a plain printed value", () => {
  it.each([
    ["42", "42"],
    ["40.0", "40"],
    ["-3.50", "-3.50"],
    ["0.30000000000000004", "0.3"],
    ["3/4", "3/4"],
    ["[7]", "7"],
    ["[-1, 4]", "[-1, 4]"],
    ["sqrt(2)/2", "sqrt(2)/2"],
    ["x**2 + 1", "x**2 + 1"],
    ["$12.50", "$12.50"],
  ])("%j is kept as %j", (line, value) => expect(plainValue(line)).toBe(value));

  it.each([
    "",
    "18 apples",
    "The answer is 3",
    "True",
    "x = 3",
    "1 2",
    "{x: 3}",
    "a_1",
    "<built-in function sum>",
  ])("%j has to be read by the policy", (line) => expect(plainValue(line)).toBeNull());
});
