/** Public benchmarks: the manifest, the adapters, the cache, and that nothing but the pinned problems is used. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  adapt,
  BENCHMARKS,
  loadBenchmark,
  type Benchmark,
  type BenchmarkPlaces,
} from "../../../server/evaluation/benchmarks.ts";
import { problemsHash } from "../../../server/evaluation/problems.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const signal = new AbortController().signal;

/** A set of our own whose public file has the fields of GSM8K. */
const FILE = [
  { question: "Two and two?", answer: "It is 2 + 2 = <<2+2=4>>4.\n#### 4" },
  { question: "A thousand twice?", answer: "#### 2,000" },
]
  .map((row) => `${JSON.stringify(row)}\n`)
  .join("");
const PROBLEMS = [
  { id: "own-0", text: "Two and two?", answer: "4", level: null },
  { id: "own-1", text: "A thousand twice?", answer: "2000", level: null },
];
const SET: Benchmark = {
  ...{
    name: "own",
    origin: "this test",
    license: "MIT",
    file: "own.jsonl",
    urls: ["https://one/", "https://two/"],
  },
  ...{ bytes: FILE.length, sha256: createHash("sha256").update(FILE).digest("hex"), format: "gsm8k" },
  ...{ problems: 2, leftOut: 0, problemsSha256: problemsHash(PROBLEMS) },
  local: "own",
};

function places(answers: Record<string, string | number>, data: string | null = null) {
  const asked: string[] = [];
  const made: BenchmarkPlaces = {
    data,
    cache: path.join(temporaryFolder(), "cache"),
    fetch: (url) => {
      asked.push(url);
      const answer = answers[url];
      if (answer === undefined) return Promise.reject(new Error("no network"));
      const isText = typeof answer === "string";
      return Promise.resolve({
        ok: isText,
        status: isText ? 200 : answer,
        body: () => Promise.resolve(Buffer.from(String(answer))),
      });
    },
  };
  return { ...made, asked };
}

describe("the manifest", () => {
  it("names eight sets, each by one name, with fixed commits in its addresses", () => {
    expect(BENCHMARKS.map(({ name }) => name)).toEqual([
      "gsm8k",
      "math500",
      "aime24",
      "amc23",
      "olympiadbench",
      "collegemath",
      "gaokao2023en",
      "omni-math",
    ]);
    for (const { urls, license } of BENCHMARKS) {
      expect(license).not.toBe("");
      for (const url of urls) expect(url).toMatch(/^https:\/\/\S+\/[0-9a-f]{40}\//u);
    }
    for (const key of ["file", "local", "sha256", "problemsSha256"] as const)
      expect(new Set(BENCHMARKS.map((set) => set[key])).size).toBe(BENCHMARKS.length);
  });
});

describe("adapters", () => {
  it("take the final answer of GSM8K without its worked solution", () => {
    expect(adapt({ format: "gsm8k", local: "own" }, FILE)).toEqual(PROBLEMS);
  });

  it("take levels from MATH, and leave out what cannot be graded", () => {
    const lines = `${JSON.stringify({ problem: "?", answer: "x", level: 3, solution: "s" })}\n`;
    expect(adapt({ format: "math", local: "m" }, lines)).toEqual([
      { id: "m-0", text: "?", answer: "x", level: "3" },
    ]);
    const list = [
      { index: 0, question: "?", answer: " " },
      { index: 1, question: "!", answer: "1" },
    ];
    expect(adapt({ format: "rstar", local: "r" }, JSON.stringify(list))).toEqual([
      { id: "r-1", text: "!", answer: "1", level: null },
    ]);
  });

  it("say of another form that it is another", () => {
    expect(adapt({ format: "rstar", local: "r" }, FILE)).toBeNull();
    expect(adapt({ format: "gsm8k", local: "r" }, '{"problem": "?"}\n')).toBeNull();
  });
});

describe("a set", () => {
  it("is fetched once, from the first home that has the right bytes", async () => {
    const from = places({ "https://one/": `${FILE} `, "https://two/": FILE });
    expect(await loadBenchmark(SET, from, signal)).toEqual({ kind: "problems", problems: PROBLEMS });
    expect(from.asked).toEqual(["https://one/", "https://two/"]);
    expect(await loadBenchmark(SET, from, signal)).toMatchObject({ kind: "problems" });
    expect(from.asked).toHaveLength(2);
  });

  it("of other bytes is not used and not kept", async () => {
    const from = places({ "https://one/": "other", "https://two/": 404 });
    const reading = await loadBenchmark(SET, from, signal);
    const message = reading.kind === "failed" ? reading.message : "";
    expect(message).toContain("SHA-256");
    expect(message).toContain("404");
    expect(message).toContain("--data");
    expect(() => readdirSync(from.cache)).toThrow();
  });

  it("damaged in the cache is fetched again", async () => {
    const from = places({ "https://one/": FILE });
    mkdirSync(from.cache, { recursive: true });
    writeFileSync(path.join(from.cache, SET.file), "damaged");
    expect(await loadBenchmark(SET, from, signal)).toMatchObject({ kind: "problems" });
    expect(from.asked).toHaveLength(1);
  });

  it("is read from a local folder in either form, with no network", async () => {
    const own = temporaryFolder();
    const lines = PROBLEMS.map(({ id, text, answer }) => JSON.stringify({ id, problem: text, answer }));
    writeFileSync(path.join(own, "own.jsonl"), lines.join("\n"));
    const from = places({}, own);
    expect(await loadBenchmark(SET, from, signal)).toEqual({ kind: "problems", problems: PROBLEMS });
    const theirs = temporaryFolder();
    writeFileSync(path.join(theirs, "public.json"), FILE);
    const other = { ...SET, file: "public.json" };
    expect(await loadBenchmark(other, places({}, theirs), signal)).toEqual({
      kind: "problems",
      problems: PROBLEMS,
    });
    expect(from.asked).toEqual([]);
  });

  it("with other problems under its name is refused, and says how to use them all the same", async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "own.jsonl"), JSON.stringify({ id: "own-0", problem: "?", answer: "1" }));
    const reading = await loadBenchmark(SET, places({}, folder), signal);
    expect(reading.kind === "failed" ? reading.message : "").toContain("--problems");
    const missing = await loadBenchmark(SET, places({}, temporaryFolder()), signal);
    expect(missing.kind === "failed" ? missing.message : "").toContain("holds neither");
  });

  it("stops for the signal", async () => {
    const controller = new AbortController();
    const from = places({});
    from.fetch = () => {
      controller.abort(new Error("stopped"));
      return Promise.reject(new Error("aborted"));
    };
    await expect(loadBenchmark(SET, from, controller.signal)).rejects.toThrow("stopped");
  });
});
