/** Times and titles as people read them. */
import { expect, it } from "vitest";
import { formatSeconds, plainTitle } from "../../../src/format.ts";

it.each([
  [0.2, "1 s"],
  [89, "89 s"],
  [150, "3 min"],
])("%d seconds are %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

it("shows math in a title without its marks", () => {
  expect(plainTitle("Solve $5x = 3$ for **all** `x`")).toBe("Solve 5x = 3 for all x");
});
