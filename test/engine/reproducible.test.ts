/**
 * With batches filled up, a text and its log-probabilities depend on prefix and seed alone, to the last bit: with the
 * default model, because only the kernels for its quantisation compute a batch's rows in groups.
 */
import { beforeAll, describe, expect, it } from "vitest";
import type { ContextOptions } from "../../server/engine/context-sizes.ts";
import type { Engine } from "../../server/engine/engine.ts";
import type { Policy } from "../../server/engine/policy.ts";
import { dataHome, modelFolder } from "../../server/models/home.ts";
import type { Candidate, ProposeRequest } from "../../server/services.ts";
import { forever, proposals, request, testEngine, testModel, testPolicy } from "./engine-model.ts";

const MODEL = "rstar-coder-0.5b";
const SEEDS = [11, 12, 13];
const SLOW = 300_000;

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine({
    ...{ reproducible: true, problemsAtOnce: 8, gpu: false },
    widenIn: modelFolder(dataHome()),
  });
  await testModel(MODEL);
}, SLOW);

/** Other work, of many lengths. */
const OTHERS: readonly ProposeRequest[] = [
  request({ prefix: ["A longer tale of quite another kind, which takes its time:"], maxTokens: 12 }),
  request({ prefix: [Array.from({ length: 50 }, (_, i) => `${i * 7}`).join(" ")], seeds: [4], maxTokens: 3 }),
];

const open = (size: Partial<ContextOptions> = {}): Promise<Policy> => testPolicy(engine, size, MODEL);

async function candidates(policy: Policy, ...requests: readonly ProposeRequest[]): Promise<Candidate[][]> {
  return (await proposals(policy, ...requests)).map((proposal) => [...proposal.candidates]);
}

/** The candidates of these seeds, each drawn on its own, in a context of its own. */
async function apart(prefix: readonly string[], maxTokens: number): Promise<Candidate[]> {
  const all: Candidate[] = [];
  for (const seed of SEEDS) {
    const policy = await open({ lanes: 1 });
    all.push(...(await candidates(policy, request({ prefix, seeds: [seed], maxTokens }))).flat());
    await policy.dispose();
  }
  return all;
}

describe("a seed's candidate", () => {
  const prefix = ["Problem: Tom has 3 boxes with 12 pens each, and gives 9 away.\n"];

  it(
    "is the same alone and among others, with many lanes and with few",
    async () => {
      const alone = await apart(prefix, 10);
      expect(new Set(alone.map(({ text }) => text)).size).toBeGreaterThan(1);
      for (const size of [{}, { lanes: 3, kvBytes: 30_000_000 }]) {
        const policy = await open(size);
        const wanted = request({ prefix, seeds: SEEDS, maxTokens: 10 });
        const [first] = await candidates(policy, wanted, ...OTHERS);
        const [, second] = await candidates(policy, ...OTHERS.slice(0, 1), wanted, ...OTHERS.slice(1));
        expect([first, second]).toEqual([alone, alone]);
        await policy.dispose();
      }
    },
    SLOW,
  );

  it(
    "is the same after a step whose state was kept and after one that is computed again",
    async () => {
      const policy = await open();
      const [[step]] = (await candidates(policy, request({ prefix, seeds: [3], maxTokens: 12 }))) as [
        [Candidate],
      ];
      const after = [...prefix, step.text];
      const kept = await candidates(
        policy,
        request({ prefix: after, seeds: SEEDS, maxTokens: 6 }),
        ...OTHERS,
      );
      await policy.dispose();
      expect(await apart(after, 6)).toEqual(kept[0]);
    },
    SLOW,
  );
});

it(
  "a prefix's score is the same alone and among others",
  async () => {
    const reading = { suffix: "\nIs this right? Answer:", positive: " Yes", negative: " No" };
    const model = { ...(await testModel(MODEL)), role: "ppm" as const, ppm: reading };
    const load = await engine.loadPpm(model, { lanes: 8, contextLength: 512, kvBytes: 300_000_000 });
    if (load.kind === "failed") throw new Error(load.message);
    const prefixes = ["2 + 2 = 4", "The area of a square of side 3 is 9.", "a", "b c d", "7 * 8 = 54"];
    const score = async (...texts: readonly string[]): Promise<unknown[]> =>
      (
        await load.ppm.score(
          texts.map((text) => [text]),
          forever,
        )
      ).map((result) => (result.kind === "score" ? result.value : result));
    const together = await score(...prefixes);
    const alone = (await Promise.all(prefixes.map(async (text) => await score(text)))).flat();
    const oneByOne: unknown[] = [];
    for (const text of prefixes.toReversed()) oneByOne.unshift(...(await score(text)));
    expect([alone, oneByOne]).toEqual([together, together]);
    expect(new Set(together).size).toBe(prefixes.length);
    await load.ppm.dispose();
  },
  SLOW,
);
