/** Models in the editor, over a real manager with a mirror of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { CancellationTokenSource, LSPErrorCodes } from "vscode-languageserver/node";
import packages from "../../server/models/gpu-packages.json" with { type: "json" };
import { fakeServices, scriptedPolicy } from "../support/fakes.ts";
import { addAdapter } from "../../server/models/adapters.ts";
import { partialName } from "../../server/models/sources.ts";
import { trainedEntry } from "../unit/models/adapter-entry.ts";
import { deferred, FILE, ggufOf, never, setUp, WEIGHTS } from "../unit/models/helpers.ts";
import { TestClient } from "./client.ts";
import { multiply, until } from "./scripts.ts";

async function editorWith(set: ReturnType<typeof setUp>): Promise<TestClient> {
  return new TestClient({
    services: fakeServices(scriptedPolicy(multiply)),
    editor: { models: () => Promise.resolve(set.manager) },
  }).start();
}

it("lists models with what they take, downloads one with progress, and removes it", async () => {
  const editor = await editorWith(setUp());
  const before = await editor.ask("models", {});
  expect(before).toMatchObject({
    policy: "tiny",
    ppm: null,
    unnamed: { policy: "tiny", ppm: null },
    problem: null,
    models: [{ id: "tiny", installed: false, bytesToDownload: WEIGHTS.length }],
  });
  const estimate = before.models[0]?.estimate;
  expect(estimate?.memoryBytes).toBeGreaterThan(WEIGHTS.length);
  expect(estimate?.tokensPerSecond).toBeGreaterThan(0);
  const told: unknown[] = [];
  editor.connection.onNotification("rstar/downloadProgress", (progress: unknown) => {
    told.push(progress);
  });
  expect(await editor.ask("downloadModel", { id: "tiny" })).toMatchObject({ kind: "done", id: "tiny" });
  await until(() => told.length > 0);
  expect(told.at(-1)).toMatchObject({ id: "tiny", totalBytes: WEIGHTS.length });
  expect((await editor.ask("models", {})).models[0]).toMatchObject({ installed: true, bytesToDownload: 0 });
  expect(await editor.ask("removeModel", { id: "tiny" })).toMatchObject({ kind: "done" });
  expect(await editor.ask("removeModel", { id: "tiny" })).toMatchObject({ kind: "failed" });
  await editor.stop();
});

it.each(["the request", "stop all"])("stops a download by %s", async (how) => {
  const begun = deferred<null>();
  const set = setUp({
    fetchers: {
      wheels: (_source, { signal }) => {
        begun.resolve(null);
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
        });
      },
    },
  });
  const editor = await editorWith(set);
  const source = new CancellationTokenSource();
  const download = editor.connection.sendRequest("rstar/models/download", { id: "tiny" }, source.token);
  await begun.promise;
  if (how === "the request") source.cancel();
  else expect(await editor.ask("stopAll", {})).toEqual({ stopped: 1 });
  expect(await download).toMatchObject({ kind: "cancelled" });
  await editor.stop();
});

it("answers that a model being added was cancelled, which is no failure, when everything is stopped", async () => {
  const begun = deferred<null>();
  const set = setUp({
    readGguf: (_file, signal) => {
      begun.resolve(null);
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
  });
  const editor = await editorWith(set);
  const file = path.join(set.home, "own.gguf");
  writeFileSync(file, "GGUF");
  const adding = editor.ask("addModel", { path: file }).catch((error: unknown) => error);
  await begun.promise;
  expect(await editor.ask("stopAll", {})).toEqual({ stopped: 1 });
  expect(await adding).toMatchObject({ code: LSPErrorCodes.RequestCancelled });
  await editor.stop();
});

it("says what is wrong with a file that is no model, and with an unknown id, in the editor's words", async () => {
  const editor = await editorWith(setUp());
  const unread = await editor.ask("addModel", { path: "/no/such/file.gguf" });
  expect(unread).toMatchObject({ kind: "failed", wantsName: false });
  const unknown = await editor.ask("downloadModel", { id: "nobody" });
  expect(unknown).toMatchObject({ kind: "failed" });
  expect(unknown.message).toContain("Use a Model File of Your Own…");
  expect(unknown.message).not.toMatch(/rstar |RSTAR_|--id/u);
  await editor.stop();
});

it("asks for a name where that of a file is none or taken, and takes the one that is given", async () => {
  const set = setUp();
  const editor = await editorWith(set);
  for (const name of ["数学.gguf", "tiny.gguf"]) {
    const file = path.join(set.home, name);
    writeFileSync(file, ggufOf());
    const refused = await editor.ask("addModel", { path: file });
    expect(refused).toMatchObject({ kind: "failed", wantsName: true });
    expect(refused.message).not.toMatch(/--id/u);
    expect(await editor.ask("addModel", { path: file, id: "mine" })).toMatchObject({
      kind: "done",
      id: "mine",
    });
  }
  await editor.stop();
});

it("takes a file of the list for what it is, whatever it is called, and names what is used of it", async () => {
  const set = setUp();
  const editor = await editorWith(set);
  const file = path.join(set.home, "数学.gguf");
  writeFileSync(file, WEIGHTS);
  expect(await editor.ask("addModel", { path: file })).toEqual({
    ...{ kind: "done", id: "tiny", message: "This is the file of tiny; tiny can be used now." },
  });
  expect((await editor.ask("models", {})).models).toMatchObject([{ id: "tiny", installed: true }]);
  await editor.stop();
});

it("lists what was trained here, in use or not, and removes what nobody uses", async () => {
  const set = setUp();
  const trained = path.join(set.home, "adapter.gguf");
  writeFileSync(trained, "an adapter");
  for (const id of ["one", "two"]) {
    const entry = trainedEntry(id, Buffer.from("an adapter"));
    expect((await addAdapter(set.home, trained, entry, never())).kind).toBe("lineage");
  }
  const editor = await new TestClient({
    services: fakeServices(scriptedPolicy(multiply)),
    editor: { models: () => Promise.resolve(set.manager) },
    settings: { model: { policy: "two" } },
  }).start();
  // The settings name this one: without its file there would be nothing to go back to.
  expect(await editor.ask("models", {})).toMatchObject({
    policy: "two",
    models: [
      { id: "tiny", origin: "manifest" },
      { id: "two", origin: "trained", removableBytes: null },
      { id: "one", origin: "trained", removableBytes: 10, bytesToDownload: WEIGHTS.length },
    ],
  });
  expect(await editor.ask("removeModel", { id: "one" })).toMatchObject({ kind: "done" });
  expect((await editor.ask("models", {})).models.map(({ id }) => id)).toEqual(["tiny", "two"]);
  await editor.stop();
});

it("says what an unfinished download has brought, and removes it", async () => {
  const set = setUp();
  mkdirSync(path.dirname(set.file), { recursive: true });
  writeFileSync(path.join(path.dirname(set.file), partialName(FILE, "wheels")), "12345");
  const editor = await editorWith(set);
  expect((await editor.ask("models", {})).models).toMatchObject([{ installed: false, removableBytes: 5 }]);
  expect(await editor.ask("removeModel", { id: "tiny" })).toMatchObject({ kind: "done" });
  expect((await editor.ask("models", {})).models).toMatchObject([{ removableBytes: null }]);
  await editor.stop();
});

it("says what training needs of the disk, and deletes it", async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), "rstar-space-"));
  vi.stubEnv("RSTAR_HOME", home);
  try {
    mkdirSync(path.join(home, "trainer", "bases"), { recursive: true });
    writeFileSync(path.join(home, "trainer", "bases", "base"), "12345");
    const editor = await editorWith(setUp());
    expect(await editor.ask("trainingSpace", {})).toEqual({ bytes: 5, isWhole: true });
    const done = await editor.ask("removeTrainingEnvironment", {});
    expect(done).toMatchObject({ kind: "done", message: expect.stringContaining("5 B") as string });
    expect(await editor.ask("trainingSpace", {})).toEqual({ bytes: 0, isWhole: true });
    expect(await editor.ask("removeTrainingEnvironment", {})).toMatchObject({ kind: "failed" });
    await editor.stop();
  } finally {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  }
});

it("lists, fetches and removes binaries for a GPU through the npm of the path, and says what npm said", async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), "rstar-gpu-"));
  const npm = path.join(home, "npm");
  writeFileSync(npm, "#!/bin/sh\necho 'npm error the registry is asleep' >&2\nexit 1\n", { mode: 0o755 });
  vi.stubEnv("RSTAR_HOME", home);
  vi.stubEnv("PATH", `${home}:${process.env["PATH"] ?? ""}`);
  try {
    const editor = await editorWith(setUp());
    const { kinds, isInPackage } = await editor.ask("gpuSupport", {});
    expect(isInPackage).toBe(process.platform === "darwin" && process.arch === "arm64");
    expect(kinds.every(({ installed }) => !installed)).toBe(true);
    for (const { kind } of kinds) {
      const outcome = await editor.ask("fetchGpuSupport", { kind });
      expect(outcome).toMatchObject({ kind: "failed" });
      expect(outcome.kind === "failed" && outcome.message).toMatch(/the registry is asleep/u);
      mkdirSync(path.join(home, "gpu", `${packages.version}-${kind}`), { recursive: true });
      expect((await editor.ask("gpuSupport", {})).kinds).toContainEqual(
        expect.objectContaining({ kind, installed: true }),
      );
      expect(await editor.ask("removeGpuSupport", { kind })).toMatchObject({ kind: "done" });
    }
    await editor.stop();
  } finally {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  }
});
