import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainValue } from "../../../server/search/final-answer.ts";

describe("a plain printed value", () => {
  it.each([
    ["42", "42"],
    ["40.0", "40"],
    ["-3.50", "-3.50"],
    ["0.30000000000000004", "0.3"],
    ["15.000000000000002", "15"],
    ["0.3333333333333333", "1/3"],
    ["-66.66666666666667", "-200/3"],
    ["0.0092592592592592587", "1/108"],
    ["11.7142857142857", "82/7"],
    ["0.540000000000000", "0.54"],
    ["0.3333", "0.3333"],
    ["333333.3333333333", "1000000/3"],
    ["1234567.1234567891", "1234567.123"],
    ["13651641371.383604", "13651641371.38"],
    ["428571428571.4286", "428571428571.43"],
    ["355687428096000.0", "355687428096000"],
    ["1125899906842624.0", "1125899906842624"],
    ["3.141592653589793", "3.141592654"],
    ["-318.187682756395", "-318.187682756395"],
    ["0.001018904467323", "0.001018904467323"],
    ["3/4", "3/4"],
    ["[7]", "7"],
    ["[-1, 4]", "[-1, 4]"],
    ["sqrt(2)/2", "sqrt(2)/2"],
    ["x**2 + 1", "x**2 + 1"],
    ["$12.50", "$12.50"],
  ])("%j is kept as %j", (line, value) => expect(plainValue(line)).toBe(value));

  it("finds every fraction that a program divided, whatever its sign, and makes none of an irrational number", () => {
    fc.assert(
      fc.property(fc.integer({ min: -5000, max: 5000 }), fc.integer({ min: 1, max: 1000 }), (over, under) => {
        const value = plainValue(String(over / under)) ?? "";
        const [numerator = NaN, denominator = 1] = value.split("/").map(Number);
        expect(Math.abs(numerator / denominator - over / under)).toBeLessThanOrEqual(
          1e-9 * Math.abs(over / under),
        );
        if (value.includes("/")) expect(numerator * under).toBe(over * denominator);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 1e6 }), (n) => {
        const root = Math.sqrt(n);
        if (!Number.isInteger(root)) expect(plainValue(String(root))).not.toContain("/");
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 1e6 }), fc.integer({ min: 1, max: 6 }), (n, zeros) => {
        const root = 10 ** zeros * Math.sqrt(n);
        if (!Number.isInteger(Math.sqrt(n))) expect(plainValue(String(root))).not.toContain("/");
      }),
    );
  });

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
    "--------",
    "***",
    "{}",
    "()",
    "[[]]",
    "...",
    "∞",
    "\\emptyset",
  ])("%j has to be read by the policy", (line) => expect(plainValue(line)).toBeNull());
});
