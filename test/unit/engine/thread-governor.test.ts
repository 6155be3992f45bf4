/** Threads are given up while something else wants the processor, and taken back afterwards. */
import { describe, expect, it } from "vitest";
import { coresUsedByOthers, ThreadGovernor } from "../../../server/engine/thread-governor.ts";

/** A pretended machine on which another process may be at work. */
class Machine {
  busy = false;
  readonly others = (): number => (this.busy ? 1 : 0);

  /** Runs batches; the result is the thread count of each. */
  run(
    governor: ThreadGovernor,
    batches: number,
    tokens = (index: number): number => 8 + (index % 5),
  ): number[] {
    return Array.from({ length: batches }, (_, index) => {
      const { threads } = governor;
      const size = tokens(index);
      const slow = this.busy && threads > 1 ? 20 : 1;
      governor.report(size, ((2 + size) * 10 * slow) / threads);
      return threads;
    });
  }
}

const count = (used: readonly number[], threads: number): number =>
  used.filter((entry) => entry === threads).length;

describe("ThreadGovernor", () => {
  it("begins carefully and then uses all threads on a calm machine, whatever the size of the batches", () => {
    const machine = new Machine();
    const governor = new ThreadGovernor(4, machine.others);
    const used = machine.run(governor, 200, (index) => (index % 3 === 0 ? 80 : 1 + (index % 16)));
    expect(used.slice(0, 3)).toEqual([2, 2, 4]);
    expect(count(used, 4)).toBe(198);
  });

  it("uses all threads from its first batches on when they are of one token, after a prompt of many", () => {
    const governor = new ThreadGovernor(2, () => 0);
    const used = [65, 63, ...Array.from({ length: 30 }, () => 1)].map((tokens) => {
      const { threads } = governor;
      // Measured with the 0.5B on two cores: 34 ms for one token with one thread, about 600 ms for 65.
      governor.report(tokens, (25 + 8.85 * tokens) / (threads === 2 ? 1.5 : 1));
      return threads;
    });
    expect(count(used, 2)).toBe(30);
  });

  it("gives one unlucky batch of a try another chance", () => {
    const governor = new ThreadGovernor(2, () => 0);
    for (const ms of [100, 100]) governor.report(8, ms);
    expect(governor.threads).toBe(2);
    governor.report(8, 120);
    expect(governor.threads).toBe(2);
    governor.report(8, 60);
    for (let batch = 0; batch < 20; batch++) governor.report(8, 60);
    expect(governor.threads).toBe(2);
  });

  it("never tries all threads while it sees others at work, but for a rare test of that", () => {
    const machine = new Machine();
    machine.busy = true;
    const used = machine.run(new ThreadGovernor(2, machine.others), 600);
    expect(count(used, 2)).toBeLessThanOrEqual(2);
  });

  it("gives threads up once all of them became many times slower, trying all ever more rarely", () => {
    const machine = new Machine();
    // What slows us down cannot be seen from here: a neighbour on the same host.
    const governor = new ThreadGovernor(2, () => 0);
    machine.run(governor, 50);
    machine.busy = true;
    expect(count(machine.run(governor, 500), 2)).toBeLessThan(10);
  });

  it("returns to all threads soon after the others are gone", () => {
    const machine = new Machine();
    const governor = new ThreadGovernor(2, machine.others);
    machine.run(governor, 50);
    machine.busy = true;
    machine.run(governor, 300);
    machine.busy = false;
    machine.run(governor, 16);
    expect(count(machine.run(governor, 50), 2)).toBe(50);
  });

  it("takes a slowly growing cost for what it is: a longer context", () => {
    const governor = new ThreadGovernor(2, () => 0);
    let cost = 5;
    for (let batch = 0; batch < 300; batch++) {
      governor.report(8, (cost *= 1.01) / governor.threads);
      if (batch >= 2) expect(governor.threads).toBe(2);
    }
  });

  it("has nothing to choose with one thread", () => {
    const machine = new Machine();
    expect(count(machine.run(new ThreadGovernor(1, machine.others), 20), 1)).toBe(20);
  });
});

describe("coresUsedByOthers", () => {
  it("is what all but this process used since the call before, and not below zero", () => {
    const times = [
      { all: 5000, own: 700, wall: 1000 },
      // A second: 1.9 cores at work, 1.5 of them for this process.
      { all: 6900, own: 2200, wall: 2000 },
      // Counters that are behind, and no time at all.
      { all: 6900, own: 2300, wall: 2100 },
      { all: 6900, own: 2300, wall: 2100 },
    ];
    const others = coresUsedByOthers(() => times.shift() ?? { all: NaN, own: NaN, wall: NaN });
    expect(others()).toBeCloseTo(0.4);
    expect([others(), others()]).toEqual([0, 0]);
  });

  it("reads the machine's own counters", () => {
    expect(coresUsedByOthers()()).not.toBeNaN();
  });
});
