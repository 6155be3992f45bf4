import { expect, it } from "vitest";
import { MARK } from "../../../server/search/grammar.ts";
import { startSearch } from "../../../server/search/solve.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP, type Script } from "../../support/fakes.ts";

const PROBLEM = { id: "p", text: "What is 6 times 7?", reference: null };

/** Forgets an import in its first step and prints in its second. */
const forgetful: Script = (_request, _seed, prompt) =>
  prompt.includes("Step 1")
    ? { text: "# Step 2: Print.\nprint(42)", stop: MARK.endOfCode }
    : { text: "# Step 1: Set up.\na = sqrt(4)", stop: MARK.endOfStep };

it("keeps what the policy wrote, and runs, stores and shows the next step what was run in its place", async () => {
  const services = fakeServices(scriptedPolicy(forgetful));
  const asked: string[] = [];
  const states: (readonly string[])[] = [];
  const imported = (code: string): string => code.replace("\na = sqrt", "\nfrom sympy import sqrt\na = sqrt");
  const trace = await startSearch(
    PROBLEM,
    configOf({ strategy: "mcts", rollout: "steps", rollouts: 1, candidates: 1, budgetTokens: 400 }),
    {
      ...services,
      policy: {
        ...services.policy,
        propose: (requests, signal) => {
          asked.push(...requests.map(({ prefix }) => prefix.join("")));
          return services.policy.propose(requests, signal);
        },
      },
      sandbox: {
        run: async (state, step, signal, options) => {
          expect(options).toEqual({ completeImports: true });
          states.push(state.program);
          return services.sandbox.run(state, imported(step), signal);
        },
      },
    },
    STAMP,
    new AbortController().signal,
  ).done;
  const written = "# Step 1: Set up.\na = sqrt(4)";
  expect(trace.nodes[1]).toMatchObject({ text: written, code: imported(written) });
  expect(asked[1]).toContain(`${imported(written)}\n${MARK.endOfStep}\n`);
  expect(states[1]).toEqual([imported(written)]);
});
