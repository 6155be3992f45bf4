/** PPM scores on a real model that was never trained for it: bounded, and the same however they are computed. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../server/engine/engine.ts";
import type { Ppm } from "../../server/engine/ppm.ts";
import type { Prefix } from "../../server/services.ts";
import { forever, PROBLEM, SMALL, testEngine, testPolicy, testPpm } from "./engine-model.ts";

let engine: Engine;

beforeAll(async () => {
  engine = await testEngine();
});

/** A PPM with nothing cached yet. */
async function freshPpm(): Promise<Ppm> {
  const load = await engine.loadPpm(await testPpm(), SMALL);
  if (load.kind === "failed") throw new Error(load.message);
  return load.ppm;
}

async function scores(ppm: Ppm, prefixes: readonly Prefix[]): Promise<number[]> {
  return (await ppm.score(prefixes, forever)).map((result) => {
    if (result.kind !== "score") throw new Error(JSON.stringify(result));
    return result.value;
  });
}

const steps = ["left = pens - 9\n", "left = pens + 9\n", "left = 9\n", "# no idea\n"];
const prefixes = steps.map((step) => [PROBLEM, step]);

describe("PPM scores", () => {
  it("are in [-1, 1] and tell prefixes apart", async () => {
    await using ppm = await freshPpm();
    const values = await scores(ppm, prefixes);
    for (const value of values) expect(Math.abs(value)).toBeLessThanOrEqual(1);
    expect(new Set(values).size).toBe(values.length);
  });

  it("are the same in one call, in several with the prefix's state reused, and without any reuse", async () => {
    await using ppm = await freshPpm();
    const together = await scores(ppm, prefixes);
    await using stepwise = await freshPpm();
    await scores(stepwise, [[PROBLEM]]);
    for (const [index, prefix] of prefixes.entries()) {
      const reused = await stepwise.score([prefix], forever);
      expect(reused[0]).toMatchObject({ kind: "score" });
      if (reused[0]?.kind === "score") {
        expect(reused[0].reusedTokens).toBeGreaterThan(40);
        expect(reused[0].value).toBeCloseTo(together[index] ?? NaN, 1);
      }
    }
    await using alone = await freshPpm();
    const fresh = await alone.score(prefixes.slice(1, 2), forever);
    expect(fresh[0]).toMatchObject({ kind: "score", reusedTokens: 0 });
    if (fresh[0]?.kind === "score") expect(fresh[0].value).toBeCloseTo(together[1] ?? NaN, 1);
  });

  it("cost only the new step and the suffix when a step was added", async () => {
    await using ppm = await freshPpm();
    const [first] = await ppm.score([[PROBLEM, steps[0] ?? ""]], forever);
    const [second] = await ppm.score([[PROBLEM, steps[0] ?? "", "print(left)\n"]], forever);
    if (first?.kind !== "score" || second?.kind !== "score") throw new Error("no score");
    expect(second.evaluatedTokens).toBeLessThan(20);
    expect(second.reusedTokens).toBeLessThan(first.evaluatedTokens);
    expect(second.reusedTokens).toBeGreaterThan(40);
  });

  it("overlap with proposals over the same model file, each with its own state", async () => {
    await using ppm = await freshPpm();
    const expected = await scores(ppm, prefixes);
    const policy = await testPolicy(engine);
    const proposal = policy.propose(
      [{ prefix: [PROBLEM], seeds: [1, 2], sampling: { temperature: 1, topP: 1 }, stop: [], maxTokens: 8 }],
      forever,
    );
    expect(await scores(ppm, prefixes)).toEqual(expected.map((value): unknown => expect.closeTo(value, 1)));
    expect(await proposal).toMatchObject([{ kind: "candidates" }]);
    await policy.dispose();
  });

  it("are refused for a prefix that is too long, alone", async () => {
    await using ppm = await freshPpm();
    const results = await ppm.score([["word ".repeat(600)], [PROBLEM]], forever);
    expect(results.map((result) => result.kind)).toEqual(["too-long", "score"]);
  });

  it("stop with the signal's reason", async () => {
    await using ppm = await freshPpm();
    const stop = new AbortController();
    const running = ppm.score(prefixes, stop.signal);
    stop.abort("enough");
    await expect(running).rejects.toBe("enough");
  });
});
