/** The built `rstar solve` as a person runs it, with real Python and files, and a policy behind a scripted server. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { EXIT } from "../../server/cli/exit.ts";
import { ENDPOINT_KEY } from "../../server/protocol/endpoint.ts";
import { Trace } from "../../server/protocol/trace.ts";
import { MARK } from "../../server/search/grammar.ts";
import { createTraceStore } from "../../server/traces/store.ts";
import { runCommand, type OnOutput, type Ran, type Reader } from "../support/command.ts";
import {
  endpointServer,
  json,
  ONE_MODEL,
  piece,
  send,
  stream,
  write,
  type EndpointScript,
} from "../support/endpoint-server.ts";
import { freePort } from "../support/free-port.ts";

const TEXT =
  "# Notes\n\n## Problem 1\n\nWhat is 6 times 7?\n\n## What else there is\n\nSome words at the end.\n";
const TWO = `${TEXT}\n## Problem 2\n\nWhat is 6 times 8?\nAnswer: 48\n`;

/** A program of two steps, of which the second prints `what`. */
function program(what: string): string {
  return `# Step 1: Set the first factor.\na = 6\n${MARK.endOfStep}\n# Step 2: Multiply and print.\nprint(${what})\n${MARK.endOfCode}`;
}

/** The program for the problem that the prompt ends with. */
function solution(prompt: unknown): string {
  return program(`a * ${/What is 6 times (\d)/u.exec(String(prompt))?.[1] ?? ""}`);
}

const multiplies: EndpointScript = ({ body }, response) => write(response, [solution(body["prompt"])]);
const fails: EndpointScript = (_asked, response) => write(response, [program("a / 0")]);

/** A file, and a data folder in which there is no model. */
interface Desk {
  readonly home: string;
  /** Solves the file. No key is in the environment unless one is given. */
  solve(
    args: readonly string[],
    options?: { readonly key?: string; readonly onOutput?: OnOutput; readonly reader?: Reader },
  ): Promise<Ran>;
  text(): string;
  traces(): Promise<readonly Trace[]>;
}

function desk(text = TEXT): Desk {
  const folder = mkdtempSync(path.join(tmpdir(), "rstar-solve-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "notes.md");
  writeFileSync(file, text);
  const home = path.join(folder, "home");
  return {
    home,
    solve: (args, { key = "", onOutput, reader } = {}) =>
      runCommand(home, ["solve", file, ...args], onOutput, { [ENDPOINT_KEY]: key }, reader),
    text: () => readFileSync(file, "utf8"),
    traces: async () => (await createTraceStore(storeOf(home)).query()).traces,
  };
}

function storeOf(home: string): string {
  return path.join(home, "traces", "traces.jsonl");
}

describe("a reader that goes away", () => {
  it("ends a command that has nothing to lose without a word", async () => {
    const { home } = desk();
    const ran = await runCommand(home, ["models", "list"], undefined, {}, "closed");
    expect(ran).toEqual({ code: EXIT.ok, out: "", err: "" });
  });

  it("stops a solve, which keeps what it found", async () => {
    await using server = await endpointServer(multiplies);
    const here = desk(TWO);
    const args = ["--endpoint", server.url, "--concurrency", "1", "--budget", "60", "--settle", "1"];
    const ran = await here.solve(args, { reader: "closed" });
    expect([ran.code, ran.err]).toEqual([EXIT.cancelled, expect.not.stringContaining("bug")]);
    expect((await here.traces()).length).toBeGreaterThan(0);
  });
});

describe("rstar solve with a server's model", () => {
  it("shows steps and answer, writes them below the problem, and leaves the key nowhere", async () => {
    const key = "sk-of-the-environment";
    const opening: (string | undefined)[] = [];
    await using server = await endpointServer(multiplies, ({ authorization }, response) => {
      opening.push(authorization);
      json(response, 200, ONE_MODEL);
    });
    const { home, ...notes } = desk();
    const ran = await notes.solve(["--endpoint", `${server.url}/v1`, "--write"], { key });
    expect(ran.err).toContain("1 of 1 problems have an answer.");
    expect(ran.code).toBe(EXIT.ok);

    const [heading, ...lines] = ran.out.split("\n").map((line) => line.trim());
    expect(heading).toBe("1. What is 6 times 7?  (notes.md)");
    expect(lines).toContainEqual(
      expect.stringMatching(/^Step 1 {2}Set the first factor\. {3}Q \+1\.00 {2}N 4 {2}PPM –$/u),
    );
    expect(lines).toEqual(expect.arrayContaining(["a = 6", "print(a * 7)", "→ 42"]));
    expect(lines.filter((line) => line.startsWith("✓ ran without error"))).toHaveLength(2);
    expect(lines).toContain("Answer 42   ✓ 4 of 4 trajectories agree");
    expect(ran.out).toContain("Written below the problem in ");

    const [before, block, after, ...rest] = notes
      .text()
      .split(/^(?=<!-- rstar:solution)|(?<=rstar:end -->\n)/mu);
    expect(`${before}${after?.replace(/^\n+/u, "")}`).toBe(TEXT);
    expect(rest).toEqual([]);
    expect(block).toContain("**Final answer:** $42$");
    expect(block).toContain("print(a * 7)\n```\n\nOutput: `42`");

    const [trace, ...others] = await notes.traces();
    expect(others).toEqual([]);
    expect(trace?.models).toEqual({ policy: { id: "tiny", endpoint: server.url }, ppm: null });
    expect(existsSync(path.join(home, "models"))).toBe(false);

    expect([...new Set([...opening, ...server.asked.map(({ authorization }) => authorization)])]).toEqual([
      `Bearer ${key}`,
    ]);
    for (const kept of [ran.out, ran.err, notes.text(), readFileSync(storeOf(home), "utf8")])
      expect(kept).not.toContain(key);
  });

  it("prints one JSON object per problem, and statistics that are what the server told", async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 30 };
    await using server = await endpointServer(
      ({ body }, response) => {
        stream(response);
        send(response, piece(solution(body["prompt"]), { usage }));
        response.end();
      },
      { data: [{ id: "other" }, { id: "tuned" }] },
    );
    const notes = desk(TWO);
    const ran = await notes.solve([
      ...["--endpoint", server.url, "--endpoint-model", "tuned", "--endpoint-format", "bare"],
      ...["--endpoint-requests", "1", "--json", "--stats"],
    ]);
    expect(ran.code).toBe(EXIT.ok);
    expect(ran.err).toContain("2 of 2 problems have an answer; 1 of the 1 with a given answer are right.");

    const lines = ran.out.trimEnd().split("\n");
    const results = lines.map(
      (line) => JSON.parse(line) as { problem: number; written: boolean; trace: unknown },
    );
    expect(results.map(({ problem, written }) => [problem, written])).toEqual([
      [1, false],
      [2, false],
    ]);
    const traces = results.map(({ trace }) => Trace.parse(trace));
    expect(traces.map(({ nodes, chosen }) => nodes[chosen ?? 0]?.answer)).toEqual(["42", "48"]);
    expect(new Set(await notes.traces())).toEqual(new Set(traces));

    const asked = server.asked.length;
    const generated = traces.reduce((sum, { cost }) => sum + cost.generatedTokens, 0);
    expect(generated).toBe(asked * usage.completion_tokens);
    expect(ran.err).toContain(
      `Policy: ${generated} tokens generated; ${asked * (usage.prompt_tokens + usage.completion_tokens)} computed`,
    );
    const shares = [...(/^Time: .*$/mu.exec(ran.err)?.[0].matchAll(/(-?[\d.]+)%/gu) ?? [])].map(([, share]) =>
      Number(share),
    );
    expect(shares).toHaveLength(5);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0);
    expect(ran.err).not.toContain("PPM:");

    // The options reached the server: its model, no worked examples, one request at a time.
    expect(server.most()).toBe(1);
    for (const { body } of server.asked) {
      expect(body["model"]).toBe("tuned");
      expect(body["prompt"]).toMatch(/^Question: What is 6 times/u);
    }
    expect(notes.text()).toBe(TWO);
  });

  it("says why there is no answer, and changes nothing", async () => {
    await using server = await endpointServer(fails);
    const notes = desk();
    const ran = await notes.solve(["--endpoint", server.url, "--budget", "8", "--write"]);
    expect(ran.out).toMatch(
      /No answer: \d+ trajectories, none reached an answer; the last ended with: .*division by zero/u,
    );
    expect(ran.err).toContain("0 of 1 problems have an answer.");
    expect(ran.code).toBe(EXIT.unsolved);
    expect(notes.text()).toBe(TEXT);
    expect((await notes.traces()).map(({ chosen }) => chosen)).toEqual([null]);
    // The worked examples of an untuned model come first.
    expect(server.asked[0]?.body["prompt"]).toMatch(/^Question: A bakery .*Question: What is 6 times 7\?/su);
  });

  it.each([
    ["without an answer", fails, /No answer: .*failed \(500: no memory\)/u, ["ok", "ok", "rejected"]],
    [
      "and writes no answer that is not settled",
      multiplies,
      /Answer 42 .*The search ended early: .*failed \(500: no memory\)/su,
      ["ok", "ok", "ok", "ok"],
    ],
  ])("keeps what it had when the server fails in the middle, %s", async (_name, first, words, nodes) => {
    await using server = await endpointServer((asked, response, before) =>
      before === 0
        ? first(asked, response, before)
        : json(response, 500, { error: { message: "no memory" } }),
    );
    const notes = desk();
    const ran = await notes.solve([...oneByOne(server.url), "--write"]);
    expect(ran.out).toMatch(words);
    expect(ran.code).toBe(EXIT.unsolved);
    expect(notes.text()).toBe(TEXT);
    const [trace] = await notes.traces();
    expect(trace?.stop).toBe("failed");
    expect(trace?.nodes.map(({ status }) => status)).toEqual(nodes);
  });
});

/** One candidate after the other, and no end but the budget's. */
function oneByOne(url: string): string[] {
  return ["--endpoint", url, "--strategy", "self-consistency", "--candidates", "1", "--settle", "1"];
}

describe("a terminal that is closed", () => {
  it("stops a solve, which keeps what it found, however often it is told", async () => {
    let told: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined;
    const killing = new Promise<Parameters<typeof told>[0]>((resolve) => (told = resolve));
    await using server = await endpointServer(async (asked, response, before) => {
      if (before === 0) return multiplies(asked, response, before);
      for (const kill of [await killing, await killing]) kill("SIGHUP");
    });
    const notes = desk();
    const ran = await notes.solve(oneByOne(server.url), { onOutput: (_text, kill) => told(kill) });
    expect([ran.code, ran.err]).toEqual([EXIT.cancelled, expect.not.stringContaining("bug")]);
    expect((await notes.traces())[0]?.chosen).not.toBeNull();
  });
});

describe("what the system refuses", () => {
  it("is no bug of ours", async () => {
    const { home } = desk();
    writeFileSync(home, "a file where the data folder should be");
    const ran = await runCommand(home, ["traces", "consent", "agree"]);
    expect(ran.err).toMatch(/^The system refused: E[A-Z]+: .*Nothing you wrote was changed/u);
    expect(ran.code).toBe(EXIT.unavailable);
  });
});

describe("Ctrl-C while the server writes", () => {
  it.each([
    ["keeps the answer that was found", multiplies, ["--write"], "Answer 42 ", 4],
    ["without an answer leaves the file as it was", fails, ["--write"], "No answer: cancelled before", 3],
  ])("%s", async (_name, first, args, words, nodes) => {
    let told: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined;
    const killing = new Promise<Parameters<typeof told>[0]>((resolve) => (told = resolve));
    await using server = await endpointServer(async (asked, response, before) => {
      if (before === 0) await first(asked, response, before);
      else (await killing)("SIGINT");
    });
    const notes = desk();
    const ran = await notes.solve([...oneByOne(server.url), ...args], {
      onOutput: (_text, kill) => told(kill),
    });
    expect(ran.code).toBe(EXIT.cancelled);
    expect(ran.err).toContain("Stopping…");
    expect(ran.err).not.toContain("bug");
    expect(ran.out).toContain(words);
    expect(ran.out).toContain("self-consistency, cancelled");
    expect(server.asked).toHaveLength(2);
    expect(notes.text()).toBe(TEXT);
    const [trace] = await notes.traces();
    expect(trace?.stop).toBe("cancelled");
    expect(trace?.nodes).toHaveLength(nodes);
  });
});

describe("a server that cannot be used ends the command before anything is searched", () => {
  /** Refuses whoever comes, or says nothing at all. */
  const refuses = (status: number) =>
    endpointServer(multiplies, (_asked, response) => json(response, status, {}));
  const silent = () => endpointServer(multiplies, () => undefined);

  it.each([
    ["no key", () => refuses(401), "", [], "wants a key (401)"],
    ["the wrong key", () => refuses(403), "sk-wrong", [], "does not accept the key (403)"],
    ["silence", silent, "", ["--endpoint-timeout", "1"], "said nothing for 1 s"],
    [
      "another model",
      () => endpointServer(multiplies),
      "",
      ["--endpoint-model", "big"],
      'no model "big". It has: tiny',
    ],
  ])("%s", async (_name, open, key, args, words) => {
    await using server = await open();
    const notes = desk();
    const ran = await notes.solve(["--endpoint", server.url, "--write", ...args], { key });
    expect(ran.err).toContain(`The server at ${server.url} `);
    expectRefusal(ran, EXIT.unavailable, words);
    expect(ran.err).toContain("Nothing is lost.");
    if (key !== "") expect(ran.err).not.toContain(key);
    expect(server.asked).toEqual([]);
    expectUntouched(notes);
  });

  it("nobody there", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const notes = desk();
    const ran = await notes.solve(["--endpoint", url, "--write"]);
    expectRefusal(ran, EXIT.unavailable, `The server at ${url} cannot be reached (ECONNREFUSED)`);
    expectUntouched(notes);
  });

  it("no address", async () => {
    const notes = desk();
    const ran = await notes.solve(["--endpoint", "ftp://127.0.0.1"]);
    expectRefusal(ran, EXIT.unavailable, "only http and https can be used");
    expectUntouched(notes);
  });
});

describe("options that cannot be meant are refused", () => {
  const endpoint = ["--endpoint", "http://127.0.0.1:1"];
  it.each([
    [
      "a model here and a server",
      [...endpoint, "--model", "smollm2-135m"],
      "--model names a model of this machine",
    ],
    ["a server's model without a server", ["--endpoint-model", "tiny"], "--endpoint-model needs --endpoint"],
    ["a prompt's form that is none", [...endpoint, "--endpoint-format", "chat"], "two-shot, bare"],
    ["no requests", [...endpoint, "--endpoint-requests", "0"], "--endpoint-requests"],
    [
      "a time that is too long",
      [...endpoint, "--endpoint-timeout", "301"],
      "a number from 1 to 300 is needed",
    ],
  ])("%s", async (_name, args, words) => {
    const notes = desk();
    expectRefusal(await notes.solve(args), EXIT.usage, words);
    expectUntouched(notes);
  });
});

function expectRefusal(ran: Ran, code: number, words: string): void {
  expect(ran.err).toContain(words);
  expect(ran.code).toBe(code);
  expect(ran.err).not.toContain("bug");
  expect(ran.out).toBe("");
}

function expectUntouched(notes: Desk): void {
  expect(notes.text()).toBe(TEXT);
  expect(existsSync(notes.home)).toBe(false);
}
