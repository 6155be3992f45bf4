/** Models in the editor, over a real manager with a mirror of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { CancellationTokenSource, LSPErrorCodes } from "vscode-languageserver/node";
import packages from "../../server/models/gpu-packages.json" with { type: "json" };
import { fakeServices, scriptedPolicy } from "../support/fakes.ts";
import { deferred, setUp, WEIGHTS } from "../unit/models/helpers.ts";
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

it("says what is wrong with a file that is no model, and with an unknown id", async () => {
  const editor = await editorWith(setUp());
  expect(await editor.ask("addModel", { path: "/no/such/file.gguf" })).toMatchObject({ kind: "failed" });
  expect(await editor.ask("downloadModel", { id: "nobody" })).toMatchObject({ kind: "failed" });
  await editor.stop();
});

it("lists, fetches and removes binaries for a GPU through the npm of the path, and says what npm said", async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), "rstar-gpu-"));
  const npm = path.join(home, "npm");
  writeFileSync(npm, "#!/bin/sh\necho 'npm error the registry is asleep' >&2\nexit 1\n", { mode: 0o755 });
  vi.stubEnv("RSTAR_HOME", home);
  vi.stubEnv("PATH", `${home}:${process.env["PATH"] ?? ""}`);
  try {
    const editor = await editorWith(setUp());
    const { kinds } = await editor.ask("gpuSupport", {});
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
