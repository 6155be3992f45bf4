/** What is done with all solutions of a file, with those that are only kept, and with the stored searches as a whole. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { TestClient } from "./client.ts";
import { FIRST, scriptedClients, SECOND, TEXT, URI } from "./scripts.ts";

const start = scriptedClients();

/** An editor with both problems solved, the solutions in the text or only kept. */
async function solved(solutionPlacement: "document" | "store" = "document"): Promise<TestClient> {
  const editor = await start({ settings: { display: { solutionPlacement } } });
  await editor.open(URI, TEXT);
  for (const place of [FIRST, SECOND]) await editor.ask("solve", place);
  return editor;
}

const states = async (editor: TestClient) => (await editor.problems(URI)).map(({ state }) => state);

describe("all solutions of a file", () => {
  it("are removed and inserted again by one edit each", async () => {
    const editor = await solved();
    const before = editor.text(URI);
    const edits = editor.applied.length;
    expect(await editor.ask("removeSolution", { uri: URI })).toEqual({
      kind: "done",
      message: "2 solutions removed; their searches stay in the store.",
    });
    expect(editor.text(URI)).toBe(TEXT);
    expect(await states(editor)).toEqual(["kept", "kept"]);
    expect(await editor.ask("insertAllSolutions", { uri: URI })).toEqual({
      kind: "done",
      message: "2 solutions inserted.",
    });
    expect(editor.text(URI)).toBe(before);
    expect(editor.applied).toHaveLength(edits + 2);
    expect(await editor.ask("insertAllSolutions", { uri: URI })).toMatchObject({ kind: "not-done" });
    await editor.ask("removeSolution", { uri: URI });
    expect(await editor.ask("removeSolution", { uri: URI })).toMatchObject({ kind: "not-done" });
  });

  it("that are removed leave a person's words, and it is said where", async () => {
    const editor = await solved();
    const at = editor.text(URI).indexOf("\n\n## Problem 2");
    await editor.type(URI, at, at, "\n\nMy note.");
    const end = editor.text(URI).length;
    await editor.type(URI, end, end, "\nAnother one.\n");
    const outcome = await editor.ask("removeSolution", { uri: URI });
    expect(outcome).toMatchObject({ kind: "done", unfinished: true });
    const lines = /from lines (\d+) and (\d+) on/u.exec(outcome.message)?.slice(1).map(Number) ?? [];
    expect(lines.map((line) => editor.text(URI).split("\n")[line - 1])).toEqual(["My note.", "Another one."]);
  });

  it("of an earlier text are replaced by what is kept of the present one", async () => {
    const editor = await solved();
    await editor.ask("removeSolution", FIRST);
    const text = editor.text(URI);
    const at = text.indexOf("6 times 8");
    await editor.type(URI, at, at + 9, "8 times 8");
    await editor.ask("solve", { ...SECOND, insert: false });
    expect(await states(editor)).toEqual(["kept", "stale"]);
    expect(await editor.ask("insertAllSolutions", { uri: URI })).toMatchObject({
      message: "2 solutions inserted.",
    });
    expect(await states(editor)).toEqual(["solved", "solved"]);
    expect(editor.text(URI).match(/rstar:solution/gu)).toHaveLength(2);
  });

  it("are run again, unless the folder is not trusted", async () => {
    const editor = await solved();
    expect(await editor.ask("verify", { uri: URI })).toMatchObject({
      ...{ kind: "checked", message: "2 solutions run as stored." },
      solutions: [{ holds: true }, { holds: true }],
    });
    const untrusted = await start({ initializationOptions: { trusted: false } });
    await untrusted.open(URI, editor.text(URI));
    expect(await untrusted.ask("verify", { uri: URI })).toMatchObject({ kind: "not-done" });
  });
});

describe("a sheet", () => {
  it("has the solutions of the text and those that are only kept", async () => {
    const editor = await solved();
    await editor.ask("removeSolution", SECOND);
    const sheet = await editor.ask("exportSheet", { uri: URI, content: "solutions", format: "markdown" });
    expect(sheet).toMatchObject({ kind: "text", message: "2 problems, 2 with a solution." });
    const text = sheet.kind === "text" ? sheet.text : "";
    expect(text.match(/\*\*Answer:\*\* \$(?:42|48)\$/gu)).toHaveLength(2);
    expect(text).not.toContain("rstar:");
    expect(await editor.ask("exportSheet", { uri: URI, content: "problems", format: "markdown" })).toEqual({
      ...{ kind: "text", message: "2 problems." },
      text: TEXT,
    });
    // Nothing of the document was changed for it.
    expect((await states(editor))[1]).toBe("kept");
  });

  it("leaves out a solution of an earlier text, and says how many there are", async () => {
    const editor = await solved();
    const at = editor.text(URI).indexOf("6 times 7");
    await editor.type(URI, at, at + 9, "9 times 7");
    const sheet = await editor.ask("exportSheet", { uri: URI, content: "answers", format: "markdown" });
    expect(sheet).toMatchObject({ message: "2 problems, 1 with an answer." });
    expect(sheet).not.toMatchObject({ text: expect.stringContaining("42") as string });
  });

  it("leaves out what the author solved by the words of the settings", async () => {
    const document = { headings: ["Aufgabe"], solutions: ["Lösung"] };
    const editor = await start({ settings: { document } });
    await editor.open(URI, "## Aufgabe 1\n\nWas ist 6 mal 7?\n\n# Anhang\n\n**Lösung:** 42\n");
    const sheet = await editor.ask("exportSheet", { uri: URI, content: "problems", format: "markdown" });
    expect(sheet).toMatchObject({ text: "## Aufgabe 1\n\nWas ist 6 mal 7?\n\n# Anhang\n\n\n" });
  });

  it("is LaTeX, or a page with its formulas drawn, by the person's macros", async () => {
    const macros = { "\\two": "2 \\times #1" };
    const editor = await start({ initializationOptions: { display: { macros } } });
    await editor.open(URI, "## Problem 1\n\nWhat is $\\two{3}$?\n");
    const sheetAs = async (format: "latex" | "html"): Promise<string> => {
      const sheet = await editor.ask("exportSheet", { uri: URI, content: "problems", format });
      return sheet.kind === "text" ? sheet.text : sheet.message;
    };
    expect(await sheetAs("latex")).toMatch(/\\providecommand\{\\two\}\[1\][^]*What is \$\\two\{3\}\$\?/u);
    const page = await sheetAs("html");
    expect(page).toContain("<title>a</title>");
    expect(page).toMatch(/aria-label="\\two\{3\}"><svg[^]*<\/svg><\/span>\?<\/p>/u);
    expect(page).not.toMatch(/data-mjx-error|<script/u);
  });

  it("is none where there is no problem", async () => {
    const editor = await start();
    await editor.open(URI, "Only words.\n");
    const asked = { uri: URI, content: "problems", format: "latex" } as const;
    expect(await editor.ask("exportSheet", asked)).toMatchObject({ kind: "none" });
    expect(await editor.ask("exportSheet", { ...asked, uri: "file:///closed.md" })).toMatchObject({
      kind: "none",
    });
  });
});

describe("a solution that is only kept", () => {
  it("is given as text for elsewhere, and there is none of a problem that was not solved", async () => {
    const editor = await start({ settings: { display: { solutionPlacement: "store" } } });
    await editor.open(URI, TEXT);
    await editor.ask("solve", FIRST);
    expect(editor.text(URI)).toBe(TEXT);
    expect(await editor.ask("exportSolution", { ...FIRST, format: "python" })).toMatchObject({
      kind: "text",
      text: expect.stringContaining("# Answer: 42") as string,
    });
    expect(await editor.ask("exportSolution", { ...SECOND, format: "python" })).toMatchObject({
      kind: "none",
    });
  });
});

describe("stored searches", () => {
  it("are deleted as they were shown: what was stored meanwhile stays, and bad lines unless they were ticked", async () => {
    const editor = await solved();
    const { traces } = await editor.ask("traces", {});
    await editor.ask("solve", FIRST);
    appendFileSync(path.join(editor.home, "traces.jsonl"), "torn\n");
    const ids = traces.map(({ id }) => id);
    await editor.ask("deleteTraces", { selection: { kind: "ids", ids } });
    expect(await editor.ask("traces", {})).toMatchObject({ traces: [{ id: "t-3" }], unreadable: 1 });
    await editor.ask("deleteTraces", { selection: { kind: "ids", ids: [], unreadable: true } });
    expect(await editor.ask("traces", {})).toMatchObject({ traces: [{ id: "t-3" }], unreadable: 0 });
  });

  it("are exported over a file that the person agreed to replace, but never over the store's own", async () => {
    const editor = await solved();
    const folder = path.join(editor.home, "elsewhere");
    mkdirSync(folder);
    const file = path.join(folder, "out.jsonl");
    writeFileSync(file, "what was there");
    const params = { selection: { kind: "all" as const }, path: file };
    expect(await editor.ask("exportTraces", params)).toMatchObject({ kind: "not-done" });
    expect(readFileSync(file, "utf8")).toBe("what was there");
    expect(await editor.ask("exportTraces", { ...params, overwrite: true })).toMatchObject({ kind: "done" });
    expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(2);
    const own = path.join(editor.home, "traces.jsonl");
    appendFileSync(own, "torn\n");
    expect(await editor.ask("exportTraces", { ...params, path: own, overwrite: true })).toMatchObject({
      kind: "not-done",
    });
    expect(readFileSync(own, "utf8")).toContain("torn");
  });
});
