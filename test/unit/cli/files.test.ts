/** Reading a person's Markdown file and writing solutions into it. */
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import lockfile from "proper-lockfile";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readProblems, withWords, wordList, writeSolution } from "../../../server/cli/files.ts";
import type { Problem, ProblemOptions } from "../../../server/document/problems.ts";
import type { Solution } from "../../../server/document/solution.ts";

let folder = "";
let file = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "files-"));
  file = join(folder, "notes.md");
});
afterEach(async () => {
  await chmod(file, 0o600).catch(() => undefined);
  await rm(folder, { recursive: true });
});

const TWO = "# Problem 1\n\nWhat is 1 + 1?\n\n# Problem 2\n\nWhat is 2 + 2?\n";

function solutionOf(problem: Problem, answer: string): Solution {
  return {
    traceId: `t${problem.index}`,
    problemHash: problem.hash,
    strategy: "greedy",
    model: "fake",
    answer: { text: answer },
    answerEvidence: [],
    steps: [],
  };
}

async function problemsOf(text: string): Promise<[Problem, Problem]> {
  await writeFile(file, text);
  const [first, second] = (await readProblems(file)).problems;
  if (first === undefined || second === undefined) throw new Error("two problems were expected");
  return [first, second];
}

it("tells what is wrong with solutions from what is only worth knowing", async () => {
  await writeFile(file, `${TWO}\n# Problem 3\n`);
  expect(await readProblems(file)).toMatchObject({
    issues: [expect.stringContaining("line 9")],
    hasBadSolution: false,
  });
  const [first] = await problemsOf(TWO);
  await writeSolution(file, first, solutionOf(first, "2"));
  const written = await readFile(file, "utf8");
  await writeFile(file, written.replace("<!-- rstar:end -->", ""));
  expect(await readProblems(file)).toMatchObject({ hasBadSolution: true });
});

describe("a solution is written", () => {
  it("by two solves on one file at once, and both land", async () => {
    const [first, second] = await problemsOf(TWO);
    const written = await Promise.all([
      writeSolution(file, first, solutionOf(first, "2")),
      writeSolution(file, second, solutionOf(second, "4")),
    ]);
    expect(written.map(({ kind }) => kind)).toEqual(["written", "written"]);
    const { problems } = await readProblems(file);
    expect(problems.map((problem) => problem.solution?.traceId)).toEqual(["t1", "t2"]);
  });

  it("into the file as it is now, not as it was when the search began", async () => {
    const [first] = await problemsOf(TWO);
    await writeFile(file, `Some words before.\n\n${TWO}`);
    expect((await writeSolution(file, first, solutionOf(first, "2"))).kind).toBe("written");
    expect(await readFile(file, "utf8")).toMatch(/^Some words before\./u);
  });

  it("below its own problem where another one has the same text", async () => {
    const [first, second] = await problemsOf(
      "# Problem 1\n\nWhat is 1 + 1?\n\n# Problem 2\n\nWhat is 1 + 1?\n",
    );
    expect(second.hash).toBe(first.hash);
    await writeSolution(file, second, solutionOf(second, "2"));
    const { problems } = await readProblems(file);
    expect(problems.map((problem) => problem.solution?.traceId)).toEqual([undefined, "t2"]);
  });

  it("leaving no other file behind, and the byte order mark and line endings as they were", async () => {
    const [first] = await problemsOf(`\uFEFF${TWO.replaceAll("\n", "\r\n")}`);
    await writeSolution(file, first, solutionOf(first, "2"));
    const text = await readFile(file, "utf8");
    expect(text.startsWith("\uFEFF#")).toBe(true);
    expect(/[^\r]\n/u.test(text)).toBe(false);
    expect(await readdir(folder)).toEqual(["notes.md"]);
  });
});

describe("a solution is kept aside, and the message says where,", () => {
  it("when its problem was changed meanwhile", async () => {
    const [first] = await problemsOf(TWO);
    const changed = TWO.replace("1 + 1", "1 + 5");
    await writeFile(file, changed);
    const written = await writeSolution(file, first, solutionOf(first, "2"));
    expect(written).toMatchObject({ kind: "kept-aside", message: expect.stringContaining("t1") as string });
    expect(await readFile(file, "utf8")).toBe(changed);
  });

  it("when the file is read-only", async () => {
    const [first] = await problemsOf(TWO);
    await chmod(file, 0o444);
    const written = await writeSolution(file, first, solutionOf(first, "2"));
    expect(written).toMatchObject({
      kind: "kept-aside",
      message: expect.stringContaining("read-only") as string,
    });
    expect(await readFile(file, "utf8")).toBe(TWO);
  });

  it("when no other file can be made beside it", async () => {
    const [first] = await problemsOf(TWO);
    // An administrator could write into any folder, so the refusal is made up.
    const refused = Object.assign(new Error("EACCES: permission denied, mkdir"), { code: "EACCES" });
    vi.spyOn(lockfile, "lock").mockRejectedValueOnce(refused);
    const written = await writeSolution(file, first, solutionOf(first, "2"));
    expect(written).toMatchObject({
      kind: "kept-aside",
      message: expect.stringContaining("permission denied") as string,
    });
    expect(await readFile(file, "utf8")).toBe(TWO);
  });

  it("when the file is gone", async () => {
    const [first] = await problemsOf(TWO);
    await rm(file);
    expect((await writeSolution(file, first, solutionOf(first, "2"))).kind).toBe("kept-aside");
  });
});

describe("a solution whose search could not be stored either", () => {
  it("is said to be only what is shown", async () => {
    const [first] = await problemsOf(TWO);
    await rm(file);
    const { message } = await writeSolution(file, first, solutionOf(first, "2"), {}, false);
    expect(message).toMatch(/is gone, so the solution was not written\. .*copy it from here/u);
    expect(message).not.toMatch(/kept|t1/u);
  });
});

describe("a file that cannot be used is refused with what to do", () => {
  it("when it is not UTF-8", async () => {
    await writeFile(file, Buffer.from("# Problem\n\nHow much is the caf\xe9?\n", "latin1"));
    await expect(readProblems(file)).rejects.toThrow(/UTF-8/u);
  });

  it("when it is missing or a folder", async () => {
    await expect(readProblems(join(folder, "none.md"))).rejects.toThrow(/no file/u);
    await expect(readProblems(folder)).rejects.toThrow(/folder/u);
  });
});

describe("the words of a problem's heading", () => {
  it("are a setting", async () => {
    await writeFile(file, "# Aufgabe 1\n\nWas ist 1 + 1?\n");
    expect((await readProblems(file)).problems).toHaveLength(0);
    expect((await readProblems(file, { headings: wordList("Aufgabe, Frage") })).problems).toHaveLength(1);
  });
});

describe("the words of a written solution", () => {
  it("are an option, which may name none", async () => {
    await writeFile(file, "# Problem 1\n\nA?\n\n## Lösung\n\nB.\n");
    const statements = async (...args: string[]): Promise<string[]> => {
      const words = withWords(new Command()).parse(args, { from: "user" }).opts<ProblemOptions>();
      return (await readProblems(file, words)).problems.map(({ statement }) => statement);
    };
    expect(await statements("--solutions", "Beweis, Lösung")).toEqual(["A?"]);
    for (const args of [[], ["--solutions", ""]])
      expect(await statements(...args)).toEqual(["A?\n\n## Lösung\n\nB."]);
  });
});

describe("half a solution block", () => {
  it("is reported with its line", async () => {
    await writeFile(file, `${TWO}\n<!-- rstar:end -->\n`);
    expect((await readProblems(file)).issues.join()).toMatch(/line 9/u);
  });
});
