/** The tests' model, an engine over it that is closed after the test file, and files that are no usable models. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll } from "vitest";
import type { ContextOptions } from "../../server/engine/context-sizes.ts";
import { type Engine, type EngineOptions, openEngine } from "../../server/engine/engine.ts";
import type { Policy } from "../../server/engine/policy.ts";
import { dataHome } from "../../server/models/home.ts";
import { createModelManager } from "../../server/models/manager.ts";
import { packageRoot, parseManifest } from "../../server/models/manifest.ts";
import type { ProposeRequest, ProposeResult, ResolvedModel } from "../../server/services.ts";

export const forever = new AbortController().signal;

/** Small enough to be set up in no time; the defaults take a gigabyte. */
export const SMALL: ContextOptions = { lanes: 8, contextLength: 512, kvBytes: 300_000_000 };

/** SmolLM2 135M unless another one is named, fetched when it is not here yet. */
export async function testModel(id = "smollm2-135m"): Promise<ResolvedModel> {
  const text = readFileSync(path.join(packageRoot(), "models", "manifest.json"), "utf8");
  const manager = createModelManager({ home: dataHome(), manifest: parseManifest(JSON.parse(text)) });
  const resolution = await manager.resolve(id, { signal: forever });
  if (resolution.kind === "failed") throw new Error(resolution.message);
  return resolution.model;
}

/** The test model as a PPM that is asked for a verdict. */
export async function testPpm(): Promise<ResolvedModel> {
  const ppm = { suffix: "\nIs this right? Answer:", positive: " Yes", negative: " No" };
  return { ...(await testModel()), role: "ppm", ppm };
}

/** An open engine, closed after the tests of the calling file. */
export async function testEngine(options: EngineOptions = {}): Promise<Engine> {
  const opening = await openEngine(options);
  if (opening.kind === "failed") throw new Error(opening.message);
  afterAll(() => opening.engine.dispose());
  return opening.engine;
}

/** The test model, or the one named, as a policy. */
export async function testPolicy(
  engine: Engine,
  options: Partial<ContextOptions> = {},
  id?: string,
): Promise<Policy> {
  const load = await engine.loadPolicy(await testModel(id), { ...SMALL, ...options });
  if (load.kind === "failed") throw new Error(load.message);
  return load.policy;
}

/** A problem as the policy sees it. */
export const PROBLEM =
  "Problem: Tom has 3 boxes with 12 pens each. He gives away 9 pens. How many pens are left?\n<code>\n# Step 1: count the pens\npens = 3 * 12\n<end_of_step>\n";

/** What a policy proposed. */
export type Proposal = Extract<ProposeResult, { kind: "candidates" }>;

/** A policy's answers to requests that must not fail. */
export async function proposals(
  policy: Policy,
  ...requests: readonly ProposeRequest[]
): Promise<readonly Proposal[]> {
  return (await policy.propose(requests, forever)).map((result) => {
    if (result.kind !== "candidates") throw new Error(JSON.stringify(result));
    return result;
  });
}

/** A request with settings that suit most tests. */
export function request(changes: Partial<ProposeRequest> = {}): ProposeRequest {
  return {
    prefix: [PROBLEM],
    seeds: [1, 2, 3, 4],
    sampling: { temperature: 0.9, topP: 0.95 },
    stop: [],
    maxTokens: 12,
    ...changes,
  };
}
