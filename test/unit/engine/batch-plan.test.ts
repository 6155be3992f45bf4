/** A batch holds a token of every lane and no more prefill than its budget. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outputRows, planBatch, type PlannedLane, wholeGroups } from "../../../server/engine/batch-plan.ts";

const lane = (sequence: number, remaining: number, order = sequence): PlannedLane => ({
  sequence,
  remaining,
  order,
});

describe("planBatch", () => {
  it("gives the prefill budget to the oldest request first", () => {
    const limits = { beside: 30, alone: 64, size: 64, group: 1 };
    expect(planBatch([lane(0, 1), lane(1, 100, 7), lane(2, 20, 3)], limits)).toEqual([
      { sequence: 0, count: 1, padding: 0 },
      { sequence: 1, count: 12, padding: 0 },
      { sequence: 2, count: 20, padding: 0 },
    ]);
  });

  it("holds the oldest requests only while none decodes, each with as much as fits", () => {
    const limits = { beside: 8, alone: 72, size: 80, group: 1 };
    expect(planBatch([lane(0, 60, 2), lane(1, 50, 1), lane(2, 30, 3)], limits)).toEqual([
      { sequence: 0, count: 22, padding: 0 },
      { sequence: 1, count: 50, padding: 0 },
    ]);
    expect(planBatch([lane(0, 600)], limits)).toEqual([{ sequence: 0, count: 72, padding: 0 }]);
  });

  it("fills up to whole groups what is computed together beyond the first tokens", () => {
    const limits = { beside: 8, alone: 60, size: 80, group: 4 };
    expect(planBatch([lane(0, 1), lane(1, 3), lane(2, 20)], limits)).toEqual([
      { sequence: 0, count: 1, padding: 0 },
      { sequence: 1, count: 3, padding: 2 },
      { sequence: 2, count: 5, padding: 0 },
    ]);
    expect(planBatch([lane(0, 58), lane(1, 9)], limits)).toEqual([{ sequence: 0, count: 58, padding: 2 }]);
  });

  it("keeps every lane in while one decodes, in ascending order, within budget and batch, and wastes none of them", () => {
    const lanes = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(5)), { minLength: 1, maxLength: 12 })
      .map((entries) => entries.map(([remaining, order], sequence) => lane(sequence, remaining, order)));
    fc.assert(
      fc.property(lanes, fc.nat(128), fc.integer({ min: 12, max: 100 }), (all, beside, size) => {
        const plan = planBatch(all.toReversed(), { beside, alone: size, size, group: 1 });
        const sequences = plan.map((item) => item.sequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
        const decoding = all.some((entry) => entry.remaining === 1);
        if (decoding) expect(sequences).toEqual(all.map((entry) => entry.sequence));
        const taken = plan.reduce((sum, { count }) => sum + count, 0);
        for (const { sequence, count } of plan) {
          expect(count).toBeGreaterThanOrEqual(1);
          expect(count).toBeLessThanOrEqual(all[sequence]?.remaining ?? 0);
        }
        // Nothing is left over while a lane could have used it.
        const wanted = all.reduce((sum, entry) => sum + entry.remaining, 0);
        expect(taken).toBe(Math.min(wanted, size, decoding ? all.length + beside : Infinity));
      }),
    );
  });

  it("leaves nothing that is computed together without whole groups, whatever the lanes hold", () => {
    const group = 4;
    const lanes = fc
      .array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 12 })
      .map((entries) => entries.map((remaining, sequence) => lane(sequence, remaining)));
    fc.assert(
      fc.property(lanes, fc.nat(40), (all, beside) => {
        const plan = planBatch(all, { beside, alone: 60, size: 80, group });
        const rows = plan.map(({ count, padding }) => count + padding);
        for (const [at, { sequence, count }] of plan.entries()) {
          expect(count).toBeLessThanOrEqual(all[sequence]?.remaining ?? 0);
          expect((rows[at] ?? 0) - count).toBeLessThan(group);
        }
        const isBeside = all.some(({ remaining }) => remaining === 1);
        // What comes beyond the first token of each lane; without a lane that decodes, all of it.
        for (const count of rows) expect((count - (isBeside ? 1 : 0)) % group).toBe(0);
        const size = rows.reduce((sum, count) => sum + count, 0);
        expect(size + (isBeside ? wholeGroups(rows.length, group) - rows.length : 0)).toBeLessThanOrEqual(80);
      }),
    );
  });
});

describe("outputRows", () => {
  it("computes what is wanted and nothing else where there are no groups", () => {
    const items = [
      { rows: 1, read: 0 },
      { rows: 9, read: 8 },
      { rows: 5, read: null },
    ];
    expect(outputRows(items, 1)).toEqual([[0], [8], []]);
  });

  it("makes whole groups of the lanes that decode, and of each prompt's last rows", () => {
    const items = [
      { rows: 1, read: 0 },
      { rows: 9, read: 6 },
      { rows: 5, read: null },
      { rows: 1, read: null },
    ];
    expect(outputRows(items, 4)).toEqual([[0], [0, 5, 6, 7, 8], [0], [0]]);
    expect(outputRows([{ rows: 8, read: 6 }], 4)).toEqual([[4, 5, 6, 7]]);
  });
});
