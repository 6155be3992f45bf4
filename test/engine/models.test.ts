/** The model manager on a real file: the tests' model, fetched when it is not here yet. */
import { copyFileSync, constants, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readGguf } from "../../server/engine/gguf.ts";
import { dataHome } from "../../server/models/home.ts";
import { createModelManager } from "../../server/models/manager.ts";
import { isDerived, loadManifest } from "../../server/models/manifest.ts";

const signal = new AbortController().signal;

/** The tests' model and its entry in the manifest. */
async function testModel() {
  const manifest = await loadManifest();
  const entry = manifest.models.find((model) => model.test === true);
  if (entry === undefined || isDerived(entry)) throw new Error("the manifest has no model for tests");
  const manager = createModelManager({ home: dataHome(), manifest });
  const resolution = await manager.resolve(entry.id, { signal });
  if (resolution.kind === "failed") throw new Error(resolution.message);
  return { entry, manager, model: resolution.model };
}

test("the test model is fetched, checked, and says of itself what the manifest says of it", async () => {
  const { entry, model } = await testModel();
  expect(await readGguf(model.path, signal)).toEqual({
    kind: "gguf",
    facts: {
      architecture: "llama",
      name: "Smollm2 135M 8k Lc100K Mix1 Ep2",
      license: "apache-2.0",
      contextLength: entry.contextLength,
      parameters: entry.parameters,
      bytes: entry.bytes,
      quantisation: "Q4_1",
    },
  });
});

test("once it is here and checked, it is resolved in under 100 ms", async () => {
  const { entry, manager } = await testModel();
  const started = performance.now();
  expect((await manager.resolve(entry.id, { signal, offline: true })).kind).toBe("ready");
  expect(performance.now() - started).toBeLessThan(100);
});

test("a real model without its last bytes is said to be truncated", async () => {
  const { model } = await testModel();
  const folder = mkdtempSync(path.join(tmpdir(), "rstar-models-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const copy = path.join(folder, "copy.gguf");
  copyFileSync(model.path, copy, constants.COPYFILE_FICLONE);
  truncateSync(copy, statSync(copy).size - 1);
  expect(await readGguf(copy, signal)).toMatchObject({ kind: "truncated" });
});
