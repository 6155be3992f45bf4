/** A policy behind a server: what a candidate is, and how requests are sent, waited for and sent again. */
import { describe, expect, it } from "vitest";
import { endpointServer, json, piece, send, stream, write } from "../../../support/endpoint-server.ts";
import { forever, policyOf, propose, REQUEST } from "./policies.ts";

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
