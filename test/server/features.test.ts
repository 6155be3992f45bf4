import { readFileSync } from "node:fs";
import path from "node:path";
import type {
  CodeAction,
  CodeLens,
  DocumentSymbol,
  FoldingRange,
  Hover,
  InlayHint,
  MarkupContent,
} from "vscode-languageserver/node";
import { afterEach, describe, expect, it } from "vitest";
import { fakeServices, scriptedPolicy, tablePpm } from "../support/fakes.ts";
import { TestClient, type ClientOptions } from "./client.ts";
import { ANSWER, FIRST, multiply, SECOND, TEXT, until, URI } from "./scripts.ts";

const clients: TestClient[] = [];
/** An editor with problem 1 solved. */
async function solved(options: Partial<ClientOptions> = {}): Promise<TestClient> {
  const ppm = tablePpm((prefix) => (prefix.includes("a = 5") ? -0.5 : 0.5));
  const made = await new TestClient({
    services: fakeServices(scriptedPolicy(multiply), ppm),
    initializationOptions: { commands: "client" },
    ...options,
  }).start();
  clients.push(made);
  await made.open(URI, TEXT);
  expect(await made.ask("solve", FIRST)).toMatchObject({ kind: "solved", answer: "42", inserted: true });
  return made;
}
afterEach(async () => {
  await Promise.all(clients.splice(0).map((each) => each.stop()));
});

const textDocument = { uri: URI };
const whole = { start: { line: 0, character: 0 }, end: { line: 999, character: 0 } };

async function lenses(editor: TestClient): Promise<string[]> {
  const found: CodeLens[] = await editor.connection.sendRequest("textDocument/codeLens", { textDocument });
  return found.map((lens) => lens.command?.title ?? "");
}

async function actions(editor: TestClient, needle: string): Promise<CodeAction[]> {
  const at = editor.position(URI, needle);
  const diagnostics = (editor.diagnostics.get(URI) ?? []).filter(({ range }) => range.start.line === at.line);
  return editor.connection.sendRequest("textDocument/codeAction", {
    textDocument,
    range: { start: at, end: at },
    context: { diagnostics },
  });
}

async function hover(editor: TestClient, needle: string): Promise<string> {
  const found: Hover | null = await editor.connection.sendRequest("textDocument/hover", {
    textDocument,
    position: editor.position(URI, needle),
  });
  return found === null ? "" : (found.contents as MarkupContent).value;
}

function codes(editor: TestClient): unknown[] {
  return (editor.diagnostics.get(URI) ?? []).map(({ code }) => code);
}

function argumentOf(found: readonly CodeAction[], start: string): Record<string, unknown> {
  const one = found.find(({ title }) => title.startsWith(start));
  if (one === undefined)
    throw new Error(`no action ${start} in: ${found.map(({ title }) => title).join("; ")}`);
  return one.command?.arguments?.[0] as Record<string, unknown>;
}

describe("what is shown", () => {
  it("lenses say what can be done with each problem", async () => {
    const editor = await solved();
    expect(await lenses(editor)).toEqual([
      "Re-check",
      "Search On",
      "Solve with…",
      "Show Search Tree",
      "Solve",
      "Solve with…",
    ]);
  });

  it("the hover of a step has its value, evidence, output and the siblings that lost, with their reason", async () => {
    const editor = await solved();
    const step = await hover(editor, "**Step 1.**");
    expect(step).toMatch(/\*\*Step 1\*\* · 1\. of \d candidates · Q 0\.\d\d · \d+ visits · PPM 0\.50/u);
    expect(step).toContain("- ran: without error");
    expect(step).toContain("rejected, ValueError\\: scripted (line 2)");
    expect(step).toMatch(/\[Use This\]\(command:rstarMath\.useAlternative\?/u);
    expect(await hover(editor, "print(42)")).toContain("Printed `42`");
    expect(await hover(editor, "Final answer")).toMatch(/\| `42` \| \d+ \| [\d.]+ \|/u);
    expect(await hover(editor, "## Problem 2")).toContain("not solved");
    expect(await hover(editor, "Some words")).toBe("");
  });

  it("formulas are pictures where the editor shows them, in the theme's colour, and text elsewhere", async () => {
    const plain = await solved();
    expect(await hover(plain, "**Step 2.**")).toContain("`$7$`");
    const editor = await solved({ initializationOptions: { display: { math: "svg", theme: "light" } } });
    const step = await hover(editor, "**Step 2.**");
    const data = /!\[7\]\(data:image\/svg\+xml;base64,([^)]+)\)/u.exec(step)?.[1] ?? "";
    const svg = Buffer.from(data, "base64").toString();
    expect(svg).toMatch(/^<svg.*<\/svg>$/su);
    expect(svg).toContain("#3b3b3b");
    expect(svg).not.toContain("currentColor");
    expect(step).not.toContain("command:");
  });

  it("hints show the score of each step, symbols and folds the solution's parts", async () => {
    const editor = await solved();
    const hints: InlayHint[] = await editor.connection.sendRequest("textDocument/inlayHint", {
      textDocument,
      range: whole,
    });
    expect(hints.map(({ label }) => label)).toEqual([
      expect.stringMatching(/^Q 0\.\d\d · PPM 0\.50$/u),
      expect.stringMatching(/^Q 0\.\d\d · PPM 0\.50$/u),
    ]);
    const symbols: DocumentSymbol[] = await editor.connection.sendRequest("textDocument/documentSymbol", {
      textDocument,
    });
    expect(
      symbols.map(({ name, children }) => [
        name,
        children?.map((child) => [child.name, child.children?.length]),
      ]),
    ).toEqual([
      ["What is 6 times 7?", [["Solution: 42", 2]]],
      ["What is 6 times 8?", []],
    ]);
    const folds: FoldingRange[] = await editor.connection.sendRequest("textDocument/foldingRange", {
      textDocument,
    });
    expect(folds).toHaveLength(3);
  });

  it("no lenses and hints for somebody who wants none", async () => {
    const editor = await solved({ settings: { display: { codeLens: false, inlayHints: false } } });
    expect(await lenses(editor)).toEqual([]);
    expect(
      await editor.connection.sendRequest("textDocument/inlayHint", { textDocument, range: whole }),
    ).toEqual([]);
  });
});

describe("a changed document", () => {
  it("is stale in words when the problem's text changed, and solved again in place", async () => {
    const editor = await solved();
    const at = editor.text(URI).indexOf("6 times 7");
    await editor.type(URI, at, at + 9, "6 times 7, in words");
    await until(() => codes(editor).includes("stale-solution"));
    expect((await editor.problems(URI))[0]?.state).toBe("stale");
    expect((await lenses(editor))[0]).toBe("Stale: Problem Changed. Solve Again");
    expect(await hover(editor, "**Step 1.**")).toContain("**Stale**");
    const fixes = await actions(editor, "## Problem 1");
    const fix = fixes.find(({ kind }) => kind === "quickfix");
    expect(fix?.title).toBe("Solve Again");
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", inserted: true });
    expect(editor.text(URI).match(/rstar:solution/gu)).toHaveLength(1);
    await until(() => codes(editor).length === 0);
  });

  /** Problem 1 solved, with a line of a person's in its first step. */
  async function damaged(): Promise<TestClient> {
    const editor = await solved();
    const at = editor.text(URI).indexOf("<sub>Q");
    await editor.type(URI, at, at + 5, "broken by hand ");
    await until(() => codes(editor).includes("damaged-solution"));
    return editor;
  }

  it("has a damaged solution replaced by the stored one, and what a person wrote kept", async () => {
    const editor = await damaged();
    expect(await lenses(editor)).toEqual(expect.arrayContaining(["Insert 42", "Search On"]));
    const offered = await actions(editor, "broken by hand");
    const fixes = offered.filter(({ kind }) => kind === "quickfix");
    expect(fixes.map(({ title }) => title)).toEqual(["Solve Again", "Remove the Damaged Solution"]);
    expect(offered.map(({ title }) => title)).toContain("Insert the Kept Solution (42)");
    const traceId = (await editor.problems(URI))[0]?.storedTraceId ?? "";
    expect(await editor.ask("insertSolution", { traceId, place: FIRST })).toMatchObject({ kind: "done" });
    expect((await editor.problems(URI))[0]?.state).toBe("solved");
    expect(editor.text(URI)).toContain("broken by hand");
  });

  it("tells a damaged solution and leaves it as it is", async () => {
    const editor = await damaged();
    expect((await editor.problems(URI))[0]?.state).toBe("damaged");
    expect((await lenses(editor))[0]).toBe("Damaged Solution: Remove");
    expect(await editor.ask("removeSolution", FIRST)).toMatchObject({ kind: "done" });
    expect(editor.text(URI)).toContain("broken by hand");
    expect(editor.text(URI)).not.toContain("rstar:");
  });

  /** Problem 1 solved, with a note before the second step and without the end marker. */
  async function half(): Promise<TestClient> {
    const editor = await solved();
    const end = "<!-- rstar:end -->";
    const at = editor.text(URI).indexOf(end);
    await editor.type(URI, at, at + end.length, "");
    const step = editor.text(URI).indexOf("**Step 2.**");
    await editor.type(URI, step, step, "My note.\n\n");
    await until(() => codes(editor).includes("half-solution"));
    return editor;
  }

  it("has of a solution without an end replaced what is surely part of it, as the warning says", async () => {
    const editor = await half();
    const warning = editor.diagnostics.get(URI)?.find(({ code }) => code === "half-solution")?.message;
    expect(warning).toContain("only the lines that are surely part of it are replaced");
    const rest = editor.text(URI).slice(editor.text(URI).indexOf("My note."));
    const outcome = await editor.ask("solve", FIRST);
    expect(outcome).toMatchObject({
      ...{ kind: "solved", inserted: true },
      message: expect.stringContaining("left of it stands below") as string,
    });
    expect(editor.text(URI).endsWith(`<!-- rstar:end -->\n\n${rest}`)).toBe(true);
    expect(editor.text(URI).match(/rstar:solution/gu)).toHaveLength(1);
    expect((await editor.problems(URI))[0]?.state).toBe("solved");
  });

  it("says which lines are left of a solution without an end that is removed", async () => {
    const editor = await half();
    const outcome = await editor.ask("removeSolution", FIRST);
    expect(outcome).toMatchObject({ kind: "done", unfinished: true });
    const line = Number(/from line (\d+) on/u.exec(outcome.message)?.[1]);
    expect(editor.text(URI).split("\n")[line - 1]).toBe("My note.");
    expect(editor.text(URI)).toContain("**Step 2.**");
  });

  it("is as it was before once the solution is removed", async () => {
    const editor = await solved();
    expect(await editor.ask("removeSolution", FIRST)).toEqual({
      kind: "done",
      message: "The solution was removed; its search stays in the store.",
    });
    expect(editor.text(URI)).toBe(TEXT);
    expect(await editor.ask("removeSolution", FIRST)).toMatchObject({ kind: "not-done" });
  });

  it("is given as text for elsewhere, and says when there is none", async () => {
    const editor = await solved();
    const copy = (format: "latex" | "python") => editor.ask("exportSolution", { ...FIRST, format });
    expect(await copy("python")).toMatchObject({
      kind: "text",
      text: expect.stringContaining("# Answer: 42") as string,
    });
    expect(await copy("latex")).toMatchObject({
      kind: "text",
      text: expect.stringContaining("\\item") as string,
    });
    // It stays in the store.
    await editor.ask("removeSolution", FIRST);
    expect(await copy("python")).toMatchObject({ kind: "text" });
    expect(await editor.ask("exportSolution", { ...SECOND, format: "python" })).toMatchObject({
      kind: "none",
    });
  });

  it("takes the answer as its own, and never twice", async () => {
    const editor = await solved();
    expect(await editor.ask("insertAnswer", FIRST)).toMatchObject({ kind: "done" });
    expect(editor.text(URI)).toContain("What is 6 times 7?\n\nAnswer: 42\n\n<!-- rstar:solution");
    expect((await editor.problems(URI))[0]).toMatchObject({ reference: "42", state: "solved" });
    expect(await editor.ask("insertAnswer", FIRST)).toMatchObject({ kind: "not-done" });
  });
});

describe("checking again", () => {
  it("ends when the models are unloaded, and calls no step bad for it", async () => {
    const services = fakeServices(scriptedPolicy(multiply));
    let checks = 0;
    const sandbox: typeof services.sandbox = {
      run: async (state, step, signal, options) => {
        if (checks === 0) return services.sandbox.run(state, step, signal, options);
        checks++;
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        });
      },
    };
    const editor = await solved({ services: { ...services, sandbox } });
    checks = 1;
    const checking = editor.ask("verify", { uri: URI });
    await until(() => checks > 1);
    await editor.ask("unload", {});
    expect(await checking).toMatchObject({
      kind: "not-done",
      message: expect.stringContaining("Stopped") as string,
    });
    expect((await editor.problems(URI))[0]?.steps.map((step) => step.checks)).toEqual([null, null]);
  });

  it("says that the steps run as stored, and marks one that no longer does", async () => {
    const editor = await solved();
    expect(await editor.ask("verify", { uri: URI })).toMatchObject({
      kind: "checked",
      solutions: [{ holds: true }],
    });
    expect((await editor.problems(URI))[0]?.steps.map(({ checks }) => checks)).toEqual([true, true]);
    expect(await hover(editor, "**Step 1.**")).toContain("it runs as stored");
    const at = editor.text(URI).indexOf("print(42)");
    await editor.type(URI, at, at + 9, "print(43)");
    expect((await editor.problems(URI))[0]?.steps.map(({ checks }) => checks)).toEqual([null, null]);
    expect(await editor.ask("verify", FIRST)).toMatchObject({
      kind: "checked",
      solutions: [{ holds: false }],
    });
    await until(() => codes(editor).includes("step-no-longer-checks"));
    expect((await editor.problems(URI))[0]?.state).toBe("broken");
    expect((await lenses(editor))[0]).toContain("No Longer Checks");
    expect((await actions(editor, "**Step 2.**"))[0]).toMatchObject({
      title: "Solve Again",
      kind: "quickfix",
    });
  });

  it("happens by itself where the settings say so", async () => {
    const editor = await solved({ settings: { verifier: { recheck: "onSave" } } });
    await editor.connection.sendNotification("textDocument/didSave", { textDocument });
    await until(async () => (await editor.problems(URI))[0]?.steps[0]?.checks === true);
    // What was checked as it stands is not run again with every save.
    const told = editor.progress.length;
    await editor.connection.sendNotification("textDocument/didSave", { textDocument });
    await editor.problems(URI);
    expect(editor.progress).toHaveLength(told);
  });

  it("happens to what is open already when the settings come to say so", async () => {
    const editor = await solved();
    await editor.configure({ verifier: { recheck: "onOpen" } });
    await until(async () => (await editor.problems(URI))[0]?.steps[0]?.checks === true);
  });
});

describe("a person in the loop", () => {
  it("rejects the chosen step: the answer changes, and the choice is stored as a preference", async () => {
    const editor = await solved();
    const params = argumentOf(await actions(editor, "**Step 1.**"), "Reject Step 1");
    expect(params).toMatchObject({ choice: { kind: "reject" } });
    const outcome: unknown = await editor.connection.sendRequest("rstar/continue", params);
    expect(outcome).toMatchObject({ kind: "solved", answer: "35", inserted: true });
    expect(editor.text(URI)).not.toContain(ANSWER);
    const { traces } = await editor.traces.store.query({ id: "t-2" });
    expect(traces[0]?.preferences).toMatchObject([{ kind: "reject" }]);
    expect(traces[0]?.preferences?.[0]?.preferred).not.toBeNull();
  });

  it("edits a step in the text and searches on from it", async () => {
    const editor = await solved();
    const at = editor.text(URI).indexOf("a = 6");
    await editor.type(URI, at, at + 5, "a = 9");
    expect(await hover(editor, "**Step 1.**")).toContain("edited by hand");
    const params = argumentOf(await actions(editor, "**Step 1.**"), "Search On from the Edited Step 1");
    const outcome: unknown = await editor.connection.sendRequest("rstar/continue", params);
    expect(outcome).toMatchObject({ kind: "solved", answer: "63", inserted: true });
    const { traces } = await editor.traces.store.query({ id: "t-2" });
    expect(traces[0]).toMatchObject({ continues: "t-1", preferences: [{ kind: "edit" }] });
  });

  it("pins a step by its position, and refuses one that is not there", async () => {
    const editor = await solved();
    const base = { traceId: "t-1", place: FIRST };
    expect(
      await editor.ask("continue", { ...base, choice: { kind: "pin", at: { kind: "step", position: 0 } } }),
    ).toMatchObject({ kind: "solved", answer: "42" });
    expect(
      await editor.ask("continue", { ...base, choice: { kind: "pin", at: { kind: "step", position: 7 } } }),
    ).toMatchObject({ kind: "not-started", reason: "bad-choice" });
  });

  it("uses an alternative that lost, as one edit and one stored preference", async () => {
    const editor = await solved();
    const params = argumentOf(await actions(editor, "**Step 1.**"), "Use Instead");
    const outcome: unknown = await editor.connection.sendRequest("rstar/useAlternative", params);
    expect(outcome).toMatchObject({ kind: "done" });
    expect(editor.applied).toHaveLength(2);
    expect(editor.text(URI)).toContain("**Final answer:** $35$");
    const trace = (await editor.traces.store.query({ id: "t-2" })).traces[0];
    expect(trace).toMatchObject({ continues: "t-1", preferences: [{ kind: "pin" }] });
    // The hover knows the new path.
    expect(await hover(editor, "**Step 1.**")).toContain("PPM -0.50");
  });

  it("does not go on with a search of another text", async () => {
    const editor = await solved();
    expect(await editor.ask("resume", { traceId: "t-1", place: SECOND })).toMatchObject({
      kind: "not-started",
    });
    expect(await editor.ask("insertSolution", { traceId: "t-1", place: SECOND })).toMatchObject({
      kind: "not-done",
    });
  });
});

describe("stored searches", () => {
  it("can be fetched, listed, exported and deleted", async () => {
    const editor = await solved();
    expect(await editor.ask("trace", { traceId: "t-1" })).toMatchObject({
      kind: "trace",
      running: false,
      trace: { id: "t-1" },
    });
    expect(await editor.ask("trace", { traceId: "nope" })).toMatchObject({ kind: "missing" });
    const hash = (await editor.problems(URI))[0]?.hash ?? "";
    expect(await editor.ask("traces", { problemHash: hash })).toMatchObject({
      traces: [{ id: "t-1", answer: "42" }],
      unreadable: 0,
    });
    const file = path.join(editor.home, "out.jsonl");
    expect(await editor.ask("exportTraces", { selection: { kind: "all" }, path: file })).toMatchObject({
      kind: "done",
    });
    expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(1);
    expect(await editor.ask("exportTraces", { selection: { kind: "all" }, path: file })).toMatchObject({
      kind: "not-done",
    });
    expect(await editor.ask("deleteTraces", { selection: { kind: "ids", ids: ["t-1"] } })).toMatchObject({
      kind: "done",
    });
    expect((await editor.traces.store.query()).traces).toEqual([]);
    // What stands in the document can still be read.
    expect(await hover(editor, "**Step 1.**")).toContain("what else was tried is not known");
  });

  it("are written again by another process and seen", async () => {
    const editor = await solved();
    const trace = (await editor.traces.store.query()).traces[0];
    if (trace === undefined) throw new Error("nothing was stored");
    await editor.open("file:///notes/b.md", TEXT);
    await editor.traces.store.append({ ...trace, id: "other" });
    expect((await editor.problems("file:///notes/b.md"))[0]).toMatchObject({
      state: "kept",
      traceId: "other",
    });
  });
});

describe("tools of other programs", () => {
  it("solve a text and check a step", async () => {
    const editor = await solved();
    const result = await editor.ask("solveText", { problem: "What is 6 times 8?" });
    expect(result).toMatchObject({ kind: "solved", answer: "48" });
    expect(result.text).toContain("**Final answer:** $48$");
    expect(result.text).not.toContain("<!--");
    expect(await editor.ask("verifyStep", { earlier: ["a = 1"], step: "assert a\nprint(7)" })).toMatchObject({
      kind: "ok",
      output: "7\n",
      assertions: 1,
    });
    expect(await editor.ask("verifyStep", { step: "raise" })).toMatchObject({ kind: "failed" });
    expect((await editor.ask("verifyStep", { earlier: ["raise"], step: "print(1)" })).text).toContain(
      "Step 1 before it fails",
    );
  });
});
