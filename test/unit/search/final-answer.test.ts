import { describe, expect, it } from "vitest";
import { plainValue } from "../../../server/search/final-answer.ts";

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
