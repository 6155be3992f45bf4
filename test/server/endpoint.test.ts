/** A policy behind a server, from the settings and the key to the stored trace. */
import { expect, it, onTestFinished, vi } from "vitest";
import type { RuntimeOptions, RuntimeOpening } from "../../server/compose.ts";
import { openRemotePolicy } from "../../server/engine/remote/remote-policy.ts";
import { fakeServices } from "../support/fakes.ts";
import { endpointServer, json, write, type EndpointScript } from "../support/endpoint-server.ts";
import type { TestClient } from "./client.ts";
import { ANSWER, FIRST, multiply, scriptedClients, TEXT, URI } from "./scripts.ts";

const client = scriptedClients();

/** Writes what the scripted policy writes for the same prompt and seed. */
const multiplies: EndpointScript = ({ body }, response) => {
  const prompt = String(body["prompt"]);
  const { text, stop } = multiply({} as Parameters<typeof multiply>[0], Number(body["seed"]), prompt);
  write(response, [...text.split(/(?<=\n)/u), stop ?? ""]);
};

/** Opens the endpoint that the options name, as `openRuntime` does, with scripts for everything else. */
async function openEndpoint({ endpoint }: RuntimeOptions, signal: AbortSignal): Promise<RuntimeOpening> {
  if (endpoint === undefined) throw new Error("no endpoint was asked for");
  const opening = await openRemotePolicy(endpoint, signal);
  if (opening.kind === "failed")
    return { kind: "failed", message: opening.message, wantsKey: opening.reason === "key" };
  const { policy } = opening;
  return {
    kind: "ready",
    runtime: {
      services: { ...fakeServices(policy), promptFormat: endpoint.promptFormat },
      models: { policy: null, ppm: null },
      backend: null,
      why: "a server",
      stats: () => ({ policy: policy.counters }) as never,
      dispose: () => Promise.resolve(),
    },
  };
}

/** An editor that keeps keys, or not. */
async function editorFor(url: string, keys: Record<string, string> | null): Promise<TestClient> {
  const editor = await client({
    settings: { endpoint: { url: `${url}/v1` } },
    editor: { openRuntime: openEndpoint },
    initializationOptions: { keepsKeys: keys !== null },
  });
  editor.connection.onRequest("rstar/endpointKey", ({ origin }: { origin: string }) => ({
    key: keys?.[origin] ?? null,
  }));
  await editor.open(URI, TEXT);
  return editor;
}

it("solves with the server's model, and the trace names model and host", async () => {
  await using server = await endpointServer(multiplies);
  const editor = await editorFor(server.url, { [server.url]: "secret" });
  expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", answer: "42", inserted: true });
  expect(editor.text(URI)).toContain(ANSWER);
  expect(new Set(server.asked.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer secret"]));
  const { traces } = await editor.traces.store.query();
  expect(traces[0]?.models).toEqual({ policy: { id: "tiny", endpoint: server.url }, ppm: null });
  expect(JSON.stringify(traces)).not.toContain("secret");
  expect(await editor.ask("status", {})).toMatchObject({ model: "tiny", backend: "a server" });
});

it("says that a key is wanted, and uses it once it is there", async () => {
  const keys: Record<string, string> = { "http://other:1": "of another server" };
  await using server = await endpointServer(multiplies, ({ authorization }, response) => {
    if (authorization === "Bearer right") json(response, 200, { data: [{ id: "tiny" }] });
    else json(response, 401, {});
  });
  vi.stubEnv("RSTAR_ENDPOINT_KEY", "right");
  onTestFinished(() => void vi.unstubAllEnvs());
  const editor = await editorFor(server.url, keys);
  const refused = await editor.ask("solve", FIRST);
  expect(refused).toMatchObject({ kind: "not-started", reason: "key-missing" });
  expect("message" in refused && refused.message).toMatch(/wants a key.*Nothing is lost/u);
  expect(editor.text(URI)).toBe(TEXT);
  keys[server.url] = "right";
  expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved" });
  // An editor that keeps no keys has but the environment's.
  const plain = await editorFor(server.url, null);
  expect(await plain.ask("solve", FIRST)).toMatchObject({ kind: "solved" });
});

it("keeps what it had when the server goes away, and Resume goes on", async () => {
  let isDown = false;
  await using server = await endpointServer((asked, response, before) => {
    isDown ||= before === 6;
    if (isDown) json(response, 500, { error: { message: "no memory" } });
    else return multiplies(asked, response, before);
  });
  const editor = await client({
    settings: { endpoint: { url: server.url }, search: { settleConfidence: 1, budgetTokens: 600 } },
    editor: { openRuntime: openEndpoint },
  });
  await editor.open(URI, TEXT);
  const failed = await editor.ask("solve", FIRST);
  expect(failed).toMatchObject({ kind: "failed", traceId: "t-1" });
  expect("message" in failed && failed.message).toMatch(/failed \(500: no memory\).*What was found is kept/u);
  expect((await editor.problems(URI))[0]).toMatchObject({ traceId: "t-1", resumable: true });
  isDown = false;
  const outcome = await editor.ask("resume", { traceId: "t-1", place: FIRST });
  expect(outcome).toMatchObject({ kind: "solved", inserted: true });
});
