/** What the commands ask of the server and tell the person, in an editor of which only that is there. */
import { beforeEach, expect, test, vi } from "vitest";
import { COMMANDS } from "../../../server/protocol/commands.ts";
import type { ListedProblem } from "../../../server/protocol/problem-list.ts";
import type { SolveOutcome } from "../../../server/protocol/solving.ts";
import { HANDLERS } from "../../../src/commands.ts";
import { tellEdit, tellOutcome, type SolveRequest } from "../../../src/outcomes.ts";
import type { Parts } from "../../../src/parts.ts";

const told = vi.hoisted(() => ({
  /** What was said, and as what. */
  messages: [] as (readonly [string, string])[],
  executed: [] as (readonly unknown[])[],
  /** What the person presses next. */
  answer: undefined as string | undefined,
}));
vi.mock("vscode", () => {
  const say = (kind: string) => (message: string) => {
    told.messages.push([kind, message]);
    return Promise.resolve(told.answer);
  };
  class Uri {
    readonly path: string;
    constructor(path: string) {
      this.path = path;
    }
    static parse(path: string): Uri {
      return new Uri(path);
    }
    toString(): string {
      return this.path;
    }
  }
  return {
    Uri,
    l10n: { t: (text: string) => text },
    commands: {
      executeCommand: (...call: readonly unknown[]) => {
        told.executed.push(call);
        return Promise.resolve();
      },
    },
    languages: { match: () => 0 },
    window: {
      // A file of another language is active.
      activeTextEditor: { document: {} },
      showInformationMessage: say("information"),
      showWarningMessage: say("warning"),
      setStatusBarMessage: say("passing"),
    },
    workspace: { openTextDocument: () => Promise.resolve() },
  };
});
const { Uri } = await import("vscode");

const URI = "file:///notes/a.md";
const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
const PROBLEM: ListedProblem = {
  ...{ index: 1, hash: "h", title: "Problem 1", range, headingRange: range, solutionRange: range },
  ...{ state: "stale", detail: "", answer: "5", reference: null, steps: [] },
  ...{ traceId: "older", storedTraceId: "newer", resumable: true },
};
const PLACE = { uri: URI, problem: { kind: "hash" as const, hash: "h", index: 1 } };

/** Requests that were sent; the server has a model, and no answer to anything else. */
const sent: (readonly [string, unknown])[] = [];
let problems: readonly ListedProblem[] = [];
const ask = (name: string, params: unknown): Promise<unknown> => {
  sent.push([name, params]);
  return Promise.resolve(name === "models" ? { models: [{ id: "m", installed: true }] } : null);
};
const lists = { refresh: () => Promise.resolve(problems), known: () => problems, shown: null as unknown };
const parts = {
  server: { ask, askAtLength: ask },
  lists,
  status: { during: (work: (report: () => void) => unknown) => work(() => undefined) },
} as unknown as Parts;

beforeEach(() => {
  Object.assign(told, { messages: [], executed: [], answer: undefined });
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

test.each([COMMANDS.resume, COMMANDS.insertSolution, COMMANDS.showSearchTree])(
  "%s says so where there is no problem of the list",
  async (command) => {
    await HANDLERS[command]?.(parts, { uri: URI, problem: { kind: "selection", range } });
    expect(told.messages).toEqual([
      ["information", expect.stringContaining("none of the problems") as string],
    ]);
    expect(sent).toEqual([]);
  },
);

test("a solution is inserted where its search was asked for, whatever else has the problem", async () => {
  told.answer = "Insert Solution";
  const outcome: SolveOutcome = {
    ...{ kind: "solved", traceId: "t", answer: "42", support: 1, trajectories: 1, inserted: false },
    message: "42.",
  };
  await tellOutcome(parts, { kind: "solve", params: PLACE }, outcome, () => Promise.resolve());
  expect(told.executed).toEqual([["rstarMath.insertSolution", { traceId: "t", place: PLACE }]]);
});

test("Solve All of the list solves what it shows while another file is active, and says where there is none", async () => {
  await HANDLERS["rstarMath.solveAllProblems"]?.(parts, undefined);
  expect(told.messages).toEqual([["information", expect.stringContaining("Open a Markdown file") as string]]);
  lists.shown = Uri.parse(URI);
  await HANDLERS["rstarMath.solveAllProblems"]?.(parts, undefined);
  expect(sent).toEqual([["solve", PLACE]]);
});

test("a missing model is asked for once, and every problem that waits for it is solved then", async () => {
  told.answer = "Download";
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
  expect(told.messages).toEqual([["information", "The model is not here."]]);
  expect(again).toEqual(requests);
  expect(sent).toEqual([["models", {}]]);
});

test("an edit that leaves something to do is told in a message that stays", async () => {
  await tellEdit({ kind: "done", message: "Done." });
  await tellEdit({ kind: "done", message: "Look at line 3.", unfinished: true });
  expect(told.messages).toEqual([
    ["passing", "Done."],
    ["warning", "Look at line 3."],
  ]);
});
