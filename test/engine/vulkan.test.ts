/** The GPU path on a machine without a GPU: Mesa's software Vulkan device takes all layers and writes the same text. */
import { describe, expect, it } from "vitest";
import type { Engine } from "../../server/engine/engine.ts";
import { openEngine } from "../../server/engine/engine.ts";
import { hasSoftwareDevice, SOFTWARE_DEVICE } from "../support/vulkan.ts";
import { forever, request, SMALL, testEngine, testModel } from "./engine-model.ts";

Object.assign(process.env, SOFTWARE_DEVICE);

async function answer(engine: Engine) {
  const load = await engine.loadPolicy(await testModel(), { ...SMALL, lanes: 2, contextLength: 256 });
  if (load.kind === "failed") throw new Error(load.message);
  const greedy = request({ seeds: [1], sampling: { temperature: 0, topP: 1 }, maxTokens: 4 });
  const [result] = await load.policy.propose([greedy], forever);
  if (result?.kind !== "candidates") throw new Error(JSON.stringify(result));
  return { info: load.info, text: result.candidates[0]?.text };
}

describe.skipIf(!hasSoftwareDevice)("a Vulkan device", () => {
  it("computes every layer, says so, and writes what the processor writes", async () => {
    const gpu = await testEngine({ gpu: "vulkan" });
    expect(gpu.backend.gpu).toBe("vulkan");
    expect(gpu.backend.why).toMatch(/^vulkan: asked for/);
    expect(gpu.backend.devices.join()).toMatch(/llvmpipe/);
    expect(gpu.backend.gpuMemory.total).toBeGreaterThan(1e8);
    const there = await answer(gpu);
    expect(there.info.layersOnGpu).toBe(there.info.layers);
    expect(there.info.backend).toEqual({ kind: "native" });
    const here = await answer(await testEngine({ gpu: false }));
    expect(here.info.layersOnGpu).toBe(0);
    expect(there.text).toBe(here.text);
  });
});

describe("a device that this machine has no driver for", () => {
  it("is an error where it was asked for", async () => {
    const opening = await openEngine({ gpu: "cuda" });
    if (opening.kind === "ready") await opening.engine.dispose();
    expect(opening).toMatchObject({ kind: "failed" });
  });
});
