/** What goes wrong with a policy behind a server is told, with what to do. */
import { describe, expect, it } from "vitest";
import type { Endpoint } from "../../../../server/engine/remote/endpoint.ts";
import {
  endpointServer,
  json,
  piece,
  send,
  stream,
  write,
  type EndpointScript,
} from "../../../support/endpoint-server.ts";
import { flood, forever, policyOf, propose, REQUEST } from "./policies.ts";

/** The sentence of a failed request. */
async function failure(script: EndpointScript, changes: Partial<Endpoint> = {}): Promise<string> {
  const result = await propose(script, {}, changes);
  return result?.kind === "failed" ? result.reason : `not failed: ${JSON.stringify(result)}`;
}

describe("what goes wrong is told, with what to do", () => {
  const answer =
    (status: number, body: object, headers = {}): EndpointScript =>
    (_asked, response) =>
      json(response, status, body, headers);

  it.each([
    ["no key", answer(401, {}), /wants a key \(401\).*RSTAR_ENDPOINT_KEY/u],
    ["no such model", answer(404, { error: { message: "no model tiny" } }), /"tiny": no model tiny/u],
    ["a bad request", answer(400, { error: "top_k is unknown" }), /refused.*400: top_k is unknown/u],
    ["too much to do", answer(429, {}, { "retry-after": "90" }), /no more requests for 90 s/u],
    ["too much to do, without a time", answer(503, {}), /too much to do \(503/u],
    [
      "what a server that is busy says",
      answer(503, { error: { message: "Loading model" } }),
      /\(503: Loading model\)/u,
    ],
    ["a broken server", answer(502, {}), /failed \(502/u],
    ["a page", (_asked, response) => void response.end("<html>Hello</html>"), /something else.*not JSON/u],
    ["another shape", answer(200, { choices: [{ text: 7 }] }), /choices\.0\.text/u],
    [
      "a redirection",
      answer(307, {}, { location: "http://other/v1?token=1" }),
      /points to http:\/\/other\/v1\. /u,
    ],
    [
      "an error within the answer",
      (_asked, response) => {
        stream(response);
        send(response, { error: { message: "the GPU is gone" } });
        response.end();
      },
      /failed \(200: the GPU is gone\)/u,
    ],
    [
      "an answer without an end",
      (_asked, response) => {
        stream(response);
        send(response, piece("a"));
        response.end();
      },
      /ended in the middle.*no end/u,
    ],
    [
      "a connection that drops",
      (_asked, response) => {
        stream(response);
        send(response, piece("a"));
        setTimeout(() => response.destroy(), 5);
      },
      /ended in the middle of an answer/u,
    ],
  ] satisfies [string, EndpointScript, RegExp][])("%s", async (_what, script, words) => {
    expect(await failure(script)).toMatch(words);
  });

  it("a wrong key", async () => {
    const told = await failure(answer(403, {}), { key: "wrong-secret" });
    expect(told).toMatch(/does not accept the key \(403\)/u);
    expect(told).not.toContain("wrong-secret");
  });

  it("silence, before and in the middle of an answer", async () => {
    expect(await failure(() => undefined, { timeoutMs: 40 })).toMatch(/said nothing for 0\.04 s/u);
    expect(await failure((_asked, response) => stream(response), { timeoutMs: 40 })).toMatch(/said nothing/u);
  });

  it("a prompt that is too long, with the server's numbers", async () => {
    const error = {
      message: "too long",
      type: "exceed_context_size_error",
      n_prompt_tokens: 3001,
      n_ctx: 1024,
    };
    expect(await propose(answer(400, { error }))).toEqual({ kind: "too-long", tokens: 3001, limit: 1024 });
  });

  it.each([
    ["in the prompt", "However, you requested 61 tokens (29 in the prompt, 32 in the completion). Please"],
    ["your request has", "and your request has 29 input tokens (32 > 60 - 29)."],
    ["in your prompt", "however you requested 61 tokens (29 in your prompt; 32 for the completion)."],
    [
      "your prompt contains",
      "However, you requested 32 output tokens and your prompt contains 29 input tokens, for",
    ],
  ])("a candidate with no room left is asked for once more, as long as fits: %s", async (_who, words) => {
    await using server = await endpointServer(({ body }, response) => {
      const message = `This model's maximum context length is 60 tokens${words.startsWith("and") ? " " : ". "}${words}`;
      if (body["max_tokens"] !== 31) json(response, 400, { error: { message, type: "BadRequestError" } });
      else write(response, ["a"]);
    });
    const policy = await policyOf(server.endpoint());
    expect(await policy.propose([REQUEST], forever)).toMatchObject([{ kind: "candidates" }]);
    expect(server.asked.map(({ body }) => body["max_tokens"])).toEqual([32, 31]);
  });

  it("a prompt that leaves room for nothing is too long, in vLLM's words too", async () => {
    // Its older versions have no object around it.
    const message =
      "This model's maximum context length is 60 tokens. However, you requested 102 tokens (70 in the prompt, 32 in the completion).";
    await using server = await endpointServer(answer(400, { object: "error", message, code: 400 }));
    const policy = await policyOf(server.endpoint());
    expect(await policy.propose([REQUEST], forever)).toEqual([{ kind: "too-long", tokens: 70, limit: 60 }]);
    expect(server.asked).toHaveLength(1);
  });

  it("a candidate is asked for with less and less room while the prompt's length is not told", async () => {
    const script: EndpointScript = ({ body }, response) => {
      const { max_tokens: asked, prompt } = body as { max_tokens: number; prompt: string };
      const message = `This model's maximum context length is 60 tokens. However, you requested ${asked} output tokens and your prompt contains at least ${61 - asked} input tokens, for a total of at least 61 tokens.`;
      if (asked + prompt.length > 60) json(response, 400, { error: { message } });
      else write(response, ["a"]);
    };
    await using server = await endpointServer(script);
    const policy = await policyOf(server.endpoint());
    const results = await policy.propose(
      [
        { ...REQUEST, prefix: ["p".repeat(50)] },
        { ...REQUEST, prefix: ["p".repeat(60)], seeds: [1] },
      ],
      forever,
    );
    expect(results).toMatchObject([{ kind: "candidates" }, { kind: "too-long", tokens: 61, limit: 60 }]);
    const lengths = (size: number) =>
      server.asked
        .filter(({ body }) => String(body["prompt"]).length === size)
        .map(({ body }) => body["max_tokens"]);
    expect([lengths(50), lengths(60)]).toEqual([
      [32, 16, 8],
      [32, 16, 8, 4, 2, 1],
    ]);
  });

  it("an error without an end is read as far as an honest one goes", async () => {
    const told = await failure((_asked, response) => {
      response.writeHead(400, { "content-type": "application/json" });
      void flood(response);
    });
    expect(told).toMatch(/refused.*400: x{200}…/u);
  });

  it("a request that is too long is so by itself: the others go on", async () => {
    const error = { message: "too long", n_prompt_tokens: 3001, n_ctx: 1024 };
    await using server = await endpointServer(({ body }, response) => {
      if (body["prompt"] === "long") json(response, 400, { error });
      else write(response, ["a"]);
    });
    const policy = await policyOf(server.endpoint({ concurrentRequests: 1 }));
    const results = await policy.propose(
      [
        { ...REQUEST, prefix: ["long"], seeds: [1, 2] },
        { ...REQUEST, seeds: [1, 2] },
      ],
      forever,
    );
    expect(results).toMatchObject([
      { kind: "too-long", tokens: 3001, limit: 1024 },
      { kind: "candidates", candidates: [{ text: "a" }, { text: "a" }] },
    ]);
  });

  it("no more tokens are asked for than the server reads, where it tells that", async () => {
    const script: EndpointScript = (_asked, response) => write(response, ["a"]);
    await using server = await endpointServer(script, { data: [{ id: "tiny", max_model_len: 512 }] });
    await using silent = await endpointServer(script, { data: [{ id: "tiny" }] });
    for (const each of [server, silent])
      await (await policyOf(each.endpoint())).propose([{ ...REQUEST, maxTokens: 9000 }], forever);
    expect(server.asked[0]?.body["max_tokens"]).toBe(511);
    expect(silent.asked[0]?.body["max_tokens"]).toBe(9000);
  });

  it("a server that is gone", async () => {
    const server = await endpointServer((_asked, response) => write(response, ["a"]));
    const policy = await policyOf(server.endpoint());
    await server[Symbol.asyncDispose]();
    const [result] = await policy.propose([REQUEST], forever);
    expect(result).toMatchObject({ kind: "failed" });
    expect(result?.kind === "failed" && result.reason).toMatch(/cannot be reached \(ECONNREFUSED\)/u);
  });
});
