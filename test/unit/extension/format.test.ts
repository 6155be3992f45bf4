/** Titles as people read them. */
import { expect, it } from "vitest";
import { plainTitle } from "../../../src/format.ts";

it("shows math in a title without its marks", () => {
  expect(plainTitle("Solve $5x = 3$ for **all** `x`")).toBe("Solve 5x = 3 for all x");
});
