/** The table of sequences finds prefixes, evicts what is worth least, and says where lanes have gaps. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commonLength, PrefixLog, SequenceTable } from "../../../server/engine/sequences.ts";

/** A table whose sequences hold these tokens, used in the order given. */
function table(...contents: readonly (readonly number[])[]): SequenceTable {
  const result = new SequenceTable(contents.length);
  for (const [index, sequence] of result.all.entries()) {
    sequence.tokens = [...(contents[index] ?? [])];
    sequence.usedAt = index + 1;
  }
  return result;
}

const anyone = (): boolean => true;

describe("longestPrefix", () => {
  it("finds the sequence that shares most, up to the limit", () => {
    const sequences = table([1, 2], [1, 2, 3, 9], [1, 5]);
    expect(sequences.longestPrefix([1, 2, 3, 4], 3)).toMatchObject({ sequence: { id: 1 }, length: 3 });
    expect(sequences.longestPrefix([1, 2, 3, 4], 2)).toMatchObject({ sequence: { id: 1 }, length: 2 });
    expect(sequences.longestPrefix([7], 1)).toBeNull();
  });

  it("agrees with comparing every sequence token by token", () => {
    const tokens = fc.array(fc.nat(2), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(tokens, { minLength: 1, maxLength: 6 }), tokens, (contents, target) => {
        const lengths = contents.map((content) => commonLength(content, target));
        const found = table(...contents).longestPrefix(target, target.length);
        expect(found?.length ?? 0).toBe(Math.max(...lengths));
        if (found !== null) expect(lengths[found.sequence.id]).toBe(found.length);
      }),
    );
  });
});

describe("victim", () => {
  it("prefers an empty sequence, then one that another starts with, then the least recently used", () => {
    expect(table([1, 2], [], [3]).victim(anyone)?.id).toBe(1);
    expect(table([4], [1, 2], [1, 2, 3]).victim(anyone)?.id).toBe(1);
    expect(table([4], [1, 2], [3]).victim(anyone)?.id).toBe(0);
  });

  it("never names a sequence that a lane extends or that is not allowed", () => {
    const sequences = table([], [1]);
    const [first] = sequences.all;
    if (first !== undefined) first.busy = true;
    expect(sequences.victim(anyone)?.id).toBe(1);
    expect(sequences.victim((sequence) => sequence.id !== 1)).toBeNull();
  });

  it("takes one of two equal sequences, not both, as redundant", () => {
    const sequences = table([1, 2], [1, 2]);
    expect(sequences.all.map((sequence) => sequences.isRedundant(sequence))).toEqual([false, true]);
  });
});

describe("gap", () => {
  it("names the lowest hole below a lane and the highest lane", () => {
    const sequences = table([1], [2], [3], [4]);
    for (const sequence of sequences.all) sequence.busy = sequence.id === 0 || sequence.id === 3;
    expect(sequences.gap()).toMatchObject({ hole: { id: 1 }, last: { id: 3 } });
  });

  it("is null for lanes that follow each other from 0", () => {
    const sequences = table([1], [2], [3]);
    for (const sequence of sequences.all) sequence.busy = sequence.id < 2;
    expect(sequences.gap()).toBeNull();
    expect(table([1]).gap()).toBeNull();
  });
});

describe("PrefixLog", () => {
  it("counts the prefixes that were evaluated before", () => {
    const log = new PrefixLog();
    expect(log.record([1, 2, 3], 0)).toBe(0);
    expect(log.record([1, 2, 4], 0)).toBe(2);
    expect(log.record([1, 2, 3, 5], 2)).toBe(1);
    expect(log.record([2, 1, 3], 0)).toBe(0);
  });

  it("forgets the oldest beyond its capacity", () => {
    const log = new PrefixLog(2);
    log.record([1, 2, 3, 4], 0);
    expect(log.record([1], 0)).toBe(0);
  });
});
