/** Opening and closing: what cannot be loaded is said so, backends agree, adapters apply, and nothing is left behind. */
import { copyFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { openEngine, type Engine } from "../../server/engine/engine.ts";
import type { Candidate, ProposeRequest, ResolvedModel } from "../../server/services.ts";
import { writeAdapter } from "./engine-adapter.ts";
import { forever, request, SMALL, testEngine, testModel, testPpm } from "./engine-model.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

const TINY = { ...SMALL, lanes: 2, kvBytes: 50_000_000 };
const greedy: ProposeRequest = request({ seeds: [1], sampling: { temperature: 0, topP: 1 }, maxTokens: 8 });

/** What a fresh context over this model answers greedily. */
async function answerOf(model: ResolvedModel): Promise<Candidate | undefined> {
  const load = await engine.loadPolicy(model, TINY);
  if (load.kind === "failed") throw new Error(load.message);
  const [result] = await load.policy.propose([greedy], forever);
  await load.policy.dispose();
  if (result?.kind !== "candidates") throw new Error(JSON.stringify(result));
  return result.candidates[0];
}

describe("what cannot be loaded", () => {
  it("fails with a reason and leaves the engine working", async () => {
    const model = await testModel();
    const folder = temporaryFolder();
    const truncated = path.join(folder, "truncated.gguf");
    copyFileSync(model.path, truncated);
    truncateSync(truncated, Math.floor(statSync(model.path).size / 2));
    const text = path.join(folder, "text.gguf");
    writeFileSync(text, "GGUF, but not really: this is a text file.");
    const load = (file: string) => engine.loadPolicy({ ...model, path: file }, TINY);
    expect(await load(truncated)).toMatchObject({ kind: "failed", reason: "bad-model" });
    expect(await load(text)).toMatchObject({ kind: "failed", reason: "bad-model" });
    expect(await load(path.join(folder, "none.gguf"))).toMatchObject({
      kind: "failed",
      reason: "file-not-found",
    });
    expect(await answerOf(model)).toMatchObject({ tokens: greedy.maxTokens });
  });

  it("includes adapters that are none, or not for this model", async () => {
    const model = await testModel();
    const nonsense = path.join(temporaryFolder(), "adapter.gguf");
    writeFileSync(nonsense, "not an adapter");
    for (const file of [nonsense, model.path, `${nonsense}.missing`]) {
      const load = await engine.loadPolicy(
        { ...model, adapter: { id: "bad", path: file, sha256: "" } },
        TINY,
      );
      expect(load).toMatchObject({ kind: "failed", reason: "bad-adapter" });
    }
    expect(await answerOf(model)).toMatchObject({ tokens: greedy.maxTokens });
  });

  it("includes a PPM whose verdicts are not single tokens or that has none", async () => {
    const { ppm: entry, ...without } = await testPpm();
    expect(await engine.loadPpm(without, TINY)).toMatchObject({ kind: "failed", reason: "bad-tokens" });
    for (const positive of ["antidisestablishmentarianism", "", " No"]) {
      const model = { ...without, ppm: { suffix: "?", negative: " No", ...entry, positive } };
      expect(await engine.loadPpm(model, TINY)).toMatchObject({ kind: "failed", reason: "bad-tokens" });
    }
  });
});

describe("loading", () => {
  it("stops with the signal's reason within 250 ms and leaves the engine working", async () => {
    const model = await testModel();
    const stop = new AbortController();
    const loading = engine.loadPolicy(model, SMALL, stop.signal);
    const started = performance.now();
    stop.abort("enough");
    await expect(loading).rejects.toBe("enough");
    expect(performance.now() - started).toBeLessThan(250);
    expect(await answerOf(model)).toMatchObject({ tokens: greedy.maxTokens });
  });
});

describe("adapters", () => {
  it("change what the context that has one answers, over the same base in memory", async () => {
    const model = await testModel();
    const file = path.join(temporaryFolder(), "adapter.gguf");
    writeAdapter(file);
    const plain = await answerOf(model);
    const adapted = await answerOf({ ...model, adapter: { id: "random", path: file, sha256: "" } });
    // If not the text, then surely its probability.
    expect(adapted).not.toEqual(plain);
    expect(await answerOf(model)).toEqual(plain);
  });
});

describe("the two backends", () => {
  it("give the same greedy text, and nearly the same log-probabilities and scores", async () => {
    const results = [];
    for (const backend of ["auto", "public"] as const) {
      const one = await testEngine({ backend });
      const policy = await one.loadPolicy(await testModel(), TINY);
      const ppm = await one.loadPpm(await testPpm(), TINY);
      if (policy.kind === "failed" || ppm.kind === "failed") throw new Error("not loaded");
      expect(policy.info.backend.kind).toBe(backend === "auto" ? "native" : "public");
      const two = { ...greedy, seeds: [1, 2] };
      const [proposal] = await policy.policy.propose([two], forever);
      const [child] = await policy.policy.propose([{ ...two, prefix: [...two.prefix, "left"] }], forever);
      const [score] = await ppm.ppm.score([greedy.prefix], forever);
      if (proposal?.kind !== "candidates" || child?.kind !== "candidates" || score?.kind !== "score")
        throw new Error(JSON.stringify([proposal, child, score]));
      results.push({ candidates: [...proposal.candidates, ...child.candidates], score: score.value });
      await one.dispose();
    }
    const [native, documented] = results;
    expect(documented?.candidates.map(({ text }) => text)).toEqual(
      native?.candidates.map(({ text }) => text),
    );
    for (const [index, candidate] of (native?.candidates ?? []).entries()) {
      expect(documented?.candidates[index]?.logProb?.mean).toBeCloseTo(candidate.logProb?.mean ?? NaN, 1);
    }
    expect(documented?.score).toBeCloseTo(native?.score ?? NaN, 1);
  });
});

describe("unloading", () => {
  it("happens by itself after the idle time, and the next call loads again with the same result", async () => {
    const restless = await testEngine({ idleUnloadMs: 0 });
    const load = await restless.loadPolicy(await testModel(), TINY);
    if (load.kind === "failed") throw new Error(load.message);
    const text = async (): Promise<unknown> => {
      const [result] = await load.policy.propose([greedy], forever);
      return result?.kind === "candidates" ? result.candidates[0]?.text : result;
    };
    const first = await text();
    await vi.waitFor(() => expect(load.policy.loaded).toBe(false));
    expect(await text()).toBe(first);
    // Nothing was reused: the state had gone with the context.
    expect(restless.stats().policy.reusedTokens).toBe(0);
    expect(restless.stats().policy.candidates).toBe(2);
  });

  it("gives the memory back, time after time", async () => {
    const model = await testModel();
    const resident: number[] = [];
    for (let round = 0; round < 4; round++) {
      const opening = await openEngine();
      if (opening.kind === "failed") throw new Error(opening.message);
      const load = await opening.engine.loadPolicy(model, SMALL);
      if (load.kind === "failed") throw new Error(load.message);
      await load.policy.propose([greedy], forever);
      const loaded = process.memoryUsage().rss;
      await opening.engine.dispose();
      resident.push(process.memoryUsage().rss);
      expect(loaded - process.memoryUsage().rss).toBeGreaterThan(0.8 * load.info.kvBytes);
    }
    const [first = 0] = resident;
    expect((resident.at(-1) ?? Infinity) - first).toBeLessThan(60_000_000);
  });

  it("ends calls under way with a reason", async () => {
    const opening = await openEngine();
    if (opening.kind === "failed") throw new Error(opening.message);
    const load = await opening.engine.loadPolicy(await testModel(), TINY);
    if (load.kind === "failed") throw new Error(load.message);
    const running = load.policy.propose([{ ...greedy, maxTokens: 400 }], forever);
    await load.policy.propose([{ ...greedy, prefix: ["Now"], maxTokens: 1 }], forever);
    await opening.engine.dispose();
    expect(await running).toEqual([{ kind: "failed", reason: "the model was closed" }]);
  });
});

describe("the report", () => {
  it("says what computes, with how many threads, and why", async () => {
    const { backend } = await testEngine({ gpu: false });
    expect(backend).toMatchObject({ gpu: false, devices: [], gpuMemory: { total: 0, free: 0 } });
    expect(backend.threads).toBeGreaterThanOrEqual(1);
    expect(backend.why).toContain("CPU");
  });
});
