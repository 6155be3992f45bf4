/** Problems with answers out of a person's own file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { problemsFor } from "../../../server/cli/eval-problems.ts";
import { problemLines } from "../../../server/cli/problem-file.ts";
import { statementHash } from "../../../server/document/problems.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "problem-file-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function written(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

it("of a Markdown file those count that have an answer, and it is said how many have none", async () => {
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const problems = written(
    "sheet.md",
    "## Problem 1: Sums\n\nWhat is 1 + 1?\n\n**Answer:** $2$\n\n## Problem 2\n\nWhat is 2 + 2?\n\n" +
      "```problem id=last\nWhat is 3 + 3?\nAnswer: 6\n```\n",
  );
  const { set, all } = await problemsFor({ problems }, new AbortController().signal);
  expect(set).toBe("sheet.md");
  expect(all).toEqual([
    { id: "problem-1-sums", text: "What is 1 + 1?", answer: "2", level: null },
    { id: "last", text: "What is 3 + 3?", answer: "6", level: null },
  ]);
  expect(said).toHaveBeenCalledExactlyOnceWith("1 problem has no given answer and is left out.\n");
});

it("they are the problems that `rstar solve` and the editor find", async () => {
  const file = written("a.markdown", "# Aufgabe 1\n\nWas ist 1 + 1?\n\nAntwort: 2\n");
  const line = await problemLines(file, { headings: ["Aufgabe"], answers: ["Antwort"] });
  const { problem } = JSON.parse(line) as { problem: string };
  expect(statementHash(problem)).toBe(statementHash("Was ist 1 + 1?"));
  await expect(problemLines(file, {})).rejects.toThrow(/no problem with a given answer.*Nothing was begun/u);
});

it("JSON lines are taken as they are, a byte order mark aside", async () => {
  expect(await problemLines(written("p.jsonl", "\uFEFF{}\n"), {})).toBe("{}\n");
  await expect(problemLines(path.join(folder, "none.jsonl"), {})).rejects.toThrow(/There is no file/u);
});
