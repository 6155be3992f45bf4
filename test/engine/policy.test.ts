/** The policy on a real model: seeds, stops, reuse of prefixes, cancelling. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../server/engine/engine.ts";
import type { Policy } from "../../server/engine/policy.ts";
import type { ProposeRequest } from "../../server/services.ts";
import {
  forever,
  PROBLEM,
  type Proposal,
  proposals,
  request,
  SMALL,
  testEngine,
  testPolicy,
} from "./engine-model.ts";

let engine: Engine;
let policy: Policy;

beforeAll(async () => {
  engine = await testEngine();
  policy = await testPolicy(engine);
});

const propose = (...requests: readonly ProposeRequest[]): Promise<readonly Proposal[]> =>
  proposals(policy, ...requests);

async function proposeOne(changes: Partial<ProposeRequest> = {}): Promise<Proposal> {
  const [proposal] = await propose(request(changes));
  if (proposal === undefined) throw new Error("no result");
  return proposal;
}

const texts = (proposal: Proposal | undefined): string[] =>
  (proposal?.candidates ?? []).map((candidate) => candidate.text);

describe("candidates", () => {
  it("differ between seeds and have log-probabilities that are finite and not above 0", async () => {
    const { candidates } = await proposeOne({ seeds: [1, 2, 3, 4, 5, 6, 7, 8] });
    expect(new Set(candidates.map((candidate) => candidate.text)).size).toBeGreaterThan(4);
    for (const { logProb } of candidates) {
      const { mean, min } = logProb ?? { mean: NaN, min: NaN };
      expect(mean).toBeLessThanOrEqual(0);
      expect(min).toBeLessThanOrEqual(mean);
      expect(Number.isFinite(min)).toBe(true);
    }
  });

  it("are the same for the same seeds again, when the prefix is cached", async () => {
    const sampled = request({ prefix: ["Once upon a time"], seeds: [7, 8] });
    const [first] = await propose(sampled);
    const [second] = await propose(sampled);
    expect(second?.evaluatedTokens).toBe(1);
    expect(texts(second)).toEqual(texts(first));
  });

  it("hardly depend on what else is in the batch", async () => {
    // Kernels round differently for another shape of a batch (`reproducible.test.ts` is about doing without), so a near tie
    // may fall the other way; then the texts still begin alike.
    const seeds = [11, 12, 13, 14];
    const alone: string[] = [];
    for (const seed of seeds) alone.push(...texts(await proposeOne({ seeds: [seed], maxTokens: 16 })));
    const [together] = await propose(
      request({ seeds, maxTokens: 16 }),
      request({ prefix: ["A longer tale of quite another kind, which takes its time:"], maxTokens: 20 }),
      request({ prefix: ["1, 2, 3,"], seeds: [1, 2, 3], maxTokens: 9 }),
    );
    const same = texts(together).filter((text, index) => text === alone[index]);
    expect(same.length).toBeGreaterThanOrEqual(seeds.length - 1);
  });

  it("of temperature 0 are all the likeliest text", async () => {
    const sampling = { temperature: 0, topP: 0.5 };
    const greedy = await proposeOne({ seeds: [1, 2], sampling });
    expect(new Set(texts(greedy)).size).toBe(1);
    const [sampled] = (await proposeOne({ seeds: [1], sampling: { temperature: 2, topP: 1 } })).candidates;
    expect(greedy.candidates[0]?.logProb?.mean).toBeGreaterThan(sampled?.logProb?.mean ?? 0);
  });

  it("keep to the filters: with top-k 1 every seed gives the greedy text", async () => {
    const greedy = await proposeOne({ seeds: [1], sampling: { temperature: 0, topP: 1 } });
    const filtered = await proposeOne({ sampling: { temperature: 1, topP: 1, topK: 1 } });
    expect(new Set(texts(filtered))).toEqual(new Set(texts(greedy)));
  });
});

describe("the end of a candidate", () => {
  it("is a stop string, which its text does not contain, even across tokens", async () => {
    const sampling = { temperature: 0, topP: 1 };
    const prefix = ["1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,"];
    const [open] = (await proposeOne({ prefix, seeds: [1], sampling })).candidates;
    expect(open).toMatchObject({ tokens: 12, finish: { kind: "length" } });
    const stop = (open?.text ?? "").slice(3, 7);
    const [stopped] = (await proposeOne({ prefix, seeds: [1], sampling, stop: ["never", stop] })).candidates;
    expect(stopped).toMatchObject({
      text: (open?.text ?? "").slice(0, open?.text.indexOf(stop)),
      finish: { kind: "stop", stop },
    });
    expect(stopped?.tokens).toBeLessThan(12);
  });

  it("is the token limit", async () => {
    const [only] = (await proposeOne({ seeds: [1], maxTokens: 1 })).candidates;
    expect(only).toMatchObject({ tokens: 1 });
  });

  it("is the context's, when that comes first", async () => {
    await using short = await testPolicy(engine, { contextLength: 256 });
    // The engine keeps some of what was asked for: what is too long says how much is left.
    const [tooLong] = await short.propose([request({ prefix: ["word ".repeat(600)] })], forever);
    if (tooLong?.kind !== "too-long") throw new Error(JSON.stringify(tooLong));
    const prefix = ["1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,".repeat(6)];
    const sampling = { temperature: 0, topP: 1 };
    const [result] = await short.propose(
      [request({ prefix, seeds: [1], sampling, maxTokens: 250 })],
      forever,
    );
    if (result?.kind !== "candidates") throw new Error(JSON.stringify(result));
    expect(result.candidates).toMatchObject([{ finish: { kind: "length" } }]);
    expect((result.candidates[0]?.tokens ?? 0) + result.evaluatedTokens).toBe(tooLong.limit + 1);
  });
});

describe("prefixes", () => {
  it("longer than the context fail alone", async () => {
    const [tooLong, good] = await policy.propose(
      [request({ prefix: ["word ".repeat(600)] }), request({ seeds: [1] })],
      forever,
    );
    if (tooLong?.kind !== "too-long") throw new Error(JSON.stringify(tooLong));
    expect(tooLong.limit).toBeLessThan(SMALL.contextLength);
    expect(tooLong.tokens).toBeGreaterThan(Math.max(600, tooLong.limit));
    expect(good?.kind).toBe("candidates");
  });

  it("are evaluated once for all candidates, and a child's only as far as they are new", async () => {
    const root = `${PROBLEM}# A line that no other test has: reuse.\n`;
    const parent = await proposeOne({ prefix: [root], stop: ["."], seeds: [1, 2, 3] });
    const total = parent.evaluatedTokens + parent.reusedTokens;
    const before = engine.stats().policy;
    const [step = ""] = texts(parent);
    const child = await proposeOne({ prefix: [root, step, "<end_of_step>\n"], seeds: [1, 2] });
    // The marker, and what of the step was written in other tokens than it was generated in.
    expect(child.evaluatedTokens).toBeLessThan(16);
    expect(child.reusedTokens).toBeGreaterThanOrEqual(total);
    expect(engine.stats().policy.evaluatedAgainTokens - before.evaluatedAgainTokens).toBeLessThanOrEqual(2);
  });

  it("that begin alike share the evaluation of what they share, in one call and across calls", async () => {
    const examples = "An example that all the problems of this test have before them. ".repeat(3);
    const [first, second] = await propose(
      request({ prefix: [examples, "What is 1 + 1?"], seeds: [1] }),
      request({ prefix: [examples, "What is 2 + 2?"], seeds: [1] }),
    );
    const third = await proposeOne({ prefix: [examples, "What is 3 + 3?"], seeds: [1] });
    expect(first?.evaluatedTokens).toBeGreaterThan(30);
    for (const proposal of [second, third]) expect(proposal?.evaluatedTokens).toBeLessThan(12);
  });

  it("hold no special tokens: what looks like one is text", async () => {
    const plain = await proposeOne({ prefix: ["a b"], seeds: [1], maxTokens: 1 });
    const marked = await proposeOne({ prefix: ["a <|im_end|> b"], seeds: [1], maxTokens: 1 });
    const tokens = (proposal: Proposal): number => proposal.evaluatedTokens + proposal.reusedTokens;
    expect(tokens(marked)).toBeGreaterThan(tokens(plain) + 2);
  });
});

describe("cancelling", () => {
  it("rejects within 250 ms, stops computing within a batch, and leaves other requests alone", async () => {
    const stop = new AbortController();
    const reason = new Error("changed my mind");
    const [expected] = await propose(request({ seeds: [21, 22], maxTokens: 24 }));
    const cancelled = policy.propose([request({ seeds: [1, 2, 3, 4], maxTokens: 300 })], stop.signal);
    const other = propose(request({ seeds: [21, 22], maxTokens: 24 }));
    // Once this one is through, the others are being decoded.
    await propose(request({ prefix: ["Now"], seeds: [1], maxTokens: 2 }));
    const started = performance.now();
    stop.abort(reason);
    await expect(cancelled).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(250);
    const atAbort = engine.stats().policy.generatedTokens;
    expect(texts((await other)[0])).toEqual(texts(expected));
    // The batch under way may still have ended with a token for each of the four lanes.
    expect(engine.stats().policy.generatedTokens - atAbort).toBeLessThanOrEqual(2 * 24 + 4);
  });
});
