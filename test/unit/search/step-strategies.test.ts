/** Strategies that go step by step: whole levels, and steps that are taken again. */
import { describe, expect, it } from "vitest";
import type { Trace } from "../../../server/protocol/trace.ts";
import type { SearchConfig } from "../../../server/search/config.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import type { PolicyModel } from "../../../server/services.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP, tablePpm, type Script } from "../../support/fakes.ts";

function run(changes: Partial<SearchConfig>, policy: PolicyModel): Promise<Trace> {
  return solve(
    { id: "p", text: "What is 6 times 7?", reference: null },
    configOf({ ...changes, settleConfidence: 1 }),
    fakeServices(
      policy,
      tablePpm(() => 0.1),
    ),
    STAMP,
    new AbortController().signal,
  );
}

describe.each([
  ["beam", { candidates: 4, beams: 2 }, 8],
  ["dvts", { candidates: 4, beams: 2 }, 8],
  ["mcts", { candidates: 8, rollout: "steps" }, 8],
] as const)("%s, step by step", (strategy, changes, width) => {
  /** Programs of five steps of 16 tokens each. */
  const long: Script = (request, seed) => {
    const after = (request.prefix.join("").split("Question:").at(-1) ?? "").split(MARK.endOfStep).length - 1;
    const step = (n: number): string =>
      `# Step ${n}: Go on.\n${n === 5 ? "print(42)" : `a = ${seed}`} # ${"x ".repeat(8)}`;
    if (request.stop.includes(MARK.endOfStep))
      return { text: step(after + 1), stop: after < 4 ? MARK.endOfStep : MARK.endOfCode };
    const rest = Array.from({ length: 5 - after }, (_, index) => step(after + 1 + index));
    return { text: rest.join(`\n${MARK.endOfStep}\n`), stop: MARK.endOfCode };
  };

  it.each([100, 350, 600, 1100])(
    "with %d tokens draws whole levels only, and ends with an answer",
    async (budgetTokens) => {
      const policy = scriptedPolicy(long);
      const trace = await run({ strategy, ...changes, budgetTokens }, policy);
      const levels = policy.requests.filter(({ stop }) => stop.includes(MARK.endOfStep));
      const drawn = levels.reduce((sum, { seeds }) => sum + seeds.length, 0);
      expect(drawn % width).toBe(0);
      for (const { seeds } of levels) expect([4, 8]).toContain(seeds.length);
      expect(trace.nodes[trace.chosen ?? 0]?.answer).toBe("42");
      expect(trace.cost.generatedTokens).toBeLessThan(budgetTokens + 100);
    },
  );
});

it.each(["beam", "dvts"] as const)(
  "%s takes a first step again that an earlier pass took",
  async (strategy) => {
    const script: Script = (request, seed) =>
      request.prefix.join("").endsWith(`a = 1${MARK.endOfStep}`) || request.prefix.at(-1)?.includes("a = 1")
        ? { text: `# Step 2: Print.\nprint(42) # ${seed}`, stop: MARK.endOfCode }
        : { text: "# Step 1: Set.\na = 1", stop: MARK.endOfStep };
    const changes = { candidates: 4, beams: 2, budgetTokens: 600 };
    const trace = await run({ strategy, ...changes }, scriptedPolicy(script));
    const [, first] = trace.nodes;
    expect(first?.text).toContain("a = 1");
    // One pass draws eight.
    expect(trace.nodes.filter(({ parent }) => parent === first?.id).length).toBeGreaterThan(8);
  },
);
