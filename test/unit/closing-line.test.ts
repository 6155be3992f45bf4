/** What a run of the tests ends with. */
import { expect, it, vi } from "vitest";
import type { TestModule } from "vitest/node";
import ClosingLine from "../support/closing-line.ts";

/** A file of tests that ended so. */
function moduleOf(states: readonly string[], errors: readonly object[] = []): TestModule {
  const tests = states.map((state) => ({ result: () => ({ state }) }));
  return { errors: () => errors, children: { allTests: () => tests } } as unknown as TestModule;
}

function said(...modules: readonly TestModule[]): string {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    new ClosingLine().onTestRunEnd(modules, []);
    return write.mock.calls.map(([text]) => String(text)).join("");
  } finally {
    write.mockRestore();
  }
}

it("says how many tests passed and failed, a file that could not be run among them", () => {
  expect(said(moduleOf(["passed", "failed", "passed"]), moduleOf([], [{}]))).toBe("\n2 passed, 2 failed\n");
});

it("says before it how many were skipped", () => {
  expect(said(moduleOf(["passed", "skipped"]), moduleOf(["skipped"]))).toBe(
    "\n2 skipped\n1 passed, 0 failed\n",
  );
});
