import { describe, expect, it } from "vitest";
import { Trace, type TraceNode } from "../../../server/protocol/trace.ts";
import type { SearchEvent } from "../../../server/protocol/events.ts";
import { STRATEGIES, type SearchConfig } from "../../../server/search/config.ts";
import { MARK } from "../../../server/search/grammar.ts";
import type { SearchServices } from "../../../server/search/services.ts";
import { isSettled } from "../../../server/search/vote.ts";
import { solve } from "../../../server/search/solve.ts";
import {
  ServiceUnavailable,
  type PolicyModel,
  type PreferenceModel,
  type ProposeRequest,
} from "../../../server/services.ts";
import {
  configOf,
  fakeServices,
  scriptedPolicy,
  STAMP,
  tablePpm,
  wordSandbox,
  type Script,
} from "../../support/fakes.ts";

const PROBLEM = { id: "p", text: "What is 6 times 7?", reference: null };

/** Two-step programs; the seed decides the answer, and now and then a step fails or is never closed. */
const noisy: Script = (request, seed) => {
  const isStep = request.stop.includes(MARK.endOfStep);
  const steps = (request.prefix.join("").split("Question:").at(-1) ?? "").split(MARK.endOfStep).length - 1;
  const answer = seed % 5 === 0 ? "41" : "42";
  const first = seed % 7 === 0 ? "# Step 1: Fail.\nraise" : `# Step 1: Set ${seed % 3}.\na = ${seed % 3}`;
  const last = `# Step 2: Print.\nprint(${answer})`;
  if (!isStep) {
    if (seed % 11 === 0) return { text: first, stop: null };
    return steps === 0
      ? { text: `${first}\n<end_of_step>\n${last}`, stop: MARK.endOfCode }
      : { text: last, stop: MARK.endOfCode };
  }
  return steps === 0 ? { text: first, stop: MARK.endOfStep } : { text: last, stop: MARK.endOfCode };
};

function run(
  changes: Partial<SearchConfig>,
  script: Script = noisy,
  ppm: PreferenceModel | null = null,
  more: {
    reference?: string;
    signal?: AbortSignal;
    emit?: (event: SearchEvent) => void;
    services?: Partial<SearchServices>;
  } = {},
): Promise<Trace> {
  return solve(
    { ...PROBLEM, reference: more.reference ?? null },
    configOf(changes),
    { ...fakeServices(scriptedPolicy(script), ppm), ...more.services },
    STAMP,
    more.signal ?? new AbortController().signal,
    more.emit,
  );
}

const answerOf = (trace: Trace): string | null | undefined =>
  trace.chosen === null ? null : trace.nodes[trace.chosen]?.answer;

describe.each(STRATEGIES.map((name) => [name] as const))("%s", (strategy) => {
  it("gives the same trace for the same seed, byte for byte, and another for another", async () => {
    const config = { strategy, budgetTokens: 300 };
    const [one, two, other] = [await run(config), await run(config), await run({ ...config, seed: 2 })];
    expect(JSON.stringify(one)).toBe(JSON.stringify(two));
    expect(JSON.stringify(other.nodes)).not.toBe(JSON.stringify(one.nodes));
  });

  it("writes a trace that the schema accepts, with parents before children and visits that add up", async () => {
    const trace = await run({ strategy, budgetTokens: 300 });
    expect(Trace.parse(trace)).toEqual(trace);
    for (const node of trace.nodes) {
      if (node.parent !== null) expect(node.parent).toBeLessThan(node.id);
      const children = trace.nodes.filter((child) => child.parent === node.id);
      const below = children.reduce((sum, child) => sum + child.visits, 0);
      if (node.status === "ok" && node.kind !== "answer") expect(node.visits).toBeGreaterThanOrEqual(below);
    }
  });

  it("keeps to its budget but for the batch under way", async () => {
    const trace = await run({ strategy, budgetTokens: 200, settleConfidence: 1 });
    expect(trace.cost.generatedTokens).toBeLessThan(200 + 8 * 20);
    expect(trace.cost.generatedTokens).toBe(
      trace.nodes.reduce((sum, node) => sum + node.cost.generatedTokens, 0),
    );
  });

  it("keeps rejected candidates with their reason and never extends them", async () => {
    const trace = await run({ strategy, budgetTokens: 400, settleConfidence: 1 });
    const rejected = trace.nodes.filter((node) => node.status === "rejected");
    for (const node of rejected) {
      expect(node.rejection?.message).not.toBe("");
      expect(trace.nodes.some((child) => child.parent === node.id)).toBe(false);
    }
  });

  it("tells of every node again when its visits change", async () => {
    const told = new Map<number, number>();
    const trace = await run({ strategy, budgetTokens: 300 }, noisy, null, {
      emit: (event) => {
        if (event.kind === "candidate") told.set(event.node.id, event.node.visits);
      },
    });
    const steps = trace.nodes.filter(({ kind }) => kind !== "root");
    expect(steps.map(({ id }) => told.get(id))).toEqual(steps.map(({ visits }) => visits));
  });

  it("hands back what it found when it is cancelled", async () => {
    const controller = new AbortController();
    let candidates = 0;
    const trace = await run({ strategy, budgetTokens: 5000, settleConfidence: 1 }, noisy, null, {
      signal: controller.signal,
      emit: (event) => {
        if (event.kind === "candidate" && ++candidates === 1) controller.abort();
      },
    });
    // Greedy has nothing left to cancel once its candidates are told.
    expect(trace.stop).toBe(strategy === "greedy" ? "done" : "cancelled");
    expect(trace.nodes.length).toBeGreaterThan(1);
  });

  it("never shows a model the reference answer", async () => {
    const policy = scriptedPolicy(noisy);
    await run({ strategy, budgetTokens: 300 }, noisy, null, {
      reference: "secret-reference",
      services: { policy },
    });
    expect(policy.requests.length).toBeGreaterThan(0);
    expect(policy.requests.some((request) => request.prefix.join("").includes("secret"))).toBe(false);
  });

  it("ends without an answer, and with the reason, when every program fails", async () => {
    const trace = await run({ strategy, budgetTokens: 100 }, () => ({
      text: "# Step 1\nraise",
      stop: MARK.endOfCode,
    }));
    expect(trace.chosen).toBeNull();
    expect(trace.nodes.some((node) => node.rejection?.kind === "error")).toBe(true);
  });
});

describe("self-consistency", () => {
  it("takes the answer that most trajectories give and stops once it is settled", async () => {
    const trace = await run({ strategy: "self-consistency", budgetTokens: 10_000 });
    expect(answerOf(trace)).toBe("42");
    expect(trace.stop).toBe("settled");
    expect(trace.cost.generatedTokens).toBeLessThan(1000);
  });

  it("lets what it began with few tokens left run to its end", async () => {
    const policy = scriptedPolicy(noisy);
    const changes = { strategy: "self-consistency", budgetTokens: 100, settleConfidence: 1 } as const;
    const trace = await run(changes, noisy, null, { services: { policy } });
    expect(trace.stop).toBe("budget");
    const continuations = policy.requests.filter(({ stop }) => !stop.includes(MARK.endOfStep));
    expect(new Set(continuations.map(({ maxTokens }) => maxTokens))).toEqual(
      new Set([configOf(changes).maxContinuationTokens]),
    );
  });
});

describe("best-of-N without a PPM", () => {
  it("takes the answer whose steps the policy was surest of, however few they are", async () => {
    const short = "print(41)";
    const long = "a = 6\n<end_of_step>\nb = 7\n<end_of_step>\nprint(42)";
    const scripted = scriptedPolicy((_request, seed) => ({
      text: seed % 2 === 0 ? short : long,
      stop: MARK.endOfCode,
    }));
    const policy: PolicyModel = {
      ...scripted,
      propose: async (requests, signal) =>
        (await scripted.propose(requests, signal)).map((result) =>
          result.kind !== "candidates"
            ? result
            : {
                ...result,
                candidates: result.candidates.map((candidate) => ({
                  ...candidate,
                  logProb: { mean: candidate.text === short ? -0.4 : -0.3, min: -1 },
                })),
              },
        ),
    };
    const trace = await run({ strategy: "best-of-n", budgetTokens: 200 }, noisy, null, {
      services: { policy },
    });
    expect(trace.votes.map(({ answer }) => answer).sort()).toEqual(["41", "42"]);
    expect(answerOf(trace)).toBe("42");
  });
});

describe("the PPM", () => {
  const likes41 = tablePpm((prefix) => (prefix.includes("41") ? 0.9 : -0.9));

  it("outweighs the number of trajectories in the vote", async () => {
    const trace = await run(
      { strategy: "self-consistency", budgetTokens: 800, settleConfidence: 1 },
      noisy,
      likes41,
    );
    const votes = trace.votes;
    expect(votes[0]?.answer).toBe("41");
    expect(votes[0]?.count).toBeLessThan(votes[1]?.count ?? 0);
  });

  it("keeps a vote open that another answer leads by count", async () => {
    const config = { strategy: "self-consistency", budgetTokens: 300 } as const;
    const firstIs41 = (): Script => {
      let drawn = 0;
      return () => ({ text: `print(${drawn++ === 0 ? 41 : 42})`, stop: MARK.endOfCode });
    };
    const { stop, votes } = await run(config, firstIs41(), likes41);
    expect(votes.map(({ answer }) => answer)).toEqual(["41", "42"]);
    expect(isSettled(votes[1]?.count ?? 0, votes[0]?.count ?? 0, 0.95)).toBe(true);
    expect(stop).toBe("budget");
    expect((await run(config, firstIs41())).stop).toBe("settled");
  });

  it("chooses the trajectory of best-of-N", async () => {
    const trace = await run({ strategy: "best-of-n", budgetTokens: 800 }, noisy, likes41);
    expect(answerOf(trace)).toBe("41");
  });

  it("ends the search when it fails, and says why", async () => {
    const broken: PreferenceModel = {
      ...likes41,
      score: (prefixes) => Promise.resolve(prefixes.map(() => ({ kind: "failed", reason: "no memory" }))),
    };
    const trace = await run({ strategy: "mcts", budgetTokens: 300 }, noisy, broken);
    expect(trace).toMatchObject({ stop: "failed", failure: "The PPM could not go on: no memory" });
    expect(trace.votes).not.toEqual([]);
  });

  it("has no score for what is too long for it, and the search goes on", async () => {
    const short: PreferenceModel = {
      ...likes41,
      score: (prefixes) =>
        Promise.resolve(prefixes.map(() => ({ kind: "too-long", tokens: 9000, limit: 2048 }))),
    };
    const trace = await run({ strategy: "mcts", budgetTokens: 300 }, noisy, short);
    expect(trace.failure).toBeNull();
    expect(trace.nodes.every(({ ppm }) => ppm === null)).toBe(true);
    expect(trace.chosen).not.toBeNull();
  });

  it("scores every node that ran, and no other", async () => {
    const trace = await run({ strategy: "mcts", budgetTokens: 300 }, noisy, likes41);
    for (const node of trace.nodes)
      if (node.kind !== "root") expect(node.ppm !== null).toBe(node.status === "ok");
  });
});

describe("terminal-guided annotation", () => {
  it("gives +1 and -1 by the reference answer", async () => {
    const trace = await run(
      {
        strategy: "mcts",
        budgetTokens: 400,
        annotation: "reference",
        settleConfidence: 1,
        deadEndValue: null,
      },
      noisy,
      null,
      { reference: "41" },
    );
    const ends = trace.nodes.filter((node): node is TraceNode => node.kind === "answer" && node.visits > 0);
    expect(ends.length).toBeGreaterThan(1);
    for (const node of ends) expect(node.sum / node.visits).toBe(node.answer === "41" ? 1 : -1);
  });
});

describe("MCTS by the paper's profile", () => {
  it("expands step by step from nodes that ran", async () => {
    const trace = await run({
      strategy: "mcts",
      rollout: "steps",
      budgetTokens: 600,
      rollouts: 6,
      settleConfidence: 1,
    });
    expect(trace.nodes.filter((node) => node.parent === 0).length).toBeGreaterThan(1);
    expect(trace.trajectories.finished).toBeGreaterThan(1);
  });

  it("goes on below a good step when a candidate beside it closed the program and was rejected", async () => {
    let drawn = 0;
    const trace = await run(
      { strategy: "mcts", rollout: "steps", candidates: 2, rollouts: 1, settleConfidence: 1 },
      (request) => {
        if (request.prefix.join("").includes("a = 42")) return { text: "print(42)", stop: MARK.endOfCode };
        return drawn++ === 0
          ? { text: "nothing = 0", stop: MARK.endOfCode }
          : { text: "a = 42", stop: MARK.endOfStep };
      },
    );
    expect(trace.nodes.map(({ rejection }) => rejection?.kind)).toContain("no-output");
    expect(answerOf(trace)).toBe("42");
  });
});

describe("the answer", () => {
  it("is read by the policy when the program printed a sentence", async () => {
    const trace = await run({ strategy: "greedy" }, (request) =>
      request.prefix.at(-1) === `${MARK.answer}\n`
        ? { text: "The answer is \\boxed{42}.", stop: MARK.endOfAnswer }
        : { text: "print(There are 42 of them.)", stop: MARK.endOfCode },
    );
    expect(answerOf(trace)).toBe("42");
  });

  it("is missing when the program printed nothing, and the step says so", async () => {
    const trace = await run({ strategy: "greedy" }, () => ({ text: "x = 1", stop: MARK.endOfCode }));
    expect(trace.nodes[1]?.rejection?.kind).toBe("no-output");
  });
});

describe("a model that repeats itself", () => {
  it("is stopped at the repeated step", async () => {
    const trace = await run({ strategy: "greedy" }, () => ({
      text: "x = 1<end_of_step>x = 1<end_of_step>x = 1",
      stop: null,
    }));
    expect(trace.nodes.map((node) => node.rejection?.kind)).toEqual([undefined, undefined, "repeats"]);
  });

  it("is stopped too when the first of them ran with an import put in", async () => {
    const words = wordSandbox();
    const trace = await run(
      { strategy: "greedy" },
      () => ({ text: "x = sqrt(4)<end_of_step>x = sqrt(4)<end_of_step>print(x)", stop: MARK.endOfCode }),
      null,
      {
        services: {
          sandbox: {
            run: (state, step, signal) => {
              const missing = step.includes("sqrt") && !state.program.join("").includes("import");
              return words.run(state, missing ? `from math import sqrt\n${step}` : step, signal);
            },
          },
        },
      },
    );
    expect(trace.nodes.map((node) => node.rejection?.kind)).toEqual([undefined, undefined, "repeats"]);
  });
});

describe("a prompt longer than the context", () => {
  it("fails with what to do, and nothing is lost", async () => {
    const policy = scriptedPolicy(noisy);
    const trace = await run({}, noisy, null, {
      services: {
        policy: {
          ...policy,
          propose: () => Promise.resolve([{ kind: "too-long", tokens: 9000, limit: 2048 }]),
        },
      },
    });
    expect(trace.stop).toBe("failed");
    expect(trace.failure).toContain("9000");
    expect(trace.failure).toContain("Shorten");
  });
});

describe("a branch longer than the context", () => {
  /** A policy that reads no prompt with `text`, and how often it was asked to. */
  function readingLess(
    text: string,
    script = noisy,
  ): { readonly policy: PolicyModel; readonly refused: ProposeRequest[] } {
    const policy = scriptedPolicy(script);
    const refused: ProposeRequest[] = [];
    return {
      refused,
      policy: {
        ...policy,
        propose: async (requests, signal) => {
          const results = await policy.propose(requests, signal);
          return results.map((result, index) => {
            const request = requests[index];
            if (request === undefined || !request.prefix.join("").includes(text)) return result;
            refused.push(request);
            return { kind: "too-long", tokens: 9000, limit: 2048 };
          });
        },
      },
    };
  }
  const long = { strategy: "mcts", budgetTokens: 2000, settleConfidence: 1 } as const;

  it("is left out, and the others go on", async () => {
    const { policy, refused } = readingLess("a = 1");
    const told = new Map<number, string>();
    const trace = await run({ ...long, rollout: "steps" }, noisy, null, {
      services: { policy },
      emit: (event) => {
        if (event.kind === "candidate") told.set(event.node.id, event.node.status);
      },
    });
    expect(trace.failure).toBeNull();
    expect(refused).toHaveLength(1);
    const branch = trace.nodes.find((node) => node.text.endsWith("a = 1"));
    expect(branch?.rejection).toEqual({
      kind: "too-deep",
      message: "The problem with its steps takes 9000 tokens, but the model reads 2048 at most.",
      line: null,
    });
    expect(told.get(branch?.id ?? 0)).toBe("rejected");
    expect(trace.trajectories.finished).toBeGreaterThan(5);
  });

  it("keeps what was written below it in one go, and is not drawn from again", async () => {
    const { policy, refused } = readingLess("a = 1");
    const trace = await run(long, noisy, null, { services: { policy } });
    expect(trace.failure).toBeNull();
    expect(refused).toHaveLength(1);
    const branch = trace.nodes.find((node) => node.text.endsWith("a = 1"));
    expect(branch?.status).toBe("ok");
    expect(trace.nodes.some(({ parent, status }) => parent === branch?.id && status === "ok")).toBe(true);
  });

  it("has what its program printed as its answer when that is all that can be read of it", async () => {
    const { policy } = readingLess(MARK.answer, () => ({ text: "print(So it is 42)", stop: MARK.endOfCode }));
    const trace = await run({ strategy: "greedy" }, noisy, null, { services: { policy } });
    expect(trace.failure).toBeNull();
    expect(answerOf(trace)).toBe("So it is 42");
  });
});

describe("Python that cannot start", () => {
  it("ends the search with what happened, not with a crash", async () => {
    const trace = await run({}, noisy, null, {
      services: {
        sandbox: { run: () => Promise.reject(new ServiceUnavailable("the Python sandbox cannot start")) },
      },
    });
    expect(trace).toMatchObject({ stop: "failed", failure: "the Python sandbox cannot start", chosen: null });
  });
});
