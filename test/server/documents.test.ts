/** Odd files: long, nested, opened twice, taken back. */
import { describe, expect, it } from "vitest";
import { parseSolution } from "../../server/document/solution.ts";
import { findProblems } from "../../server/document/problems.ts";
import { largeFile } from "../bench/large-file.ts";
import { fakeServices } from "../support/fakes.ts";
import { ANSWER, FIRST, gated, multiply, SECOND, TEXT, until, URI, scriptedClients } from "./scripts.ts";

const client = scriptedClients();

describe("odd files", () => {
  it("20,000 lines: every problem is listed, and one at the end is solved in place", async () => {
    const editor = await client();
    const text = `${largeFile(20_000, 200, false)}\n## Problem 201\n\nWhat is 6 times 7?\n\n## The end\n`;
    await editor.open(URI, text);
    expect(await editor.problems(URI)).toHaveLength(201);
    const problem = { kind: "index" as const, index: 201 };
    expect(await editor.ask("solve", { uri: URI, problem })).toMatchObject({
      kind: "solved",
      inserted: true,
    });
    expect(editor.text(URI).endsWith("\n## The end\n")).toBe(true);
    expect(editor.text(URI).slice(0, text.indexOf("## Problem 201"))).toBe(
      text.slice(0, text.indexOf("## Problem 201")),
    );
  });

  it("a problem in a list in a quote keeps its solution there, and can be taken out again", async () => {
    const editor = await client();
    const text =
      "> ## Problems\n>\n> 1. What is 6 times 7?\n> 2. What is 6 times 8?\n>\n> The end of the quote.\n";
    await editor.open(URI, text);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", answer: "42", inserted: true });
    const [problem] = findProblems(editor.text(URI)).problems;
    const block = problem?.solution;
    if (block === undefined) throw new Error("no solution was found");
    expect(parseSolution(editor.text(URI), block).kind).toBe("solution");
    expect(
      editor
        .text(URI)
        .split("\n")
        .slice(0, -1)
        .every((line) => line.startsWith(">")),
    ).toBe(true);
    await editor.ask("removeSolution", FIRST);
    expect(editor.text(URI)).toBe(text);
  });

  it("Windows line endings stay what they are", async () => {
    const editor = await client();
    await editor.open(URI, TEXT.replaceAll("\n", "\r\n"));
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", inserted: true });
    expect(editor.text(URI).replaceAll("\r\n", "")).not.toContain("\n");
  });

  it("two problems of one file that end at the same time both get their solution", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const both = [editor.ask("solve", FIRST), editor.ask("solve", SECOND)];
    await until(() => gate.waiting() === 2);
    gate.release();
    expect(await Promise.all(both)).toMatchObject([
      { kind: "solved", answer: "42", inserted: true },
      { kind: "solved", answer: "48", inserted: true },
    ]);
    expect((await editor.problems(URI)).map(({ answer, state }) => [answer, state])).toEqual([
      ["42", "solved"],
      ["48", "solved"],
    ]);
  });

  it("the same problem is not solved twice at once, except to compare", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() === 1);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "not-started", reason: "busy" });
    const compared = editor.ask("solve", {
      ...FIRST,
      insert: false,
      overrides: { strategy: "self-consistency" },
    });
    await until(() => gate.waiting() === 2);
    gate.release();
    expect(await solving).toMatchObject({ kind: "solved", inserted: true });
    expect(await compared).toMatchObject({ kind: "solved", inserted: false });
    expect((await editor.ask("traces", {})).traces.map(({ strategy }) => strategy).sort()).toEqual([
      "auto",
      "self-consistency",
    ]);
  });

  it("undo right after the insertion is one step, and the solution can be put back", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    await editor.ask("solve", FIRST);
    expect(editor.applied).toHaveLength(1);
    const start = editor.text(URI).indexOf("What is 6 times 7?") + "What is 6 times 7?".length;
    const added = editor.text(URI).length - TEXT.length;
    await editor.type(URI, start, start + added, "");
    expect(editor.text(URI)).toBe(TEXT);
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "kept", answer: "42", traceId: "t-1" });
    expect(await editor.ask("insertSolution", { traceId: "t-1", place: FIRST })).toMatchObject({
      kind: "done",
    });
    expect(editor.text(URI)).toContain(ANSWER);
  });

  it("solutions stay out of the file where the settings say so", async () => {
    const editor = await client({ settings: { display: { solutionPlacement: "store" } } });
    await editor.open(URI, TEXT);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", inserted: false });
    expect(editor.text(URI)).toBe(TEXT);
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "kept", answer: "42" });
  });

  it("an editor without versioned edits gets plain ones", async () => {
    const editor = await client({ versionedEdits: false });
    await editor.open(URI, TEXT);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", inserted: true });
    expect(editor.applied[0]?.edit.changes).toBeDefined();
  });

  it("unusable settings are told, and cost only themselves", async () => {
    const editor = await client({ settings: { search: { budgetTokens: 3, profile: "fast" } } });
    await until(() => editor.messages.some((message) => message.includes("rstarMath.search.budgetTokens")));
    await editor.open(URI, TEXT);
    await editor.ask("solve", FIRST);
    expect((await editor.traces.store.query()).traces[0]?.settings).toMatchObject({ budgetTokens: 600 });
  });
});
