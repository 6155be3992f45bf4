/** A batch holds a token of every lane and no more prefill than its budget. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planBatch, type PlannedLane } from "../../../server/engine/batch-plan.ts";

const lane = (sequence: number, remaining: number, order = sequence): PlannedLane => ({
  sequence,
  remaining,
  order,
});

describe("planBatch", () => {
  it("gives the prefill budget to the oldest request first", () => {
    expect(planBatch([lane(0, 1), lane(1, 100, 7), lane(2, 20, 3)], 30, 64)).toEqual([
      { sequence: 0, count: 1 },
      { sequence: 1, count: 12 },
      { sequence: 2, count: 20 },
    ]);
  });

  it("holds the oldest requests only while none decodes, each with as much as fits", () => {
    expect(planBatch([lane(0, 60, 2), lane(1, 50, 1), lane(2, 30, 3)], 8, 72)).toEqual([
      { sequence: 0, count: 22 },
      { sequence: 1, count: 50 },
    ]);
    expect(planBatch([lane(0, 600)], 8, 72)).toEqual([{ sequence: 0, count: 72 }]);
  });

  it("keeps every lane in while one decodes, in ascending order, within budget and batch, and wastes none of them", () => {
    const lanes = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(5)), { minLength: 1, maxLength: 12 })
      .map((entries) => entries.map(([remaining, order], sequence) => lane(sequence, remaining, order)));
    fc.assert(
      fc.property(lanes, fc.nat(128), fc.integer({ min: 12, max: 100 }), (all, prefill, batchSize) => {
        const plan = planBatch(all.toReversed(), prefill, batchSize);
        const sequences = plan.map((item) => item.sequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
        const decoding = all.some((entry) => entry.remaining === 1);
        if (decoding) expect(sequences).toEqual(all.map((entry) => entry.sequence));
        const size = plan.reduce((sum, { count }) => sum + count, 0);
        for (const { sequence, count } of plan) {
          expect(count).toBeGreaterThanOrEqual(1);
          expect(count).toBeLessThanOrEqual(all[sequence]?.remaining ?? 0);
        }
        // Nothing is left over while a lane could have used it.
        const wanted = all.reduce((sum, entry) => sum + entry.remaining, 0);
        expect(size).toBe(Math.min(wanted, batchSize, decoding ? all.length + prefill : Infinity));
      }),
    );
  });
});
