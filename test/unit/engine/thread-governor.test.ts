/** Threads are given up while something else wants the processor, and taken back afterwards. */
import { describe, expect, it } from "vitest";
import { ThreadGovernor } from "../../../server/engine/thread-governor.ts";

/** Runs batches on a pretended machine; the result is the thread count of each. */
function run(
  governor: ThreadGovernor,
  batches: number,
  msPerToken: (threads: number) => number,
  tokens = (index: number): number => 8 + (index % 5),
): number[] {
  return Array.from({ length: batches }, (_, index) => {
    const threads = governor.threads();
    const size = tokens(index);
    governor.report(threads, size, (6 + size) * msPerToken(threads));
    return threads;
  });
}

/** How many batches the comparison at the start takes. */
const PROBE = 4;

const calm = (threads: number): number => 10 / threads;
const contended = (threads: number): number => (threads > 1 ? 100 : 12);

describe("ThreadGovernor", () => {
  it("uses all threads on a calm machine, whatever the size of the batches", () => {
    const sizes = (index: number): number => (index % 3 === 0 ? 80 : 1 + (index % 16));
    const governor = new ThreadGovernor(2);
    run(governor, PROBE, calm);
    expect(new Set(run(governor, 200, calm, sizes))).toEqual(new Set([2]));
  });

  it("uses fewer once all of them became many times slower, trying all ever more rarely", () => {
    const governor = new ThreadGovernor(2);
    run(governor, 50, calm);
    const used = run(governor, 200, contended);
    expect(used.filter((threads) => threads === 2).length).toBeLessThan(8);
  });

  it("finds at the start that fewer are faster, and later that all of them are", () => {
    const governor = new ThreadGovernor(2);
    const used = run(governor, 60, contended);
    expect(used.slice(0, PROBE)).toEqual([2, 2, 1, 1]);
    expect(used.slice(PROBE).filter((threads) => threads === 2).length).toBeLessThan(4);
    run(governor, 130, calm);
    expect(new Set(run(governor, 50, calm))).toEqual(new Set([2]));
  });

  it("returns to all threads when the machine is calm again", () => {
    const governor = new ThreadGovernor(4);
    run(governor, 50, calm);
    run(governor, 30, contended);
    run(governor, 130, calm);
    expect(new Set(run(governor, 50, calm))).toEqual(new Set([4]));
  });

  it("takes a slowly growing cost for what it is: a longer context", () => {
    const governor = new ThreadGovernor(2);
    run(governor, PROBE, calm);
    let cost = 5;
    expect(new Set(run(governor, 300, () => (cost *= 1.01)))).toEqual(new Set([2]));
  });

  it("has nothing to choose with one thread", () => {
    expect(new Set(run(new ThreadGovernor(1), 20, contended))).toEqual(new Set([1]));
  });
});
