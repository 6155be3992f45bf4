/** Opening a policy behind a server: what is found out at once. */
import { describe, expect, it } from "vitest";
import type { Endpoint } from "../../../../server/engine/remote/endpoint.ts";
import { openRemotePolicy } from "../../../../server/engine/remote/remote-policy.ts";
import { endpointServer, json, ONE_MODEL, write } from "../../../support/endpoint-server.ts";
import { flood, forever, HASTE, policyOf } from "./policies.ts";

describe("opening", () => {
  const open = async (endpoint: Endpoint): Promise<string> => {
    const opening = await openRemotePolicy(endpoint, forever, HASTE);
    return opening.kind === "failed" ? `${opening.reason}: ${opening.message}` : "ready";
  };

  it("finds out at once that an address, a key or a name is wrong", async () => {
    const models = { data: [{ id: "one" }, { id: "two" }] };
    await using server = await endpointServer(() => undefined, models);
    expect(await open(server.endpoint({ model: "three" }))).toMatch(/no model "three"\. It has: one, two/u);
    expect(await open(server.endpoint({ model: "" }))).toMatch(/several models: one, two/u);
    expect(await open(server.endpoint({ model: "two", url: `${server.url}/v1/` }))).toBe("ready");
    await using closed = await endpointServer(
      () => undefined,
      (_asked, response) => json(response, 401, {}),
    );
    expect(await open(closed.endpoint())).toMatch(/^key: .*wants a key/u);
    await using chat = await endpointServer(() => undefined, { hello: "world" });
    expect(await open(chat.endpoint())).toMatch(/no list of models/u);
    expect(await open(server.endpoint({ url: "http://127.0.0.1:1" }))).toMatch(
      /cannot be reached.*Nothing is lost/u,
    );
  });

  it("waits for a server that still loads its model", async () => {
    let tries = 0;
    const loading = { error: { message: "Loading model", code: 503 } };
    await using server = await endpointServer(
      () => undefined,
      (_asked, response) => (++tries < 3 ? json(response, 503, loading) : json(response, 200, ONE_MODEL)),
    );
    expect(await open(server.endpoint())).toBe("ready");
    await using stuck = await endpointServer(
      () => undefined,
      (_asked, response) => json(response, 503, loading),
    );
    expect(await open(stuck.endpoint())).toMatch(/503: Loading model/u);
  });

  it("reads a long list of models, and none without an end", async () => {
    const models = Array.from({ length: 2000 }, (_, at) => ({ id: `m${at}`, description: "d".repeat(500) }));
    await using long = await endpointServer(() => undefined, { data: [...models, { id: "tiny" }] });
    expect(await open(long.endpoint())).toBe("ready");
    await using endless = await endpointServer(
      () => undefined,
      (_asked, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        void flood(response);
      },
    );
    expect(await open(endless.endpoint())).toMatch(/no list of models/u);
  });

  it("does without a list of models where a name is given", async () => {
    await using server = await endpointServer(
      (_asked, response) => write(response, ["a"]),
      (_asked, response) => json(response, 404, {}),
    );
    expect(await open(server.endpoint({ model: "" }))).toMatch(/no \/v1\/models/u);
    expect((await policyOf(server.endpoint())).identity.id).toBe("tiny");
  });

  it.each([
    ["not a URL", "localhost"],
    ["another protocol", "ftp://host/"],
    ["a password", "http://me:pass@host/"],
    ["a key in its query", "http://host/?key=1"],
  ])("refuses an address that is %s", async (_what, url) => {
    await using server = await endpointServer(() => undefined);
    expect(await open(server.endpoint({ url }))).toMatch(/not usable.*Nothing was sent/u);
  });
});
