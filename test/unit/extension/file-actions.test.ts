/** What the commands for all problems of a file, and for the collected traces, ask of the server and of the person. */
import { beforeEach, describe, expect, it, test, vi } from "vitest";
import { HANDLERS } from "../../../src/commands.ts";
import type { Parts } from "../../../src/parts.ts";
import { person, shown, Uri } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

const FILE = Uri.parse("file:///notes/a.md");

/** Requests that were sent, and what the server answers to each. */
const sent: (readonly [string, unknown])[] = [];
let answers: Readonly<Record<string, unknown>> = {};
const ask = (name: string, params: unknown): Promise<unknown> => {
  sent.push([name, params]);
  return Promise.resolve(answers[name] ?? null);
};
const lists = { shown: null as Uri | null };
const parts = { server: { ask, askAtLength: ask }, lists } as unknown as Parts;
const run = async (name: string, argument?: unknown): Promise<void> => {
  await HANDLERS[`rstarMath.${name}`]?.(parts, argument);
};

/** What the save dialog was asked and what is chosen there; what was written, opened in the editor and elsewhere. */
const dialogs: unknown[] = [];
let target: Uri | undefined;
let written: Record<string, string> = {};
const opened: string[] = [];
const writeFile = (uri: Uri, bytes: Uint8Array): Promise<void> => {
  written[String(uri)] = new TextDecoder().decode(bytes);
  return Promise.resolve();
};

const messages = (): unknown[] => shown.map(({ kind, text }) => [kind, text]);

beforeEach(() => {
  sent.length = shown.length = dialogs.length = opened.length = 0;
  [answers, written, target] = [{}, {}, undefined];
  person.presses = { button: undefined };
  lists.shown = null;
  vscode.window.activeTextEditor = { document: { uri: FILE, getText: () => "" } };
  vscode.languages.match = () => 10;
  vscode.workspace.openTextDocument = () => Promise.resolve();
  Object.assign(vscode.workspace, { fs: { writeFile } });
  Object.assign(vscode.env, { openExternal: (uri: Uri) => opened.push(`outside ${String(uri)}`) });
  Object.assign(vscode.window, {
    showSaveDialog: (options: unknown) => Promise.resolve((dialogs.push(options), target)),
    showTextDocument: (uri: Uri) => opened.push(String(uri)),
    withProgress: (_options: unknown, work: (...given: unknown[]) => unknown) => work({}, {}),
  });
});

describe("all problems of a file", () => {
  const uri = String(FILE);
  const done = { kind: "done", message: "3 solutions removed." };

  it.each([
    ["removeAllSolutions", "removeSolution", { ...done }],
    ["insertAllSolutions", "insertAllSolutions", { ...done }],
    ["checkAllSteps", "verify", { kind: "checked", message: done.message, solutions: [{ holds: true }] }],
  ])("%s is one request and one message", async (command, request, answer) => {
    answers = { [request]: answer };
    await run(command);
    expect(sent).toEqual([[request, { uri }]]);
    expect(messages()).toEqual([["passing", done.message]]);
  });

  it("are those of the list while another file is active, and a file without any is asked for", async () => {
    vscode.languages.match = () => 0;
    await run("removeAllSolutions");
    expect(messages()).toEqual([["information", expect.stringContaining("Open a Markdown file") as string]]);
    lists.shown = FILE;
    await run("removeAllSolutions");
    expect(sent).toEqual([["removeSolution", { uri }]]);
  });

  it("are checked with a message that stays where a step no longer holds", async () => {
    answers = {
      verify: { kind: "checked", message: "1 of 2.", solutions: [{ holds: true }, { holds: false }] },
    };
    await run("checkAllSteps");
    expect(messages()).toEqual([["warning", "1 of 2."]]);
  });
});

describe("a sheet", () => {
  const pick = (content: string, format: string): void => {
    person.picks = (items) =>
      (items as readonly { readonly content?: string; readonly format?: string }[]).find(
        (item) => item.content === content || item.format === format,
      );
  };

  beforeEach(() => {
    answers = { exportSheet: { kind: "text", text: "the sheet", message: "2 problems, 1 with an answer." } };
    target = Uri.parse("file:///notes/sheet.tex");
    pick("answers", "latex");
  });

  it("is written where the person says, over what is there too, and opened on request", async () => {
    person.presses = { button: "Open" };
    await run("exportSheet");
    expect(sent).toEqual([["exportSheet", { uri: String(FILE), content: "answers", format: "latex" }]]);
    expect(dialogs).toMatchObject([{ filters: { LaTeX: ["tex"] } }]);
    expect(String((dialogs[0] as { defaultUri: Uri }).defaultUri)).toMatch(/\/a-answers\.tex$/u);
    expect(written).toEqual({ "file:///notes/sheet.tex": "the sheet" });
    expect(messages()).toEqual([
      ["information", "file:///notes/sheet.tex was written: 2 problems, 1 with an answer."],
    ]);
    expect(opened).toEqual(["file:///notes/sheet.tex"]);
    pick("problems", "html");
    await run("exportSheet");
    expect(opened[1]).toBe("outside file:///notes/sheet.tex");
  });

  it.each([
    ["of another computer", { remoteName: "wsl" }, "file:///notes/sheet.html"],
    ["in a browser", { uiKind: vscode.UIKind.Web }, "file:///notes/sheet.html"],
    ["on no disk", {}, "vscode-vfs://github/notes/sheet.html"],
  ])("to print that lies %s is shown in the editor, with the way to a browser", async (_, env, uri) => {
    const usual = { ...vscode.env };
    Object.assign(vscode.env, env);
    target = Uri.parse(uri);
    person.presses = { button: "Open" };
    pick("problems", "html");
    await run("exportSheet");
    Object.assign(vscode.env, usual);
    expect(opened).toEqual([uri]);
    expect(messages()[1]).toEqual([
      "information",
      expect.stringContaining("Download it from the Explorer to print it.") as string,
    ]);
  });

  it("never takes the place of the file that it is made of", async () => {
    target = FILE;
    await run("exportSheet");
    expect(written).toEqual({});
    expect(messages()).toEqual([["warning", expect.stringContaining("was not replaced") as string]]);
  });

  it("that cannot be written, or that there is not, is told", async () => {
    Object.assign(vscode.workspace, { fs: { writeFile: () => Promise.reject(new Error("disk full")) } });
    await run("exportSheet");
    expect(messages()).toEqual([["error", expect.stringContaining("was not written: disk full") as string]]);
    answers = { exportSheet: { kind: "none", message: "There is no problem in this file." } };
    await run("exportSheet");
    expect(messages()[1]).toEqual(["information", "There is no problem in this file."]);
    expect(dialogs).toHaveLength(1);
  });

  it("is nothing where the person leaves it", async () => {
    target = undefined;
    await run("exportSheet");
    person.picks = () => undefined;
    await run("exportSheet");
    expect([written, sent.length, shown]).toEqual([{}, 1, []]);
  });
});

describe("collected traces", () => {
  const trace = (id: string): object => ({
    id,
    createdAt: "now",
    problem: id,
    strategy: "mcts",
    answer: "1",
  });

  beforeEach(() => {
    answers = { traces: { traces: [trace("a"), trace("b")], unreadable: 3 } };
    person.presses = { button: "Delete" };
  });

  it("that were shown are deleted, and no more, also where all are ticked", async () => {
    person.picks = (items) => items;
    await run("deleteCollectedTraces");
    expect(sent[1]).toEqual([
      "deleteTraces",
      { selection: { kind: "ids", ids: ["a", "b"], unreadable: true } },
    ]);
    expect(shown[0]?.text).toMatch(/^Delete 5 traces/u);
  });

  it("keep the lines that cannot be read unless these are ticked", async () => {
    person.picks = (items) => items.slice(0, 2);
    await run("deleteCollectedTraces");
    expect(sent[1]).toEqual([
      "deleteTraces",
      { selection: { kind: "ids", ids: ["a", "b"], unreadable: false } },
    ]);
    expect(shown[0]?.text).toMatch(/^Delete 2 traces/u);
  });
});

test("traces are exported over the file that the person agreed to replace", async () => {
  target = Uri.parse("file:///out.jsonl");
  await run("exportTraces");
  expect(sent).toEqual([
    ["exportTraces", { selection: { kind: "all" }, path: "/out.jsonl", overwrite: true }],
  ]);
});
