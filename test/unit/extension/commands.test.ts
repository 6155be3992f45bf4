/** What the commands ask of the server and tell the person, in an editor of which only that is there. */
import { beforeEach, expect, test, vi } from "vitest";
import { COMMANDS } from "../../../server/protocol/commands.ts";
import type { ListedProblem } from "../../../server/protocol/problem-list.ts";
import type { SolveOutcome } from "../../../server/protocol/solving.ts";
import { HANDLERS } from "../../../src/commands.ts";
import { tellEdit, tellOutcome, type SolveRequest } from "../../../src/outcomes.ts";
import type { Parts } from "../../../src/parts.ts";
import { executed, person, shown, Uri } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";
import { listedProblem } from "./listed-problem.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

const URI = "file:///notes/a.md";
const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
const PROBLEM = listedProblem(1, {
  ...{ hash: "h", solutionRange: range, state: "stale", answer: "5" },
  ...{ traceId: "older", storedTraceId: "newer", resumable: true },
});
const PLACE = { uri: URI, problem: { kind: "hash" as const, hash: "h", index: 1 } };

/** Requests that were sent; the server has a model, and no answer to anything else. */
const sent: (readonly [string, unknown])[] = [];
let problems: readonly ListedProblem[] = [];
const ask = (name: string, params: unknown): Promise<unknown> => {
  sent.push([name, params]);
  return Promise.resolve(name === "models" ? { models: [{ id: "m", installed: true }] } : null);
};
const listed = () => Promise.resolve(problems);
const lists = { refresh: listed, read: listed, known: () => problems, shown: null as unknown };
const parts = {
  server: { ask, askAtLength: ask },
  lists,
  status: {
    during: (work: (report: () => void) => unknown) => work(() => undefined),
    tally: () => undefined,
  },
} as unknown as Parts;

/** What was said, and as what. */
const messages = (): unknown[] => shown.map(({ kind, text }) => [kind, text]);

beforeEach(() => {
  executed.length = shown.length = 0;
  person.presses = { button: undefined };
  // A file of another language is active.
  vscode.window.activeTextEditor = { document: { uri: Uri.parse("file:///notes/a.py"), getText: () => "" } };
  vscode.languages.match = () => 0;
  vscode.workspace.openTextDocument = () => Promise.resolve();
  Object.assign(lists, { shown: null });
  sent.length = 0;
  problems = [PROBLEM];
});

test("from the list of problems the newest search is resumed and inserted, not the one in the text", async () => {
  const item = { uri: Uri.parse(URI), problem: PROBLEM };
  await HANDLERS[COMMANDS.resume]?.(parts, item);
  await HANDLERS[COMMANDS.insertSolution]?.(parts, item);
  expect(sent).toEqual([
    ["resume", { traceId: "newer", place: PLACE }],
    ["insertSolution", { traceId: "newer", place: PLACE }],
  ]);
});

test("a solution is inserted below a problem whose file was closed meanwhile, which is opened for it", async () => {
  const opened: string[] = [];
  vscode.workspace.openTextDocument = (uri?: unknown) => Promise.resolve(opened.push(String(uri)));
  await HANDLERS[COMMANDS.insertSolution]?.(parts, { traceId: "t", place: PLACE });
  await HANDLERS[COMMANDS.solve]?.(parts, PLACE);
  await HANDLERS[COMMANDS.removeSolution]?.(parts, { uri: Uri.parse(URI), problem: PROBLEM });
  expect(opened).toEqual([URI, URI, URI]);
  // Of a text without a file a second one would be made.
  await HANDLERS[COMMANDS.solve]?.(parts, { ...PLACE, uri: "untitled:Untitled-1" });
  expect(opened).toHaveLength(3);
});

test.each([COMMANDS.resume, COMMANDS.insertSolution, COMMANDS.showSearchTree])(
  "%s says so where there is no problem of the list",
  async (command) => {
    await HANDLERS[command]?.(parts, { uri: URI, problem: { kind: "selection", range } });
    expect(messages()).toEqual([["information", expect.stringContaining("none of the problems") as string]]);
    expect(sent).toEqual([]);
  },
);

test("a solution is inserted where its search was asked for, whatever else has the problem", async () => {
  person.presses = { button: "Insert Solution" };
  const outcome: SolveOutcome = {
    ...{ kind: "solved", traceId: "t", answer: "42", support: 1, trajectories: 1, inserted: false },
    message: "42.",
  };
  await tellOutcome(parts, { kind: "solve", params: PLACE }, outcome, () => Promise.resolve());
  expect(executed).toEqual([["rstarMath.insertSolution", { traceId: "t", place: PLACE }]]);
});

test("Solve All of the list solves what it shows while another file is active, and says where there is none", async () => {
  await HANDLERS["rstarMath.solveAllProblems"]?.(parts, undefined);
  expect(messages()).toEqual([["information", expect.stringContaining("Open a Markdown file") as string]]);
  lists.shown = Uri.parse(URI);
  await HANDLERS["rstarMath.solveAllProblems"]?.(parts, undefined);
  expect(sent).toEqual([["resume", { traceId: "newer", place: PLACE }]]);
});

test.each(["vscode-notebook-cell:/notes/a.ipynb", "git:/notes/a.md", "ftp:/notes/a.md"])(
  "of Markdown that the server does not look at that is said, not that it has no problem: %s",
  async (text) => {
    const uri = Uri.parse(text);
    const document = { uri, languageId: "markdown", getText: () => "## Problem" };
    vscode.window.activeTextEditor = { document };
    for (const argument of [undefined, uri]) await HANDLERS[COMMANDS.solve]?.(parts, argument);
    await HANDLERS["rstarMath.solveAllProblems"]?.(parts, undefined);
    const said = ["information", expect.stringContaining("not looked for in this kind") as string];
    expect(messages()).toEqual([said, said, said]);
    expect(sent).toEqual([]);
  },
);

test("where no problem is found, the words of another language are a button away", async () => {
  const document = { uri: Uri.parse(URI), languageId: "markdown", getText: () => "## Aufgabe" };
  Object.assign(vscode.window, { activeTextEditor: null, visibleTextEditors: [] });
  problems = [];
  for (const button of [undefined, "Open Settings"]) {
    person.presses = { button };
    await HANDLERS[COMMANDS.solve]?.(parts, document.uri);
  }
  const said = ["information", expect.stringContaining("another language") as string];
  expect(messages()).toEqual([said, said]);
  expect(executed).toEqual([["workbench.action.openSettings", "rstarMath.document"]]);
  expect(sent).toEqual([]);
});

test("a missing model is asked for once, and every problem that waits for it is solved then", async () => {
  person.presses = { button: "Download" };
  const missing: SolveOutcome = {
    ...{ kind: "not-started", reason: "model-missing", message: "The model is not here." },
    model: { id: "m", bytes: 5 },
  };
  const again: SolveRequest[] = [];
  const requests = ["a", "b", "c"].map((hash): SolveRequest => {
    return { kind: "solve", params: { uri: URI, problem: { kind: "hash", hash } } };
  });
  await Promise.all(
    requests.map((request) =>
      tellOutcome(parts, request, missing, (next) => Promise.resolve(again.push(next))),
    ),
  );
  expect(messages()).toEqual([["information", "The model is not here."]]);
  expect(again).toEqual(requests);
  expect(sent).toEqual([["models", {}]]);
});

test("who meets an obstacle that is being cleared waits for that, and is asked nothing", async () => {
  vi.useFakeTimers();
  try {
    person.presses = { button: "Download" };
    const missing: SolveOutcome = {
      ...{ kind: "not-started", reason: "model-missing", message: "The model is on its way." },
      model: { id: "m", bytes: 5 },
    };
    let arrive: (answer: unknown) => void = () => undefined;
    const slow = { ask: () => new Promise((resolve) => (arrive = resolve)), askAtLength: ask };
    const request: SolveRequest = {
      kind: "solve",
      params: { uri: URI, problem: { kind: "hash", hash: "a" } },
    };
    const again: SolveRequest[] = [];
    const tell = () =>
      tellOutcome({ ...parts, server: slow } as unknown as Parts, request, missing, (next) =>
        Promise.resolve(again.push(next)),
      );
    const told = [tell()];
    await vi.advanceTimersByTimeAsync(60_000);
    told.push(tell());
    expect(shown).toHaveLength(1);
    arrive({ models: [{ id: "m", installed: true }] });
    await Promise.all(told);
    expect(again).toEqual([request, request]);
  } finally {
    vi.useRealTimers();
  }
});

test("a question that has left the screen without an answer is asked again", async () => {
  vi.useFakeTimers();
  try {
    person.presses = null;
    const missing: SolveOutcome = {
      ...{ kind: "not-started", reason: "model-missing", message: "The model is gone." },
      model: { id: "m", bytes: 5 },
    };
    const request: SolveRequest = {
      kind: "solve",
      params: { uri: URI, problem: { kind: "hash", hash: "a" } },
    };
    const again: SolveRequest[] = [];
    const tell = () => tellOutcome(parts, request, missing, (next) => Promise.resolve(again.push(next)));
    const told = [tell(), tell()];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(shown).toHaveLength(1);
    told.push(tell());
    expect(shown).toHaveLength(2);
    // VS Code shows the same message once: the first is answered with nothing then.
    shown[0]?.answer(undefined);
    shown[1]?.answer("Download");
    await Promise.all(told);
    expect(again).toEqual([request, request, request]);
  } finally {
    vi.useRealTimers();
  }
});

test("a comparison that a missing model was in the way of is made as a whole once it is there", async () => {
  person.presses = { button: "Download" };
  person.picks = (items) => items.slice(0, 2);
  const missing = {
    ...{ kind: "not-started", reason: "model-missing", message: "No model." },
    model: { id: "m", bytes: 5 },
  };
  const solved = { kind: "solved", traceId: "t", answer: "1", inserted: false, message: "1." };
  const outcomes = [missing, solved, solved];
  const strategies: unknown[] = [];
  const server = {
    ask,
    askAtLength: (_name: string, { overrides }: { readonly overrides: { readonly strategy: string } }) => {
      strategies.push(overrides.strategy);
      return Promise.resolve(outcomes.shift() ?? null);
    },
  };
  await HANDLERS["rstarMath.compareStrategies"]?.({ ...parts, server } as unknown as Parts, {
    uri: Uri.parse(URI),
    problem: PROBLEM,
  });
  expect(strategies).toEqual(["greedy", "greedy", "self-consistency"]);
  expect(executed.map(([command]) => command)).toContain(COMMANDS.showSearchTree);
});

test("a problem is shown where its document is open, and in no place of a panel", async () => {
  const shownIn: unknown[] = [];
  const group = (viewColumn: number, ...inputs: object[]) => {
    const tabs = inputs.map((input) => ({ input }));
    return { viewColumn, tabs, activeTab: tabs[0] };
  };
  const text = new vscode.TabInputText(Uri.parse(URI));
  const panel = new vscode.TabInputWebview();
  const show = async (active: object, ...others: object[]): Promise<void> => {
    Object.assign(vscode.window, {
      tabGroups: { activeTabGroup: active, all: [...others, active] },
      showTextDocument: (_uri: Uri, { viewColumn }: { readonly viewColumn?: number }) =>
        shownIn.push(viewColumn),
    });
    await HANDLERS["rstarMath.revealProblem"]?.(parts, { uri: Uri.parse(URI), problem: PROBLEM });
  };
  await show(group(2, panel), group(1, new vscode.TabInputText(Uri.parse("file:///b.md"))));
  await show(group(1, panel), group(2, text));
  await show(group(2, text), group(1, text));
  await show(group(2, new vscode.TabInputText(Uri.parse("file:///b.md"))));
  expect(shownIn).toEqual([1, 2, 2, undefined]);
});

test("an edit that leaves something to do is told in a message that stays", async () => {
  await tellEdit({ kind: "done", message: "Done." });
  await tellEdit({ kind: "done", message: "Look at line 3.", unfinished: true });
  expect(messages()).toEqual([
    ["passing", "Done."],
    ["warning", "Look at line 3."],
  ]);
});
