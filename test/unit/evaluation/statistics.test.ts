/** The statistics against values worked out by hand or by another program. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frontier, sharedSeconds } from "../../../server/evaluation/cost.ts";
import {
  bootstrapMean,
  holm,
  mcNemarExact,
  pairedCounts,
  randomNumbers,
  signFlipExact,
} from "../../../server/evaluation/statistics.ts";

const counts = (onlyFirst: number, onlySecond: number) => ({ both: 5, onlyFirst, onlySecond, neither: 5 });

describe("McNemar's exact test", () => {
  it.each([
    // 2 * (1 + 8) / 2^8 = 18 / 256
    [1, 7, 0.0703125],
    // 2 * (1 + 10 + 45) / 2^10 = 112 / 1024
    [2, 8, 0.109375],
    // 2 / 2^5
    [0, 5, 0.0625],
    // 2 * (C(10,0) + … + C(10,5)) / 2^10 is above one
    [5, 5, 1],
    [0, 0, 1],
    // 2 * (1 + 12 + 66 + 220) / 2^12 = 598 / 4096
    [3, 9, 0.14599609375],
  ])("%i against %i", (first, second, p) => {
    expect(mcNemarExact(counts(first, second))).toBeCloseTo(p, 6);
    expect(mcNemarExact(counts(second, first))).toBeCloseTo(p, 6);
  });

  it.each([
    // (1 + 8) / 2^8 = 9 / 256
    [7, 1, 0.03515625],
    // 1 - 1 / 2^8
    [1, 7, 0.99609375],
    // (C(10,0) + … + C(10,5)) / 2^10 = 638 / 1024
    [5, 5, 0.623046875],
    [0, 0, 1],
  ])("asked whether the first is better: %i against %i", (first, second, p) => {
    expect(mcNemarExact(counts(first, second), "first")).toBeCloseTo(p, 6);
  });

  it("holds its digits where 2^-n is zero in floating point", () => {
    // The normal approximation with continuity correction: z = (|b - c| - 1) / sqrt(b + c) = 99 / sqrt(2000) = 2.2137,
    // two-sided 0.02685.
    expect(mcNemarExact(counts(950, 1050))).toBeCloseTo(0.0268, 3);
    expect(mcNemarExact(counts(1000, 1000))).toBe(1);
  });

  it("counts pairs by position", () => {
    expect(pairedCounts([true, true, false, false, true], [true, false, true, false, true])).toEqual({
      both: 2,
      onlyFirst: 1,
      onlySecond: 1,
      neither: 1,
    });
  });
});

describe("the sign-flip test", () => {
  it.each([
    // Of the 8 sums of ±1 ±1 ±2 those of at least 4: 4 and -4.
    [[1, 1, 2], 0.25],
    // Of the 8 sums of ±1 ±2 ±3 those of at least 4: ±6 and ±4 (3 + 2 - 1).
    [[-1, 2, 3], 0.5],
    [[0, 0], 1],
    [[], 1],
    [[2, -2], 1],
  ])("of %j", (differences, p) => {
    expect(signFlipExact(differences)).toBe(p);
  });

  it("agrees with going through all signs", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -6, max: 6 }), { maxLength: 8 }), (differences) => {
        const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
        const sums = Array.from({ length: 2 ** differences.length }, (_, signs) =>
          sum(differences.map((one, at) => ((signs >> at) & 1 ? one : -one))),
        );
        const far = sums.filter((one) => Math.abs(one) >= Math.abs(sum(differences)));
        expect(signFlipExact(differences)).toBeCloseTo(far.length / sums.length, 5);
      }),
    );
  });

  it("of differences of one is McNemar's, where 2^-n is zero in floating point too", () => {
    const ones = (more: number, less: number) => [
      ...new Array<number>(more).fill(1),
      ...new Array<number>(less).fill(-1),
    ];
    for (const [more, less] of [
      [7, 1],
      [3, 9],
      [950, 1050],
    ] as const)
      expect(signFlipExact(ones(more, less))).toBeCloseTo(mcNemarExact(counts(more, less)), 6);
  });
});

describe("Holm's correction", () => {
  it("multiplies by what is left and never steps back", () => {
    // Sorted: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1 (below the step before, so 0.06).
    const corrected = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((p, index) => expect(corrected[index]).toBeCloseTo(p, 12));
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});

describe("the bootstrap", () => {
  it("gives the percentiles of all resamples: two problems, one solved", () => {
    // A resample of two is 0, 0.5 or 1 with chances 1/4, 1/2, 1/4.
    expect(bootstrapMean([0, 1], 1)).toEqual([0, 1]);
    expect(bootstrapMean([1, 1, 1], 1)).toEqual([1, 1]);
    expect(bootstrapMean([], 1)).toEqual([0, 0]);
  });

  it("agrees with the binomial distribution: 100 problems, 30 solved", () => {
    // The 2.5th and 97.5th percentiles of a binomial(100, 0.3) are 21 and 39.
    const values = Array.from({ length: 100 }, (_, index) => (index < 30 ? 1 : 0));
    expect(bootstrapMean(values, 7)).toEqual([0.21, 0.39]);
  });

  it("is the same for the same seed and within the values' range", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        (values, seed) => {
          const [low, high] = bootstrapMean(values, seed, 200);
          expect(bootstrapMean(values, seed, 200)).toEqual([low, high]);
          expect(low).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        },
      ),
    );
  });

  it("draws evenly", () => {
    const random = randomNumbers(3);
    const bins = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw++) {
      const bin = Math.floor(random() * 10);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    // Four standard deviations of a bin's count around 1000: 4 * sqrt(900).
    for (const bin of bins) expect(Math.abs(bin - 1000)).toBeLessThan(120);
  });
});

describe("shared seconds", () => {
  const search = (begun: number, total: number) => ({ begun, ms: { total } });

  it("divides every moment among the searches under way", () => {
    // 0-1 s: a; 1-2 s: a and b; 2-3 s: b; 3-5 s: none; 5-6 s: c.
    const [a, b, c] = [search(0, 2000), search(1000, 2000), search(5000, 1000)];
    const { total, shares } = sharedSeconds([c, a, b]);
    expect(total).toBe(4);
    expect([a, b, c].map((one) => shares.get(one))).toEqual([1.5, 1.5, 1]);
  });

  it("adds up to the time during which anything was searched", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(10_000), fc.nat(5000)), { maxLength: 30 }), (spans) => {
        const searches = spans.map(([begun, total]) => search(begun, total));
        const { total, shares } = sharedSeconds(searches);
        const sum = [...shares.values()].reduce((all, one) => all + one, 0);
        expect(sum).toBeCloseTo(total, 6);
        const busy = new Set(
          spans.flatMap(([begun, ms]) => Array.from({ length: ms }, (_, at) => begun + at)),
        );
        expect(total).toBeCloseTo(busy.size / 1000, 6);
      }),
      { numRuns: 30 },
    );
  });
});

describe("the frontier", () => {
  it("keeps what nothing beats at the same cost or less", () => {
    expect(frontier([1, 2, 3, 4], [0.2, 0.5, 0.4, 0.6])).toEqual([true, true, false, true]);
    // Of equals in value the cheaper one; full equals stay both.
    expect(frontier([1, 2], [0.5, 0.5])).toEqual([true, false]);
    expect(frontier([1, 1], [0.5, 0.5])).toEqual([true, true]);
  });
});
