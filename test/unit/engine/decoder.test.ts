/** The loop keeps lanes without gaps, evaluates every prefix once, and lets a request fail or stop alone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContextHost } from "../../../server/engine/context-host.ts";
import { Policy } from "../../../server/engine/policy.ts";
import { Ppm } from "../../../server/engine/ppm.ts";
import type { ProposeRequest, ProposeResult } from "../../../server/services.ts";
import { drawToken } from "../../../server/engine/sampling.ts";
import { characters, END_OF_TEXT, FakeBackend, fakeContext, lettersAfter } from "./fake-backend.ts";

const forever = new AbortController().signal;

function request(prefix: readonly string[], seeds: readonly number[], maxTokens = 12): ProposeRequest {
  return { prefix, seeds, sampling: { temperature: 1, topP: 1 }, stop: ["."], maxTokens };
}

function setUp(
  backend = new FakeBackend(),
  lanes = backend.sequences,
): {
  readonly backend: FakeBackend;
  readonly policy: Policy;
  readonly context: ReturnType<typeof fakeContext>;
  readonly propose: (...requests: readonly ProposeRequest[]) => Promise<readonly ProposeResult[]>;
} {
  const context = fakeContext(backend, { lanes });
  const source = {
    open: () => Promise.resolve(context),
    close: (open: typeof context, reason: string) => open.decoder.dispose(reason),
  };
  const host = new ContextHost(source, context, Infinity);
  const policy = new Policy({ id: "fake", sha256: "" }, host);
  return { backend, policy, context, propose: (...requests) => policy.propose(requests, forever) };
}

function texts(result: ProposeResult | undefined): string[] {
  return result?.kind === "candidates" ? result.candidates.map((candidate) => candidate.text) : [];
}

function costs(result: ProposeResult | undefined): readonly [number, number] {
  return result?.kind === "candidates" ? [result.evaluatedTokens, result.reusedTokens] : [-1, -1];
}

describe("one request", () => {
  it("gives a candidate for each seed, evaluating the prefix once", async () => {
    const { propose, backend } = setUp();
    const [result] = await propose(request(["problem: ", "step"], [1, 2, 3, 4]));
    expect(texts(result)).toHaveLength(4);
    expect(new Set(texts(result)).size).toBeGreaterThan(1);
    expect(costs(result)).toEqual([13, 0]);
    const prompt = backend.batches
      .flat()
      .filter((item) => item.position < 13)
      .reduce((sum, item) => sum + item.tokens.length, 0);
    expect(prompt).toBe(13);
  });

  it("gives the same texts alone, beside others, with few lanes and with every prefix evicted", async () => {
    const wanted = request(["the problem"], [5, 6, 7]);
    const [alone] = await setUp().propose(wanted);
    const others = Array.from({ length: 9 }, (_, i) => request([`another ${i}`], [i, i + 1], 30));
    const beside = await setUp().propose(...others, wanted);
    const narrow = await setUp(new FakeBackend({ sequences: 2 })).propose(...others, wanted);
    const single = await setUp(new FakeBackend({ sequences: 1 })).propose(...others, wanted);
    expect(texts(alone)).toHaveLength(3);
    for (const results of [beside, narrow, single]) expect(texts(results.at(-1))).toEqual(texts(alone));
  });

  it("fills every batch up to whole groups of rows where the backend has them, which changes no text", async () => {
    const wanted = request(["the problem, longer than a group"], [5, 6, 7]);
    const [alone] = await setUp().propose(wanted);
    const backend = new FakeBackend({ sequences: 12, rowGroup: 4, cells: 60 });
    const { propose, context } = setUp(backend, 7);
    const others = Array.from({ length: 9 }, (_, i) => request([`another ${i}`], [i, i + 1], 30));
    const results = await propose(...others, wanted);
    expect(texts(results.at(-1))).toEqual(texts(alone));
    for (const items of backend.batches) {
      const rows = items.map(({ tokens, padding }) => tokens.length + padding);
      if (rows.includes(1)) expect(rows.length % 4).toBe(0);
      for (const count of rows) expect((count - (rows.includes(1) ? 1 : 0)) % 4).toBe(0);
    }
    // Padding is nobody's token.
    const tokens = backend.batches.flat().reduce((sum, item) => sum + item.tokens.length, 0);
    expect(context.decoder.stats.evaluatedTokens).toBe(tokens);
  });

  it("evaluates what siblings have in common once, in one place of the batch, until they part", async () => {
    const backend = new FakeBackend();
    const shared = "the same start of all of them, ";
    backend.logits = (cells) => {
      const said = String.fromCodePoint(...cells).slice(1);
      const next = shared[said.length];
      const choices = next === undefined ? ["a", "b", "c", "d"] : [next];
      return { tokens: choices.map((text) => text.codePointAt(0) ?? 0), logits: choices.map(() => 0) };
    };
    const [result] = await setUp(backend).propose(request(["p"], [1, 2, 3, 4, 5], shared.length + 2));
    const endings = new Set(texts(result).map((text) => text.slice(0, shared.length + 1)));
    expect(texts(result)).toHaveLength(5);
    expect(endings.size).toBeGreaterThan(1);
    expect(backend.batches.slice(0, shared.length + 1).map((items) => items.length)).toEqual(
      Array.from({ length: shared.length + 1 }, () => 1),
    );
    const evaluated = backend.batches.flat().reduce((sum, item) => sum + item.tokens.length, 0);
    expect(evaluated).toBe(1 + shared.length + endings.size);
  });

  it("says how a candidate ended, and cuts its text before the stop string", async () => {
    const backend = new FakeBackend();
    const script = new Map([
      ["p", "xy.z"],
      ["q", "xyz\0"],
      ["r", "xyzxyz"],
    ]);
    backend.logits = (cells) => {
      const [first = "", ...rest] = String.fromCodePoint(...cells);
      return { tokens: [(script.get(first) ?? "").codePointAt(rest.length) ?? END_OF_TEXT], logits: [0] };
    };
    const results = await setUp(backend).propose(
      ...["p", "q", "r"].map((prefix) => request([prefix], [1], 4)),
    );
    expect(results.flatMap((result) => (result.kind === "candidates" ? result.candidates : []))).toEqual([
      { text: "xy", tokens: 3, logProb: { mean: 0, min: 0 }, finish: { kind: "stop", stop: "." } },
      { text: "xyz", tokens: 4, logProb: { mean: 0, min: 0 }, finish: { kind: "end-of-text" } },
      { text: "xyzx", tokens: 4, logProb: { mean: 0, min: 0 }, finish: { kind: "length" } },
    ]);
  });

  it("ends a candidate where the cells end, and refuses a prefix that leaves no room", async () => {
    const { propose } = setUp(new FakeBackend({ cells: 16 }));
    const [fits, tooLong] = await propose(
      request(["0123456789"], [1], 50),
      request(["0123456789abcdef"], [1]),
    );
    expect(fits).toMatchObject({
      kind: "candidates",
      candidates: [{ tokens: 6, finish: { kind: "length" } }],
    });
    expect(tooLong).toEqual({ kind: "too-long", tokens: 16, limit: 15 });
  });

  it("answers a request that asks for nothing, and names what is wrong with an impossible one", async () => {
    const { propose } = setUp();
    const [none, empty, zero] = await propose(request(["a"], []), request([], [1]), request(["a"], [1], 0));
    expect(none).toMatchObject({ kind: "candidates", candidates: [] });
    expect(empty).toMatchObject({ kind: "failed" });
    expect(zero).toMatchObject({ kind: "failed" });
  });
});

describe("many requests", () => {
  it("keeps the lanes of every batch in ascending order without gaps as candidates end one by one", async () => {
    const backend = new FakeBackend({ sequences: 12 });
    const { propose } = setUp(backend, 6);
    await propose(
      ...Array.from({ length: 10 }, (_, i) => request([`problem ${i}`], [i, i + 1, i + 2], 3 + 5 * (i % 4))),
    );
    expect(backend.gaps).toBe(0);
    for (const items of backend.batches) expect(items[0]?.sequence).toBe(0);
  });

  it("admits a waiting candidate as soon as a lane is free", async () => {
    const backend = new FakeBackend({ sequences: 4 });
    const { propose } = setUp(backend, 4);
    await propose(request(["abc"], [1, 2, 3, 4], 4), request(["xyz"], [1, 2, 3, 4], 40));
    const full = backend.batches.filter((items) => items.length === 4).length;
    // 40 but for the last one, and the beginning, where candidates that drew the same tokens share a place.
    expect(full).toBeGreaterThan(35);
  });

  it("evaluates a common start of several new requests once", async () => {
    const { propose, backend } = setUp();
    const start = "two worked examples that every problem has before it: ";
    const results = await propose(...["one", "two", "six"].map((end) => request([start, end], [1, 2])));
    expect(results.map(costs)).toEqual([
      [start.length + 3, 0],
      [3, start.length],
      [3, start.length],
    ]);
    expect(backend.forks).toBeGreaterThan(0);
  });

  it("lets requests made later join those under way", async () => {
    const { policy, backend } = setUp();
    const first = policy.propose([request(["first"], [1, 2], 30)], forever);
    const second = new Promise<readonly ProposeResult[]>((resolve) => {
      backend.beforeBatch = () => {
        if (backend.batches.length === 5) resolve(policy.propose([request(["second"], [1, 2], 30)], forever));
      };
    });
    await Promise.all([first, second]);
    expect(Math.max(...backend.batches.map((items) => items.length))).toBe(4);
  });

  it("does not hold up decoding for a long prefix", async () => {
    const backend = new FakeBackend({ cells: 400 });
    const { propose } = setUp(backend);
    await propose(request(["short"], [1], 30), request(["x".repeat(200)], [1], 2));
    for (const items of backend.batches.slice(1, 16)) {
      expect(items.reduce((sum, item) => sum + item.tokens.length, 0)).toBeLessThanOrEqual(2 + 8);
      expect(items).toHaveLength(2);
    }
  });
});

describe("any mix of requests", () => {
  /** What a candidate must be: generated alone, straight from the fake's logits. */
  function expected({ prefix, sampling, maxTokens }: ProposeRequest, seed: number): string {
    const cells = [...characters.tokenize(prefix.join(""))];
    let text = "";
    for (let step = 0; step < maxTokens; step++) {
      const { token } = drawToken(lettersAfter(cells), sampling, seed, step);
      cells.push(token);
      text += String.fromCodePoint(token);
    }
    return text;
  }

  it("gives each candidate as if it had been generated alone, over any number of sequences and with cancelling", async () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 12 });
    const some = fc.record({
      prefix: fc.array(word, { minLength: 1, maxLength: 4 }),
      seeds: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
      maxTokens: fc.integer({ min: 1, max: 20 }),
      startsAfter: fc.nat(30),
      cancelledAfter: fc.option(fc.nat(60)),
    });
    const shape = fc.record({
      sequences: fc.integer({ min: 1, max: 9 }),
      lanes: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(some, { minLength: 1, maxLength: 8 }),
        shape,
        async (mix, { sequences, lanes }) => {
          const backend = new FakeBackend({ sequences });
          const { policy, context } = setUp(backend, lanes);
          const outcomes = mix.map((entry) => {
            const stop = new AbortController();
            const wanted = { ...request(entry.prefix, entry.seeds, entry.maxTokens), stop: [] };
            return { entry, stop, wanted, result: null as Promise<unknown> | null };
          });
          const act = (): void => {
            for (const outcome of outcomes) {
              const { entry, stop, wanted } = outcome;
              if (backend.batches.length >= entry.startsAfter || context.decoder.idle) {
                outcome.result ??= policy.propose([wanted], stop.signal).catch((error: unknown) => error);
              }
              if (entry.cancelledAfter !== null && backend.batches.length >= entry.cancelledAfter)
                stop.abort("no");
            }
          };
          backend.beforeBatch = act;
          while (outcomes.some((outcome) => outcome.result === null)) {
            act();
            await Promise.all(outcomes.flatMap(({ result }) => (result === null ? [] : [result])));
          }
          for (const { wanted, result, stop } of outcomes) {
            const got = await result;
            if (stop.signal.aborted && got === "no") continue;
            expect(texts((got as readonly ProposeResult[])[0])).toEqual(
              wanted.seeds.map((seed) => expected(wanted, seed)),
            );
          }
          expect(backend.gaps).toBe(0);
          await policy.dispose();
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("the prefix tree", () => {
  it("evaluates only the new tokens of a child, whichever sibling ran in between", async () => {
    const { propose, context } = setUp();
    const [parent] = await propose(request(["problem "], [1, 2, 3]));
    const [first = "", second = ""] = texts(parent);
    const [child] = await propose(request(["problem ", first, ".next"], [4]));
    const [sibling] = await propose(request(["problem ", second, ".next"], [4]));
    // The last generated token was never evaluated: nothing came after it.
    for (const result of [child, sibling]) expect(costs(result)[0]).toBeLessThanOrEqual(".next".length + 1);
    expect(context.decoder.stats.evaluatedAgainTokens).toBe(0);
  });

  it("evaluates one token of a prefix that is cached whole", async () => {
    const { propose } = setUp();
    await propose(request(["problem"], [1]));
    const [again] = await propose(request(["problem"], [1]));
    expect(costs(again)).toEqual([1, 6]);
  });

  it("counts what had to be evaluated again after eviction", async () => {
    const { propose, context } = setUp(new FakeBackend({ sequences: 1 }));
    await propose(request(["first problem"], [1]));
    await propose(request(["other problem"], [1]));
    expect(context.decoder.stats.evaluatedAgainTokens).toBe(0);
    await propose(request(["first problem"], [1]));
    expect(context.decoder.stats.evaluatedAgainTokens).toBeGreaterThanOrEqual("first problem".length);
  });
});

describe("failures", () => {
  it("stay with the request whose tokens the native side cannot take", async () => {
    const backend = new FakeBackend();
    const { propose } = setUp(backend);
    const [expected] = await setUp().propose(request(["good"], [1, 2]));
    backend.beforeBatch = (items) => {
      const poison = "#".codePointAt(0) ?? 0;
      if (items.some((item) => item.tokens.includes(poison))) throw new Error("cannot decode");
    };
    const [good, bad] = await propose(request(["good"], [1, 2]), request(["bad#"], [1]));
    expect(texts(good)).toEqual(texts(expected));
    expect(bad).toEqual({ kind: "failed", reason: "cannot decode" });
  });

  it("are tried again alone, so that a passing one costs nobody a result", async () => {
    const backend = new FakeBackend();
    const [expected] = await setUp().propose(request(["good"], [1, 2]));
    let left = 1;
    backend.beforeBatch = () => {
      if (backend.batches.length === 3 && left-- > 0) throw new Error("out of memory");
    };
    expect(texts((await setUp(backend).propose(request(["good"], [1, 2])))[0])).toEqual(texts(expected));
  });

  it("leave the engine working for the next request", async () => {
    const backend = new FakeBackend();
    const { propose } = setUp(backend);
    backend.beforeBatch = () => {
      throw new Error("the device is lost");
    };
    expect(await propose(request(["a"], [1]))).toEqual([{ kind: "failed", reason: "the device is lost" }]);
    backend.beforeBatch = () => undefined;
    const [expected] = await setUp().propose(request(["a"], [1]));
    expect(texts((await propose(request(["a"], [1])))[0])).toEqual(texts(expected));
  });

  it("include a model that gives no logits", async () => {
    const backend = new FakeBackend();
    backend.logits = (cells) => {
      if (cells.length > 4) throw new Error("the model gave no logits");
      return lettersAfter(cells);
    };
    expect(await setUp(backend).propose(request(["abc"], [1]))).toMatchObject([{ kind: "failed" }]);
  });
});

describe("cancelling", () => {
  it("rejects with the signal's reason at once and frees the lanes before the next batch", async () => {
    const backend = new FakeBackend();
    const { policy, context } = setUp(backend);
    const stop = new AbortController();
    const reason = new Error("changed my mind");
    const others = policy.propose([request(["other"], [1, 2], 20)], forever);
    const cancelled = policy.propose([request(["mine"], [1, 2, 3], 200)], stop.signal);
    backend.beforeBatch = () => {
      if (backend.batches.length === 6) stop.abort(reason);
    };
    await expect(cancelled).rejects.toBe(reason);
    const [expected] = await setUp().propose(request(["other"], [1, 2], 20));
    expect(texts((await others)[0])).toEqual(texts(expected));
    const after = backend.batches.slice(7);
    expect(after.length).toBeGreaterThan(0);
    for (const items of after) expect(items.length).toBeLessThanOrEqual(2);
    expect(context.decoder.idle).toBe(true);
  });

  it("rejects an already aborted call without computing anything", async () => {
    const { policy, backend } = setUp();
    await expect(policy.propose([request(["a"], [1])], AbortSignal.abort("no"))).rejects.toBe("no");
    expect(backend.batches).toHaveLength(0);
  });
});

describe("closing", () => {
  it("fails what is under way with a reason, frees the context, and refuses later calls", async () => {
    const { policy, backend } = setUp();
    const running = policy.propose([request(["a"], [1], 200)], forever);
    await new Promise<void>((resolve) => {
      backend.beforeBatch = () => {
        if (backend.batches.length === 2) resolve();
      };
    });
    await policy.dispose();
    expect(await running).toEqual([{ kind: "failed", reason: "the model was closed" }]);
    expect(backend.disposed).toBe(true);
    expect(await policy.propose([request(["a"], [1])], forever)).toMatchObject([{ kind: "failed" }]);
  });
});

describe("scoring", () => {
  const tokens = { suffix: [33, 63], positive: 5, negative: 3 };

  function ppm(backend: FakeBackend): Ppm {
    const context = fakeContext(backend);
    const source = { open: () => Promise.resolve(context), close: () => Promise.resolve() };
    return new Ppm({ id: "fake", sha256: "" }, tokens, new ContextHost(source, context, Infinity));
  }

  it("gives the same scores in one call, in several, and without any cache", async () => {
    const prefixes = [["problem", "step 1"], ["problem", "step 1", "step 2"], ["problem", "other"], ["new"]];
    const together = await ppm(new FakeBackend()).score(prefixes, forever);
    const model = ppm(new FakeBackend());
    const single = ppm(new FakeBackend({ sequences: 1 }));
    for (const [index, prefix] of prefixes.entries()) {
      const expected = {
        kind: "score",
        value: together[index]?.kind === "score" ? together[index].value : NaN,
      };
      expect(await model.score([prefix], forever)).toMatchObject([expected]);
      expect(await single.score([prefix], forever)).toMatchObject([expected]);
    }
  });

  it("drops the suffix, so that the next step evaluates only itself and the suffix", async () => {
    const model = ppm(new FakeBackend());
    await model.score([["problem", "step 1"]], forever);
    const [next] = await model.score([["problem", "step 1", "step 2"]], forever);
    expect(next).toMatchObject({
      evaluatedTokens: "step 2".length + 2,
      reusedTokens: "problemstep 1".length,
    });
  });

  it("refuses a prefix longer than the context alone", async () => {
    const model = ppm(new FakeBackend({ cells: 16 }));
    expect(await model.score([["x".repeat(15)], ["x".repeat(14)]], forever)).toMatchObject([
      { kind: "too-long", tokens: 17, limit: 16 },
      { kind: "score" },
    ]);
  });
});
