/** The memory that a process can have, by what its system says of it. */
import { freemem, totalmem } from "node:os";
import { expect, it } from "vitest";
import { usableMemory } from "../../server/usable-memory.ts";

const GB = 1e9;
const machine = { total: 16 * GB, free: 6 * GB, limit: 0, own: 1 * GB };

it("is what is free, and on macOS half of all at least", () => {
  expect(usableMemory(machine, "linux")).toBe(6 * GB);
  expect(usableMemory({ ...machine, free: 0.2 * GB }, "darwin")).toBe(8 * GB);
});

it("is no more than a container may have, less what the process takes of it", () => {
  expect(usableMemory({ ...machine, limit: 4 * GB }, "linux")).toBe(3 * GB);
  expect(usableMemory({ ...machine, limit: 4 * GB, own: 5 * GB }, "linux")).toBe(0);
  // Where there is no limit, systems say the largest number that they have.
  expect(usableMemory({ ...machine, limit: 2 ** 64 }, "linux")).toBe(6 * GB);
});

it("is some of this machine's", () => {
  expect(usableMemory()).toBeGreaterThan(0);
  expect(usableMemory()).toBeLessThanOrEqual(Math.max(freemem() * 1.5, totalmem() / 2));
});
