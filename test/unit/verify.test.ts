import { expect, test } from "vitest";
import type { Solution } from "../../server/document/solution.ts";
import type { RunResult, Sandbox } from "../../server/services.ts";
import { verifySolution } from "../../server/verify.ts";
import { textGrader } from "../support/fakes.ts";

/** What each step prints, and the value of its last expression. */
function printing(results: readonly (readonly [output: string, value: string | null])[]): Sandbox {
  return {
    run: (state, code): Promise<RunResult> => {
      const [output = "", value = null] = results[state.program.length] ?? [];
      const program = [...state.program, code];
      return Promise.resolve({
        ...{ kind: "ok", code, output, value, truncated: false, assertions: 0, ms: 1 },
        state: { program },
      });
    },
  };
}

test("the answer is checked against what the search takes for printed", async () => {
  const results = [
    ["5\n", null],
    ["", "7"],
    ["", null],
  ] as const;
  const solution = {
    steps: results.map(([output, value], index) => ({ code: `step ${index}`, output, value })),
    answer: { text: "5" },
  } as unknown as Solution;
  const check = await verifySolution(solution, printing(results), textGrader, new AbortController().signal);
  expect(check).toMatchObject({ answer: "follows", holds: true });
});
