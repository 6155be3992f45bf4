/** Models in the editor, over a real manager with a mirror of its own. */
import { expect, it } from "vitest";
import { CancellationTokenSource } from "vscode-languageserver/node";
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

it("says what is wrong with a file that is no model, and with an unknown id", async () => {
  const editor = await editorWith(setUp());
  expect(await editor.ask("addModel", { path: "/no/such/file.gguf" })).toMatchObject({ kind: "failed" });
  expect(await editor.ask("downloadModel", { id: "nobody" })).toMatchObject({ kind: "failed" });
  await editor.stop();
});
