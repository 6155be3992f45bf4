/** How long an interpreter may take: what it waits for a core is not counted, within bounds. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadline } from "../../../server/sandbox/deadline.ts";

/** An interpreter that waits for a core during this share of the time, and after how long it was ended. */
class Waiting {
  readonly #share: number;
  readonly #began = performance.now();
  endedAfter: number | null = null;

  constructor(share: number) {
    this.#share = share;
  }

  get waitedMs(): number {
    return this.#share * (performance.now() - this.#began);
  }

  kill(): void {
    this.endedAfter ??= performance.now() - this.#began;
  }
}

describe("a deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ["that is never kept waiting, at the limit", 0, 1000],
    ["that waits half the time, at twice the limit", 0.5, 2000],
    ["that hardly ever gets a core, at three times the limit", 0.99, 3000],
  ])("ends one %s", async (_who, share, ms) => {
    const interpreter = new Waiting(share);
    const deadline = new Deadline(interpreter, new AbortController().signal);
    deadline.allow(1000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(Math.abs((interpreter.endedAfter ?? 0) - ms)).toBeLessThan(30);
    expect(deadline.settle()).toBe("timeout");
  });

  it("starts anew with each allowance, and ends nothing that is settled", async () => {
    const interpreter = new Waiting(0);
    const deadline = new Deadline(interpreter, new AbortController().signal);
    deadline.allow(1000);
    await vi.advanceTimersByTimeAsync(900);
    deadline.allow(1000);
    await vi.advanceTimersByTimeAsync(900);
    expect(deadline.settle()).toBeNull();
    await vi.advanceTimersByTimeAsync(5000);
    expect(interpreter.endedAfter).toBeNull();
  });
});
