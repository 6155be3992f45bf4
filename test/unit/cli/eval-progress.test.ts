/** What an evaluation under way says of itself where there is no terminal. */
import { PassThrough } from "node:stream";
import { afterEach, expect, test, vi } from "vitest";
import { createEvalProgress } from "../../../server/cli/eval-progress.ts";
import type { SearchOutcome } from "../../../server/evaluation/records.ts";

afterEach(() => vi.useRealTimers());

const OUTCOME = {
  ...{ method: "auto", budget: "8x", problem: "p-1" },
  grading: { strict: "equal" },
} as SearchOutcome;

test("the time left follows the pace of late, not the slow beginning", () => {
  vi.useFakeTimers();
  const stream = new PassThrough();
  const progress = createEvalProgress(stream as unknown as NodeJS.WriteStream);
  progress.begin(1000, 100);
  vi.advanceTimersByTime(3_600_000);
  const lines = (): string[] => String(stream.read() ?? "").split("\n");
  progress.show(OUTCOME);
  expect(lines().join("")).toMatch(/10% \(101\/1000\): 1 of 1 right, last: auto 8x, p-1$/u);
  for (let n = 0; n < 399; n++) {
    vi.advanceTimersByTime(60_000);
    progress.show(OUTCOME);
  }
  // 500 searches are left, a minute each.
  expect(lines().at(-2)).toMatch(
    /^50% \(500\/1000\): 400 of 400 right, about 8\.3 h left, last: auto 8x, p-1$/u,
  );
});
