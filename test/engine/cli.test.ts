/** The built `rstar` command as a person runs it: a real model, real Python, real files. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../server/cli/exit.ts";
import { modelManager } from "../../server/compose.ts";
import { dataHome } from "../../server/models/home.ts";
import { packageRoot } from "../../server/models/manifest.ts";
import { Trace, type TraceSummary } from "../../server/protocol/trace.ts";
import { runCommand, type OnOutput, type Ran } from "../support/command.ts";

const SMALL = ["--model", "smollm2-135m"];
// Whose kernels round by batches, unlike those for the quantisation of the small model.
const REPRODUCIBLE = "rstar-coder-0.5b";

let folder = "";
let home = "";

beforeAll(async () => {
  const manager = await modelManager();
  for (const id of ["smollm2-135m", "qwen2.5-coder-0.5b"]) {
    const resolution = await manager.resolve(id, { signal: new AbortController().signal });
    if (resolution.kind === "failed") throw new Error(resolution.message);
  }
  folder = mkdtempSync(path.join(tmpdir(), "rstar-cli-"));
  // Traces of the tests' own, models of the user's.
  home = path.join(folder, "home");
  mkdirSync(home);
  symlinkSync(path.join(dataHome(), "models"), path.join(home, "models"), "junction");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rstar = (args: readonly string[], onOutput?: OnOutput): Promise<Ran> =>
  runCommand(home, args, onOutput);

function file(name: string, text: string): string {
  const full = path.join(folder, name);
  writeFileSync(full, text);
  return full;
}

describe("rstar solve with the default model", () => {
  it("solves easy problems, writes the steps below them, and the file and the traces check without a model", async () => {
    const notes = path.join(folder, "notes.md");
    copyFileSync(path.join(packageRoot(), "examples", "word-problems.md"), notes);
    const before = readFileSync(notes, "utf8");
    const solved = await rstar(["solve", notes, "--problem", "1", "--problem", "2", "--write", "--json"]);
    expect(solved.code).toBe(EXIT.ok);
    const results = solved.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { problem: number; written: boolean; trace: unknown });
    expect(results.map(({ problem, written }) => [problem, written])).toEqual([
      [1, true],
      [2, true],
    ]);
    const traces = results.map(({ trace }) => Trace.parse(trace));
    expect(traces.some((trace) => trace.nodes[trace.chosen ?? 0]?.graded === "equal")).toBe(true);

    // Prefix reuse at work: what is evaluated again stays far below what is evaluated once.
    for (const trace of traces)
      expect(trace.cost.evaluatedTokens).toBeLessThan(5 * trace.cost.generatedTokens + 1500);

    const after = readFileSync(notes, "utf8");
    const kept = before.split("\n").filter((line) => line.trim() !== "");
    expect(after.split("\n").filter((line) => kept.includes(line))).toEqual(kept);

    const verified = await rstar(["verify", notes]);
    expect(verified.out).toContain("2 of 2 stored solutions check.");
    expect(verified.code).toBe(EXIT.ok);
    const replayed = await rstar(["verify", "--trace", traces[0]?.id ?? ""]);
    expect(replayed).toMatchObject({ code: EXIT.ok });

    // Code that was changed by hand no longer prints what is stored.
    writeFileSync(notes, after.replace("print(", "print(1, "));
    expect((await rstar(["verify", notes])).code).toBe(EXIT.unverified);

    // Ctrl-C while a step of the second solution runs for ever.
    const last = after.lastIndexOf("print(");
    writeFileSync(notes, `${after.slice(0, last)}while True: pass\n${after.slice(last)}`);
    let sent = false;
    const stopped = await rstar(["verify", notes], (text, kill) => {
      if (sent || !text.includes("Problem 1:")) return;
      sent = true;
      kill("SIGINT");
    });
    expect(stopped.code).toBe(EXIT.cancelled);
    expect(stopped.err).not.toContain("bug");
  });
});

describe("rstar solve with a model too weak to solve anything", () => {
  it("says so, keeps what was tried, and changes nothing", async () => {
    const text = "# Problem\n\nA train leaves at 9 and arrives at 14. How long does it take?\n";
    const notes = file("weak.md", text);
    const ran = await rstar(["solve", notes, ...SMALL, "--budget", "200", "--json"]);
    expect([EXIT.ok, EXIT.unsolved]).toContain(ran.code);
    const { trace } = JSON.parse(ran.out) as { trace: unknown };
    const parsed = Trace.parse(trace);
    expect(parsed.nodes.length).toBeGreaterThan(1);
    expect(readFileSync(notes, "utf8")).toBe(text);
    const listed = await rstar(["traces", "list"]);
    expect(listed.out).toContain(parsed.id);
    expect((await rstar(["traces", "show", parsed.id])).out).toContain("A train leaves");
  });
});

describe("rstar solve with a seed that is named", () => {
  it("gives the same candidates to the last bit, whatever is searched beside it", async () => {
    const alone = file("alone.md", "# Problem 1\n\nWhat is 3 times 4?\n");
    const company = file(
      "company.md",
      "# Problem 1\n\nWhat is 3 times 4?\n\n# Problem 2\n\nWhat is 10 minus 3?\n",
    );
    const args = [
      ...["--model", REPRODUCIBLE, "--seed", "7", "--budget", "150"],
      ...["--strategy", "self-consistency", "--settle", "1", "--json"],
    ];
    const [one] = (await rstar(["solve", alone, ...args])).out.split("\n");
    const [two] = (await rstar(["solve", company, ...args])).out.split("\n");
    const drawn = (line = ""): unknown[] =>
      Trace.parse((JSON.parse(line) as { trace: unknown }).trace).nodes.map(({ text, logProb }) => ({
        text,
        logProb,
      }));
    expect(drawn(one).length).toBeGreaterThan(1);
    expect(drawn(two)).toEqual(drawn(one));
  });
});

describe("Ctrl-C", () => {
  it("stops a solve, keeps what was found, and leaves the problem under way as it was", async () => {
    const second = "# Problem 2\n\nWhat is the sum of the first 100 odd numbers?\n";
    const notes = file("stopped.md", `# Problem 1\n\nWhat is the sum of 17 and 25?\n\n${second}`);
    let sent = false;
    const ran = await rstar(
      [
        ...["solve", notes, ...SMALL, "--budget", "600", "--settle", "1"],
        ...["--concurrency", "1", "--write"],
      ],
      (text, kill) => {
        if (sent || !text.includes("Problem 2: searching")) return;
        sent = true;
        kill("SIGINT");
      },
    );
    expect(ran.code).toBe(EXIT.cancelled);
    expect(ran.out).toContain("cancelled");
    expect(readFileSync(notes, "utf8").endsWith(second)).toBe(true);
    const listed = (await rstar(["traces", "list", "--json"])).out.trimEnd().split("\n");
    const [found, stopped] = listed.slice(-2).map((line) => JSON.parse(line) as TraceSummary);
    expect(found?.problem).toBe("What is the sum of 17 and 25?");
    expect(found?.stop).not.toBe("cancelled");
    expect(found?.nodes).toBeGreaterThan(1);
    expect(stopped).toMatchObject({
      problem: "What is the sum of the first 100 odd numbers?",
      stop: "cancelled",
      answer: null,
    });
  });
});

describe("bad input ends early with what to do", () => {
  it.each([
    ["a file without problems", "Just words.\n", [], EXIT.input, "has no problem"],
    [
      "a problem that is not there",
      "# Problem\n\nWhat is 1 + 1?\n",
      ["--problem", "7"],
      EXIT.usage,
      "there is no problem 7",
    ],
    [
      "a model that is not there",
      "# Problem\n\nWhat is 1 + 1?\n",
      ["--model", "none"],
      EXIT.unavailable,
      "none",
    ],
    [
      "a strategy that is not there",
      "# Problem\n\nWhat is 1 + 1?\n",
      ["--strategy", "luck"],
      EXIT.usage,
      "luck",
    ],
  ])("%s", async (_name, text, args, code, words) => {
    const ran = await rstar(["solve", file("bad.md", text), ...args]);
    expect(ran.err).toContain(words);
    expect(ran.code).toBe(code);
  });

  it("a prompt longer than the context", async () => {
    const ran = await rstar([
      "solve",
      file("long.md", `# Problem\n\n${"A very long story. ".repeat(3000)}How long?\n`),
      ...SMALL,
    ]);
    expect(ran.out).toContain("tokens");
    expect(ran.code).toBe(EXIT.unsolved);
  });
});

describe("rstar doctor", () => {
  it("names the engine, the models and the sandbox", async () => {
    const { out, code } = await rstar(["doctor"]);
    expect(out).toMatch(/Engine: .*\n/u);
    expect(out).toContain("qwen2.5-coder-0.5b: here");
    expect(out).toMatch(/Sandbox: SymPy 1\.\d+/u);
    expect(code).toBe(EXIT.ok);
  });
});
