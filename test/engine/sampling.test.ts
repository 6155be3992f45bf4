/** What our sampler draws from a real model's logits has the distribution that the library's own sampler has. */
import { getLlama, LlamaLogLevel, type Token } from "node-llama-cpp";
import { expect, it } from "vitest";
import type { SamplingOptions } from "../../server/services.ts";
import { forever, PROBLEM, request, testEngine, testModel, testPolicy } from "./engine-model.ts";

const DRAWS = 800;
/** Every filter at work: the candidates that each of them drops would show. */
const SAMPLING: Required<SamplingOptions> = {
  temperature: 1.3,
  topK: 30,
  topP: 0.9,
  minP: 0.02,
};
/** Ends where many continuations are likely. */
const PREFIX = `${PROBLEM}# Step 2:`;

async function drawnByTheLibrary(): Promise<string[]> {
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: 1 });
  const model = await llama.loadModel({ modelPath: (await testModel()).path });
  const context = await model.createContext({ contextSize: 256, flashAttention: true, threads: 1 });
  const sequence = context.getSequence();
  const tokens = model.tokenize(PREFIX, false);
  const last = tokens.slice(-1);
  await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(0, -1));
  const drawn: string[] = [];
  for (let seed = 1; seed <= DRAWS; seed++) {
    const tokenStream = sequence.evaluate(last, { ...SAMPLING, seed, yieldEogToken: true });
    const { value } = await tokenStream.next();
    await tokenStream.return(undefined);
    drawn.push(model.detokenize([value as Token]));
    await sequence.eraseContextTokenRanges([
      { start: tokens.length - 1, end: sequence.contextTokens.length },
    ]);
  }
  await context.dispose();
  await model.dispose();
  await llama.dispose();
  return drawn;
}

async function drawnByUs(): Promise<string[]> {
  const policy = await testPolicy(await testEngine({ gpu: false }));
  const seeds = Array.from({ length: DRAWS }, (_, index) => index + 1);
  const [result] = await policy.propose(
    [request({ prefix: [PREFIX], seeds, sampling: SAMPLING, maxTokens: 1 })],
    forever,
  );
  if (result?.kind !== "candidates") throw new Error(JSON.stringify(result));
  return result.candidates.map((candidate) => candidate.text);
}

/** Pearson's statistic that both samples come from one distribution; values too rare for it are put together. */
function homogeneity(a: readonly string[], b: readonly string[]): { statistic: number; degrees: number } {
  const counts = new Map<string, [number, number]>();
  for (const [side, sample] of [a, b].entries()) {
    for (const value of sample) {
      const pair = counts.get(value) ?? [0, 0];
      pair[side] = (pair[side] ?? 0) + 1;
      counts.set(value, pair);
    }
  }
  const rare: [number, number] = [0, 0];
  const bins = [...counts.values()].filter(([x, y]) => {
    if (x + y >= 10) return true;
    rare[0] += x;
    rare[1] += y;
    return false;
  });
  if (rare[0] + rare[1] >= 10) bins.push(rare);
  const statistic = bins.reduce((sum, [x, y]) => sum + (x - y) ** 2 / (x + y), 0);
  return { statistic, degrees: bins.length - 1 };
}

it("has the library's distribution with every filter on", async () => {
  const [theirs, ours] = [await drawnByTheLibrary(), await drawnByUs()];
  const { statistic, degrees } = homogeneity(theirs, ours);
  expect(degrees).toBeGreaterThan(4);
  // Wilson and Hilferty's approximation of the 99.9% point of chi-square. Both samples have fixed seeds.
  const limit = degrees * (1 - 2 / (9 * degrees) + 3.09 * Math.sqrt(2 / (9 * degrees))) ** 3;
  expect(statistic).toBeLessThan(limit);
  // The test can tell: without the filters the distribution is another one.
  const tails = homogeneity(
    theirs.map((text, index) => (index % 10 === 0 ? "another" : text)),
    ours,
  );
  expect(tails.statistic).toBeGreaterThan(limit);
});
