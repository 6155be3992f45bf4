/** The comparison with rivals: turns, resume, votes, counters and the report, with contestants of a few lines. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EvaluationProblem } from "../../../server/evaluation/problems.ts";
import { fastVerdict } from "../../../server/grading/fast.ts";
import { chatAnswer, type Contestant } from "../../bench/peers/contestant.ts";
import { metered, parseCounters } from "../../bench/peers/metered.ts";
import { openRun, readRun, type PeerRun, type Turn } from "../../bench/peers/records.ts";
import { peerMarkdown, reportOf } from "../../bench/peers/report.ts";
import { compare, isDone, orderAt, turnName, type PeerOptions } from "../../bench/peers/run.ts";
import { chatTexts, lastProgram, majority, printedAnswer } from "../../bench/peers/sampling.ts";
import { parentOf, peakOf } from "../../bench/support/memory.ts";
import { PROBLEMS, run, session } from "./peers-support.ts";

/** Answers with what `answer` makes of the problem. */
function contestant(
  name: string,
  side: Contestant["side"],
  answer: (problem: EvaluationProblem, signal: AbortSignal) => Promise<string | null>,
): Contestant {
  return {
    ...{ name, side },
    settings: "none",
    processes: () => [],
    solve: async (problem, signal) => ({
      answer: await answer(problem, signal),
      generatedTokens: 10,
      promptTokens: 5,
      raw: null,
    }),
  };
}

function options(keep: (taken: Turn) => void, limitMs = 60_000): PeerOptions {
  let now = 0;
  return {
    grader: {
      equivalent: (a, b, mode) =>
        Promise.resolve(fastVerdict(a, b, mode) ?? { kind: "undecided", how: "not fast" }),
    },
    session: 0,
    limitMs,
    now: () => (now += 1000),
    measureMemory: () => () => 1000,
    keep: (taken) => {
      keep(taken);
      return Promise.resolve();
    },
  };
}

const right = contestant("right", "ours", ({ answer }) => Promise.resolve(answer));
const wrong = contestant("wrong", "rival", () => Promise.resolve("7"));
const never = new AbortController().signal;

describe("turns", () => {
  it("go problem by problem, in another order each time", async () => {
    const order: string[] = [];
    const kept = options(({ problem, contestant: name }) => order.push(`${problem} ${name}`));
    await compare(PROBLEMS, [right, wrong], new Map(), kept, never);
    expect(order).toEqual(["p1 right", "p1 wrong", "p2 wrong", "p2 right", "p3 right", "p3 wrong"]);
  });

  it.each([1, 2, 3, 8, 9])(
    "of %d contestants: everyone takes every place and follows everyone else equally often",
    (n) => {
      const all = Array.from({ length: n }, (_, contestant) => contestant);
      const rows = Array.from({ length: n % 2 === 0 ? n : 2 * n }, (_, row) => orderAt(all, row));
      const places = rows.flatMap((row) => row.map((contestant, place) => `${contestant} at ${place}`));
      const follows = rows.flatMap((row) =>
        row.slice(1).map((contestant, place) => `${row[place]} ${contestant}`),
      );
      for (const [told, different] of [
        [places, n * n],
        [follows, n * (n - 1)],
      ] as const) {
        const counts = new Map<string, number>();
        for (const each of told) counts.set(each, (counts.get(each) ?? 0) + 1);
        expect(counts.size).toBe(different);
        expect(new Set(counts.values()).size).toBe(different === 0 ? 0 : 1);
      }
      expect(orderAt(all, rows.length)).toEqual(rows[0]);
    },
  );

  it("cost what they took until their program failed, and are taken again", async () => {
    const broken: Contestant = {
      ...right,
      solve: () =>
        Promise.resolve({
          // Found before it failed: it counts for nobody.
          answer: "1",
          generatedTokens: 40,
          promptTokens: 8,
          raw: null,
          failure: { reason: "HTTP 500", seconds: 3 },
        }),
    };
    const done = new Map<string, Turn>();
    await compare(
      PROBLEMS.slice(0, 1),
      [broken],
      done,
      options(() => undefined),
      never,
    );
    const [taken] = done.values();
    expect(taken).toMatchObject({
      end: { kind: "failed", reason: "HTTP 500" },
      generatedTokens: 40,
      seconds: 3,
      strict: "no-answer",
    });
    expect(isDone(taken)).toBe(false);
  });

  it("begin when the contestant is ready: its start is neither in its time nor in its memory", async () => {
    const told: string[] = [];
    const slow: Contestant = {
      ...right,
      ready: () => {
        told.push("ready");
        return Promise.resolve();
      },
    };
    const asked = options(() => undefined);
    const measured: PeerOptions = {
      ...asked,
      now: () => {
        told.push("time");
        return asked.now();
      },
      measureMemory: (processes) => {
        told.push("memory");
        return asked.measureMemory(processes);
      },
    };
    await compare(PROBLEMS.slice(0, 1), [slow], new Map(), measured, never);
    expect(told.slice(0, 3)).toEqual(["ready", "memory", "time"]);
  });

  it("are taken once, and again only after a failure", async () => {
    const done = new Map<string, Turn>();
    let broken = true;
    const shaky = contestant("shaky", "rival", ({ id }) =>
      broken && id === "p2" ? Promise.reject(new Error("gone")) : Promise.resolve("2"),
    );
    await compare(
      PROBLEMS,
      [shaky],
      done,
      options(() => undefined),
      never,
    );
    expect(done.get(turnName({ contestant: "shaky", problem: "p2" }))).toMatchObject({
      end: { kind: "failed", reason: "Error: gone" },
      strict: "no-answer",
    });
    broken = false;
    const again: Turn[] = [];
    await compare(
      PROBLEMS,
      [shaky],
      done,
      options((taken) => again.push(taken)),
      never,
    );
    expect(again.map(({ problem, strict }) => [problem, strict])).toEqual([["p2", "equal"]]);
  });

  it("end without an answer when the time is over; what is done about it then is not measured", async () => {
    let memory = 1000;
    const slow = contestant("slow", "rival", async (_, signal) => {
      await once(signal, "abort");
      memory = 0;
      return "1";
    });
    const kept: Turn[] = [];
    const asked = options((taken) => kept.push(taken), 5);
    await compare(
      PROBLEMS.slice(0, 1),
      [slow],
      new Map(),
      { ...asked, measureMemory: () => () => memory },
      never,
    );
    expect(kept).toMatchObject([
      { end: { kind: "out-of-time" }, answer: null, strict: "no-answer", generatedTokens: 10 },
    ]);
    expect(kept[0]).toMatchObject({ seconds: 1, peakBytes: 1000 });
  });

  it("under way when the person stops are not kept", async () => {
    const stop = new AbortController();
    const stopping = contestant("stopping", "rival", ({ id, answer }) => {
      if (id === "p2") stop.abort();
      return Promise.resolve(answer);
    });
    const kept: Turn[] = [];
    await compare(
      PROBLEMS,
      [stopping],
      new Map(),
      options((taken) => kept.push(taken)),
      stop.signal,
    );
    expect(kept.map(({ problem }) => problem)).toEqual(["p1"]);
  });

  it("stop after failures in a row", async () => {
    const down = contestant("down", "rival", () => Promise.reject(new Error("connection refused")));
    const many = Array.from({ length: 9 }, (_, index) => ({
      id: `q${index}`,
      text: "?",
      answer: "1",
      level: null,
    }));
    const kept: Turn[] = [];
    await expect(
      compare(
        many,
        [down],
        new Map(),
        options((taken) => kept.push(taken)),
        never,
      ),
    ).rejects.toThrow("connection refused");
    expect(kept).toHaveLength(5);
  });
});

describe("the report", () => {
  it("is about the problems that all have attempted", async () => {
    const turns = new Map<string, Turn>();
    await compare(
      PROBLEMS,
      [right, wrong],
      turns,
      options(() => undefined),
      never,
    );
    turns.delete(turnName({ contestant: "wrong", problem: "p3" }));
    const report = reportOf(run, turns);
    expect(report?.problems).toBe(2);
    expect(report?.rows.map(({ name, strict, peakBytes }) => [name, strict.mean, peakBytes])).toEqual([
      ["right", 1, 1000],
      ["wrong", 0, 1000],
    ]);
    expect(report?.comparisons).toMatchObject([
      {
        ours: "right",
        rival: "wrong",
        strict: {
          counts: { both: 0, onlyFirst: 2, onlySecond: 0, neither: 0 },
          difference: 1,
          interval: [1, 1],
          mcNemar: 0.5,
          holm: 0.5,
        },
        lenient: { difference: 1 },
        secondsRatio: 1,
      },
    ]);
    const text = report === null ? "" : peerMarkdown(report);
    expect(text).toContain("1 of the 3 problems are still to be attempted");
    expect(text).toContain("**Small:**");
    expect(text).toContain("- **wrong**: as documented");
  });

  it("compares leniently too, and seconds on one machine only", () => {
    const taken = (contestant: string, problem: string, more: Partial<Turn>): [string, Turn] => [
      turnName({ contestant, problem }),
      {
        ...{ version: 1, contestant, problem, session: 0, begun: "2026-01-01T00:00:00.000Z", seconds: 2 },
        ...{
          generatedTokens: 1,
          promptTokens: 1,
          peakBytes: null,
          answer: "1",
          strict: "equal",
          lenient: "equal",
        },
        ...{ end: { kind: "done" }, raw: null },
        ...more,
      },
    ];
    const turns = new Map([
      taken("right", "p1", {}),
      taken("wrong", "p1", { strict: "different", seconds: 4 }),
      taken("right", "p2", { seconds: 1, session: 1 }),
      taken("wrong", "p2", { seconds: 100 }),
    ]);
    const sessions = ["m", "n"].map((machine) => ({ ...session, machine }));
    const report = reportOf({ ...run, sessions }, turns);
    expect(report?.comparisons[0]).toMatchObject({
      strict: { counts: { onlyFirst: 1 } },
      lenient: { counts: { onlyFirst: 0, both: 2 } },
      secondsRatio: 0.5,
    });
    expect(report === null ? "" : peerMarkdown(report)).toContain("**Mixed:** 2 machines");
  });

  it("does not exist before a problem has been attempted by all", () => {
    expect(reportOf(run, new Map())).toBeNull();
  });
});

describe("the folder", () => {
  it("goes on with what it holds, whatever the order of the fields, and with nothing else", async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "rstar-peers-"));
    try {
      expect((await openRun(folder, run.settings, session)).session).toBe(0);
      const backwards = Object.fromEntries(Object.entries(run.settings).reverse()) as PeerRun["settings"];
      expect((await openRun(folder, backwards, session)).session).toBe(1);
      await expect(openRun(folder, { ...run.settings, seed: 2 }, session)).rejects.toThrow("other seed");
      expect(await readRun(folder)).toEqual({ ...run, sessions: [session, session] });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("plain sampling", () => {
  it("counts the same number as one answer, and takes the earliest of equals", () => {
    expect(majority(["3", "1/2", "0.5", null, "4"])).toBe("1/2");
    expect(majority(["x + 1", "4", "x+1"])).toBe("x + 1");
    expect(majority(["4", "$x + 1$", "x+1."])).toBe("$x + 1$");
    expect(majority(["2", "1"])).toBe("2");
    expect(majority(["1", "$18", "18 dollars", "x = 18"])).toBe("$18");
    expect(majority([null])).toBeNull();
  });

  it("finds the last program, also one that was cut off", () => {
    expect(lastProgram("First\n```python\nprint(1)\n```\nor\n```py\nprint(2)\n```\nDone.")).toBe(
      "print(2)\n",
    );
    expect(lastProgram("```python\nprint(3)")).toBe("print(3)");
    expect(lastProgram("The answer is \\boxed{4}.")).toBeNull();
    expect(lastProgram("```python\n```")).toBeNull();
    const program = "```python\nprint(4)\n```\n";
    for (const more of ["Output:\n```\n4\n```", "```plaintext\n4\n```\nSo the answer is 4.", "It prints 4."])
      expect(lastProgram(`${program}${more}`)).toBe("print(4)\n");
    expect(lastProgram("```Python\nprint(5)\n```\nThis prints 5.")).toBe("print(5)\n");
    expect(lastProgram("```\nprint(6)\n```")).toBe("print(6)\n");
  });

  it("reads what a program printed last", () => {
    expect(printedAnswer("working\n40.0\n")).toBe("40");
    expect(printedAnswer("There are 12 left.")).toBe("There are 12 left.");
    expect(printedAnswer(" \n")).toBeNull();
  });

  it.each([
    ["So it is 4.\nAnswer: \\boxed{4}\nI hope it is right.", "4"],
    ["Answer: 3\n\n**Final answer:** $\\frac{1}{2}$ **", "$\\frac{1}{2}$"],
    ["The total is\n12\n", "12"],
    ["", null],
  ])("reads the answer in %j", (text, answer) => {
    expect(chatAnswer(text)).toBe(answer);
  });

  it("reads the texts of a chat answer", () => {
    const choices = [{ message: { content: "a" } }, { message: { content: null } }];
    expect(chatTexts({ choices })).toEqual(["a", ""]);
    expect(() => chatTexts({ error: "no" })).toThrow();
  });
});

describe("measurements", () => {
  it("reads llama-server's counters", () => {
    const metrics =
      "# HELP llamacpp:prompt_tokens_total Number\nllamacpp:prompt_tokens_total 812\nllamacpp:tokens_predicted_total 1.2e+06\n";
    expect(parseCounters(metrics)).toEqual({ promptTokens: 812, generatedTokens: 1_200_000 });
    expect(() => parseCounters("")).toThrow("--metrics");
  });

  describe("of an attempt that is aborted", () => {
    /** What is asked of a llama-server: it generates a token between two looks at it, for so many of them. */
    async function busyServer(
      tokens: number,
    ): Promise<{ readonly url: string; readonly looks: () => number }> {
      let looks = 0;
      const server = createServer((_, response) => {
        const generated = Math.min(looks++, tokens);
        const lines = [
          "prompt_tokens_total 8",
          `tokens_predicted_total ${100 + generated}`,
          `requests_processing ${generated < tokens ? 1 : 0}`,
          "requests_deferred 0",
        ];
        response.end(lines.map((line) => `llamacpp:${line}\n`).join(""));
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      return { url: `http://127.0.0.1:${port}`, looks: () => looks };
    }

    /** Work that ends with its signal, which is aborted at once. */
    function aborted(): { work: () => Promise<never>; signal: AbortSignal } {
      const controller = new AbortController();
      const work = (): Promise<never> => {
        controller.abort();
        return Promise.reject(controller.signal.reason as Error);
      };
      return { work, signal: controller.signal };
    }

    it("the costs are read when it was ended and the server has nothing to do", async () => {
      const server = await busyServer(3);
      const { work, signal } = aborted();
      const order: string[] = [];
      const attempt = await metered(server.url, work, signal, {
        reset: () => {
          order.push(`reset after ${server.looks()}`);
          return Promise.resolve();
        },
      });
      expect(order).toEqual(["reset after 1"]);
      expect(attempt).toEqual({ answer: null, raw: null, generatedTokens: 3, promptTokens: 0 });
    });

    it("the costs of one that fails are read too", async () => {
      const server = await busyServer(2);
      const fail = (): Promise<never> => Promise.reject(new Error("HTTP 500"));
      expect(await metered(server.url, fail, never)).toEqual({
        ...{ answer: null, raw: null },
        failure: { reason: "Error: HTTP 500", seconds: expect.any(Number) as number },
        ...{ generatedTokens: 2, promptTokens: 0 },
      });
    });

    it("a server that does not end is not waited for for ever", async () => {
      const server = await busyServer(Infinity);
      const { work, signal } = aborted();
      const { generatedTokens } = await metered(server.url, work, signal, { idleWithinMs: 1 });
      expect(generatedTokens).toBeGreaterThan(0);
    });
  });

  it("reads what Linux says of a process", () => {
    expect(peakOf("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n")).toBe(2_097_152);
    expect(peakOf("Name:\tkernel thread\n")).toBeNull();
    expect(parentOf("12 (a (b) c) S 7 12 12 0")).toBe(7);
    expect(parentOf("")).toBeNull();
  });
});
