import { describe, expect, it } from "vitest";
import { remembering, replaying, runningOnce, type DrawnCandidates } from "../../../server/search/replay.ts";
import {
  EMPTY_STATE,
  type PolicyModel,
  type PreferenceModel,
  type ProposeRequest,
  type RunResult,
  type Sandbox,
} from "../../../server/services.ts";
import { scriptedPolicy } from "../../support/fakes.ts";

const never = new AbortController().signal;

function request(seeds: readonly number[], prefix = "1 + 1"): ProposeRequest {
  return {
    prefix: [prefix],
    seeds,
    sampling: { temperature: 0.8, topP: 1 },
    stop: ["\n"],
    maxTokens: 10,
  };
}

/** A policy whose every call draws other texts, and what it was asked. */
function changing(): { policy: PolicyModel; asked: (readonly number[])[] } {
  const asked: (readonly number[])[] = [];
  const scripted = scriptedPolicy((_request, seed) => ({
    text: `call ${asked.length}, seed ${seed}`,
    stop: "\n",
  }));
  return {
    asked,
    policy: {
      ...scripted,
      propose: (requests, signal) => {
        for (const { seeds } of requests) asked.push(seeds);
        return scripted.propose(requests, signal);
      },
    },
  };
}

async function texts(policy: PolicyModel, requests: readonly ProposeRequest[]): Promise<string[][]> {
  const results = await policy.propose(requests, never);
  return results.map((result) =>
    result.kind === "candidates" ? result.candidates.map(({ text }) => text) : [result.kind],
  );
}

describe("replaying", () => {
  it("draws nothing twice, and hands out what was drawn by prefix and seed", async () => {
    const drawn: DrawnCandidates = new Map();
    const { policy, asked } = changing();
    const first = await texts(replaying(policy, drawn), [request([1, 2]), request([1], "2 + 2")]);
    const again = await texts(replaying(policy, drawn), [request([1], "2 + 2"), request([2, 1])]);
    expect(again).toEqual([first[1], [first[0]?.[1], first[0]?.[0]]]);
    expect(asked).toEqual([[1, 2], [1]]);
  });

  it("asks for the seeds that are missing and puts each where it belongs", async () => {
    const drawn: DrawnCandidates = new Map();
    const { policy, asked } = changing();
    const [[two]] = (await texts(replaying(policy, drawn), [request([2])])) as [[string]];
    const [all] = await texts(replaying(policy, drawn), [request([1, 2, 3])]);
    expect(asked).toEqual([[2], [1, 3]]);
    expect(all?.[1]).toBe(two);
    expect(all?.[0]).toContain("seed 1");
    expect(all?.[2]).toContain("seed 3");
  });

  it("hands a failure on", async () => {
    const failing: PolicyModel = {
      ...scriptedPolicy(() => ({ text: "", stop: "\n" })),
      propose: (requests) => Promise.resolve(requests.map(() => ({ kind: "failed", reason: "no memory" }))),
    };
    expect(await texts(replaying(failing, new Map()), [request([1])])).toEqual([["failed"]]);
  });
});

describe("a candidate that was drawn with more room", () => {
  const long = scriptedPolicy(() => ({ text: "one two three four", stop: "\n" }));
  /** How many candidates each of two requests made the policy draw. */
  async function drawsOf(first: number, second: number, policy = long): Promise<number[]> {
    const drawn: DrawnCandidates = new Map();
    const counts: number[] = [];
    for (const maxTokens of [first, second]) {
      let asked = 0;
      const counted: PolicyModel = {
        ...policy,
        propose: (requests, signal) => {
          asked += requests.length;
          return policy.propose(requests, signal);
        },
      };
      await replaying(counted, drawn).propose([{ ...request([1]), maxTokens }], never);
      counts.push(asked);
    }
    return counts;
  }

  it("is the same as one with less, as long as it ended by itself within it", async () => {
    expect(await drawsOf(1000, 900)).toEqual([1, 0]);
    expect(await drawsOf(1000, 1)).toEqual([1, 1]);
    // A policy may write more than it was asked for: what it drew counts all the same.
    expect(await texts(replaying(long, new Map()), [{ ...request([1]), maxTokens: 1 }])).toEqual([
      ["one two three four"],
    ]);
    const cut = scriptedPolicy(() => ({ text: "one two three four", stop: null }));
    expect(await drawsOf(1000, 900, cut)).toEqual([1, 1]);
    expect(await drawsOf(1000, 1000, cut)).toEqual([1, 0]);
  });
});

describe("remembering", () => {
  it("scores a prefix once, keeps the order, and does not keep a failure", async () => {
    const asked: string[] = [];
    const ppm: PreferenceModel = {
      identity: { id: "scripted" },
      score: (prefixes) =>
        Promise.resolve(
          prefixes.map((prefix) => {
            asked.push(prefix.join(""));
            return asked.length === 1
              ? { kind: "failed" as const, reason: "no memory" }
              : { kind: "score" as const, value: asked.length / 10, evaluatedTokens: 5, reusedTokens: 1 };
          }),
        ),
    };
    const own = remembering(ppm, new Map());
    expect(await own.score([["a"]], never)).toMatchObject([{ kind: "failed" }]);
    expect(await own.score([["b"], ["a"], ["b"]], never)).toMatchObject([
      { value: 0.4, evaluatedTokens: 5 },
      { value: 0.3 },
      { value: 0.4 },
    ]);
    expect(await own.score([["a"], ["b"]], never)).toMatchObject([
      { value: 0.3, evaluatedTokens: 0 },
      { value: 0.4, evaluatedTokens: 0 },
    ]);
    expect(asked).toEqual(["a", "b", "a", "b"]);
  });
});

describe("running once", () => {
  it("has one result for a step on a state, and runs again what killed its interpreter", async () => {
    const asked: string[] = [];
    const results: RunResult[] = [
      { kind: "crash", code: "a", reason: "gone", ms: 1 },
      { kind: "timeout", code: "a", output: "", limitMs: 5, ms: 5 },
    ];
    const sandbox: Sandbox = {
      run: (state, code) => {
        asked.push([...state.program, code].join(" "));
        return Promise.resolve(results.shift() ?? { kind: "memory", code, output: "", limitMB: 1, ms: 1 });
      },
    };
    const own = runningOnce(sandbox, new Map());
    const kinds: string[] = [];
    for (const [state, code, completeImports] of [
      [EMPTY_STATE, "a", false],
      [EMPTY_STATE, "a", false],
      [EMPTY_STATE, "a", false],
      [{ program: ["b"] }, "a", false],
      [EMPTY_STATE, "a", true],
      [EMPTY_STATE, "a", true],
    ] as const)
      kinds.push((await own.run(state, code, never, { completeImports })).kind);
    expect(kinds).toEqual(["crash", "timeout", "timeout", "memory", "memory", "memory"]);
    expect(asked).toEqual(["a", "a", "b a", "a"]);
  });
});
