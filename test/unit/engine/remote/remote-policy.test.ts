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

describe("a candidate", () => {
  it("continues the prefix as it is, with its seed and sampling", async () => {
    await using server = await endpointServer((_asked, response) => write(response, ["a = 6"]));
    const policy = await policyOf(server.endpoint({ key: "secret", model: "" }));
    expect(policy.identity).toEqual({ id: "tiny", endpoint: server.url });
    await policy.propose([{ ...REQUEST, seeds: [11, 12] }], forever);
    expect(server.asked.map(({ body }) => body["seed"]).sort()).toEqual([11, 12]);
    expect(server.asked[0]).toMatchObject({
      path: "/v1/completions",
      authorization: "Bearer secret",
      body: {
        model: "tiny",
        prompt: "Question: 6 times 7?\n<code>\n",
        max_tokens: 32,
        temperature: 0.8,
        top_p: 0.95,
        top_k: 40,
        min_p: 0.05,
        logprobs: 1,
        stream: true,
      },
    });
    expect(server.asked[0]?.body).not.toHaveProperty("stop");
  });

  it("ends at the first stop string, across pieces, and lets the server stop writing", async () => {
    await using server = await endpointServer((_asked, response) => {
      stream(response);
      for (const text of ["a = 6", "\n<end_", "of_step>\n", "# Step 2"]) send(response, piece(text));
      // The rest never comes: only a client that closes the connection gets on.
    });
    const policy = await policyOf(server.endpoint());
    const seen: string[] = [];
    const [result] = await policy.propose(
      [{ ...REQUEST, onText: (_index, text) => seen.push(text) }],
      forever,
    );
    expect(result).toMatchObject({
      kind: "candidates",
      candidates: [
        { text: "a = 6\n", tokens: 3, finish: { kind: "stop", stop: "<end_of_step>" }, logProb: null },
      ],
    });
    expect(seen).toEqual(["a = 6\n<end_", "a = 6\n<end_of_step>\n"]);
    while (server.closedEarly() === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  });

  it.each([
    ["stop", { kind: "end-of-text" }],
    ["length", { kind: "length" }],
  ])("that the server ended with %s is told as such", async (reason, finish) => {
    const result = await propose((_asked, response) => write(response, ["a", " = 6"], reason));
    expect(result).toMatchObject({ candidates: [{ text: "a = 6", tokens: 2, finish }] });
  });

  it("is cut where the server passes over the limit of tokens", async () => {
    const result = await propose(
      (_asked, response) => {
        stream(response);
        for (let index = 0; index < 50; index++) send(response, piece("x"));
      },
      { maxTokens: 8 },
    );
    expect(result).toMatchObject({ candidates: [{ text: "x".repeat(9), finish: { kind: "length" } }] });
  });

  it("counts tokens as the server does: in the last chunk, or in every one", async () => {
    const last = await propose((_asked, response) => {
      stream(response);
      send(response, piece("a = 6"));
      send(response, { choices: [{ text: "", finish_reason: "stop" }] });
      send(response, {
        choices: [],
        usage: { completion_tokens: 5, prompt_tokens: 20, prompt_tokens_details: { cached_tokens: 15 } },
      });
      send(response, "[DONE]");
      response.end();
    });
    expect(last).toMatchObject({ candidates: [{ tokens: 5 }], evaluatedTokens: 5, reusedTokens: 15 });
    const each = await propose((_asked, response) => {
      stream(response);
      send(response, piece("a = 6", { timings: { predicted_n: 3, prompt_n: 4, cache_n: 16 } }));
      send(response, piece("<end_of_step>", { timings: { predicted_n: 7, prompt_n: 4, cache_n: 16 } }));
    });
    expect(each).toMatchObject({ candidates: [{ tokens: 7 }], evaluatedTokens: 4, reusedTokens: 16 });
  });

  it("takes a token at least, whatever the server counts: a budget has to come to an end", async () => {
    const usage = { completion_tokens: 0, prompt_tokens: 20 };
    const counted = await propose((_asked, response) => {
      stream(response);
      for (let index = 0; index < 50; index++) send(response, piece("x", { usage }));
    });
    expect(counted).toMatchObject({ candidates: [{ tokens: 33, finish: { kind: "length" } }] });
    const empty = await propose((_asked, response) => write(response, []));
    expect(empty).toMatchObject({ candidates: [{ text: "", tokens: 1 }] });
  });

  it("is cut where the server passes over the limit and counts too few", async () => {
    await using server = await endpointServer((_asked, response) => {
      stream(response);
      const again = (): void => {
        if (response.destroyed) return;
        send(response, piece("x", { usage: { completion_tokens: 1 } }));
        setImmediate(again);
      };
      again();
    });
    const policy = await policyOf(server.endpoint());
    const [result] = await policy.propose([REQUEST], forever);
    expect(result).toMatchObject({
      candidates: [{ text: "x".repeat(33), tokens: 33, finish: { kind: "length" } }],
    });
  });

  it("may wait for its turn with many others", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const seeds = Array.from({ length: 20 }, (_, index) => index);
    const result = await propose(
      (_asked, response) => write(response, ["a"]),
      { seeds },
      { concurrentRequests: 2 },
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(result).toMatchObject({ kind: "candidates" });
    expect(warnings).toEqual([]);
  });

  it.each([
    ["completions", { token_logprobs: [-1] }, { token_logprobs: [null, -3] }],
    ["chats", { content: [{ logprob: -1 }] }, { content: [{ logprob: -3 }] }],
  ])("has log-probabilities in the form of %s", async (_form, first, second) => {
    const result = await propose((_asked, response) => {
      stream(response);
      for (const logprobs of [first, second]) send(response, { choices: [{ text: "x", logprobs }] });
      send(response, { choices: [{ text: "", finish_reason: "stop", logprobs: "none" }] });
      response.end();
    });
    expect(result).toMatchObject({ candidates: [{ logProb: { mean: -2, min: -3 } }] });
  });

  it("can come from a server that does not stream", async () => {
    const result = await propose((_asked, response) => {
      json(response, 200, {
        choices: [{ text: "a = 6<end_of_step>b", finish_reason: "length" }],
        usage: { completion_tokens: 9, prompt_tokens: 3 },
      });
    });
    expect(result).toMatchObject({ candidates: [{ text: "a = 6", tokens: 9 }], evaluatedTokens: 3 });
  });
});

describe("requests", () => {
  it("are under way at once up to the limit, and their candidates come in the order of the seeds", async () => {
    const held: (() => void)[] = [];
    let arrived = 0;
    await using server = await endpointServer(async ({ body }, response) => {
      // None is answered before three are there; one that came beside them would be seen then.
      if (++arrived === 3) setTimeout(() => held.forEach((release) => release()), 5);
      if (arrived <= 3) await new Promise<void>((release) => held.push(release));
      write(response, [`seed ${String(body["seed"])}`]);
    });
    const policy = await policyOf(server.endpoint({ concurrentRequests: 3 }));
    const seeds = [5, 4, 3, 2, 1];
    const results = await policy.propose(
      [
        { ...REQUEST, seeds },
        { ...REQUEST, seeds: [9] },
      ],
      forever,
    );
    expect(
      results.map((result) => result.kind === "candidates" && result.candidates.map(({ text }) => text)),
    ).toEqual([seeds.map((seed) => `seed ${seed}`), ["seed 9"]]);
    expect(server.most()).toBe(3);
    expect(policy.counters).toMatchObject({ candidates: 6, generatedTokens: 6 });
  });

  it.each([
    ["before the server answers", (): void => undefined],
    [
      "in the middle of an answer",
      (response: Parameters<typeof stream>[0]): void => {
        stream(response);
        send(response, piece("a"));
      },
    ],
  ])("stop when they are told to %s", async (_when, begin) => {
    await using server = await endpointServer((_asked, response) => begin(response));
    const policy = await policyOf(server.endpoint({ concurrentRequests: 2 }));
    const controller = new AbortController();
    const reason = new Error("stopped by the person");
    const proposing = policy.propose([{ ...REQUEST, seeds: [1, 2, 3] }], controller.signal);
    const ended = proposing.catch((error: unknown) => error);
    while (server.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    controller.abort(reason);
    expect(await ended).toBe(reason);
    // The server never answers: only the signal can have ended it.
    while (server.closedEarly() < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(server.asked).toHaveLength(2);
  });

  it("are sent again while the server has too much to do, after the time that it names", async () => {
    await using server = await endpointServer((_asked, response, before) => {
      if (before < 2) json(response, before === 0 ? 429 : 503, {}, { "retry-after": "0.01" });
      else write(response, ["a"]);
    });
    const policy = await policyOf(server.endpoint());
    expect(await policy.propose([REQUEST], forever)).toMatchObject([{ kind: "candidates" }]);
    expect(server.asked).toHaveLength(3);
  });

  it("are sent again when the connection is refused before there is an answer", async () => {
    await using server = await endpointServer((_asked, response, before) => {
      if (before === 0) response.destroy();
      else write(response, ["a"]);
    });
    const policy = await policyOf(server.endpoint());
    expect(await policy.propose([REQUEST], forever)).toMatchObject([{ kind: "candidates" }]);
  });

  it.each([
    ["a connection drops in the middle", (response) => void setTimeout(() => response.destroy(), 5)],
    ["an answer has no end", (response) => void response.end()],
  ] satisfies [string, (response: Parameters<typeof send>[0]) => void][])(
    "are sent again when %s",
    async (_what, end) => {
      await using server = await endpointServer((_asked, response, before) => {
        if (before > 0) {
          write(response, ["whole"]);
          return;
        }
        stream(response);
        send(response, piece("ha"));
        end(response);
      });
      const policy = await policyOf(server.endpoint());
      expect(await policy.propose([REQUEST], forever)).toMatchObject([
        { kind: "candidates", candidates: [{ text: "whole" }] },
      ]);
      expect(policy.counters.candidates).toBe(1);
    },
  );

  it("are sent again when a gateway has lost its server, and not when the server itself fails", async () => {
    for (const [status, asked] of [
      [502, 2],
      [504, 2],
      [500, 1],
    ] as const) {
      await using server = await endpointServer((_asked, response, before) => {
        if (before === 0) json(response, status, {});
        else write(response, ["a"]);
      });
      const policy = await policyOf(server.endpoint());
      const [result] = await policy.propose([REQUEST], forever);
      expect([result?.kind, server.asked.length]).toEqual([asked === 1 ? "failed" : "candidates", asked]);
    }
  });

  it("are whole once they have ended, even where the connection then drops", async () => {
    const result = await propose((_asked, response) => {
      stream(response);
      send(response, piece("a"));
      send(response, { choices: [{ text: "", finish_reason: "stop" }] });
      setTimeout(() => response.destroy(), 5);
    });
    expect(result).toMatchObject({ kind: "candidates", candidates: [{ text: "a" }] });
  });

  it("wait in line at a server that takes them one by one, as long as it works", async () => {
    let line = Promise.resolve();
    await using server = await endpointServer((_asked, response) => {
      line = line.then(async () => {
        stream(response);
        for (let sent = 0; sent < 4; sent++) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          send(response, piece("a"));
        }
        send(response, { choices: [{ text: "", finish_reason: "stop" }] });
        response.end();
      });
      return line;
    });
    const policy = await policyOf(server.endpoint({ timeoutMs: 400 }));
    const results = await policy.propose([{ ...REQUEST, seeds: [1, 2, 3, 4] }], forever);
    expect(results).toMatchObject([{ kind: "candidates" }]);
  });

  it("end together when one of them fails", async () => {
    await using server = await endpointServer((_asked, response, before) => {
      if (before === 1) json(response, 500, { error: { message: "out of memory" } });
      else stream(response);
    });
    const policy = await policyOf(server.endpoint());
    const results = await policy.propose([REQUEST, { ...REQUEST, seeds: [1, 2] }], forever);
    expect(results.map(({ kind }) => kind)).toEqual(["failed", "failed"]);
    while (server.closedEarly() < 2) await new Promise((resolve) => setTimeout(resolve, 2));
  });
});

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
