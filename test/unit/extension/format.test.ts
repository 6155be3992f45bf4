/** Sizes and times as people read them. */
import { expect, it } from "vitest";
import { formatBytes, formatSeconds, plainTitle } from "../../../src/format.ts";

it.each([
  [491_400_064, "491 MB"],
  [1_117_320_768, "1.1 GB"],
  [900, "1 kB"],
])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [0.2, "1 s"],
  [89, "89 s"],
  [150, "3 min"],
])("%d seconds are %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

it("shows math in a title without its marks", () => {
  expect(plainTitle("Solve $5x = 3$ for **all** `x`")).toBe("Solve 5x = 3 for all x");
});
