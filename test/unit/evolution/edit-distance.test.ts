import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differByAtLeast } from "../../../server/evolution/edit-distance.ts";

/** The textbook recursion. */
function distance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  if (a[0] === b[0]) return distance(a.slice(1), b.slice(1));
  return 1 + Math.min(distance(a.slice(1), b), distance(a, b.slice(1)), distance(a.slice(1), b.slice(1)));
}

describe("edit distance", () => {
  it("is at least what it is said to be at least, and no more", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 7 });
    fc.assert(
      fc.property(word, word, fc.nat(9), (a, b, least) => {
        expect(differByAtLeast(a, b, least)).toBe(distance(a, b) >= least);
      }),
      { numRuns: 300 },
    );
  });
});
