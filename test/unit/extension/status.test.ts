/** What the editor shows of the server and of the list of problems, beside the text. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import type * as vscodeTypes from "vscode";
import type { ListedProblem } from "../../../server/protocol/problem-list.ts";
import { ProblemLists } from "../../../src/problem-lists.ts";
import { ProblemTree } from "../../../src/problem-tree.ts";
import type { Searches } from "../../../src/searches.ts";
import type { Server } from "../../../src/server.ts";
import { Status } from "../../../src/status.ts";
import { executed, Uri } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";
import { listedProblem } from "./listed-problem.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

beforeEach(() => (executed.length = 0));

describe("the language status", () => {
  /** What Status made and wrote into. */
  const item = vi.spyOn(vscode.languages, "createLanguageStatusItem");
  const bar = vi.spyOn(vscode.window, "createStatusBarItem");
  const changed = new vscode.EventEmitter<string>();
  const server = {
    ...{ state: "stopped", hasFailed: false, onDidChangeState: changed.event, on: () => undefined },
    ask: () => Promise.resolve(null),
  };
  const searches = { all: [], onDidChange: () => undefined };

  function status(): Status {
    item.mockClear();
    bar.mockClear();
    return new Status(server as unknown as Server, searches as unknown as Searches);
  }
  const shownContext = (): unknown =>
    executed.findLast(([, name]) => name === "rstarMath.serverFailed")?.at(-1);

  it("says that the server failed, and leads to its restart; the list's welcome follows", () => {
    status();
    const language = item.mock.results[0]?.value as object;
    expect(language).toMatchObject({
      ...{ severity: vscode.LanguageStatusSeverity.Information, detail: "Nothing runs until you ask for it" },
    });
    expect(shownContext()).toBe(false);
    server.hasFailed = true;
    changed.fire("stopped");
    expect(language).toMatchObject({
      ...{ severity: vscode.LanguageStatusSeverity.Error, text: "rStar Math: the server does not run" },
      command: { command: "rstarMath.restartServer" },
    });
    expect(shownContext()).toBe(true);
    server.hasFailed = false;
    changed.fire("starting");
    expect(language).toMatchObject({ command: { command: "rstarMath.selectModel" } });
    expect(shownContext()).toBe(false);
  });

  it("counts the searches that run and wait as the server last told, and none while it does not run", () => {
    let tell: (status: object) => void = () => undefined;
    const on = (_name: string, listener: typeof tell): unknown => (tell = listener);
    const running = { ...server, state: "running", on };
    const made = new Status(running as unknown as Server, searches as unknown as Searches);
    expect(made.counts).toEqual({ searching: 0, queued: 0 });
    tell({ state: "ready", model: "m", ppm: null, backend: null, memoryBytes: 1, searching: 4, queued: 26 });
    expect(made.counts).toMatchObject({ searching: 4, queued: 26 });
    running.state = "crashed";
    expect(made.counts).toEqual({ searching: 0, queued: 0 });
  });

  it("says how far Solve All is, before what its searches say", async () => {
    const made = status();
    const work = bar.mock.results[0]?.value as { readonly text: string };
    await made.during((report) => {
      const [notes, exam] = [{}, {}];
      made.tally(notes, "7 of 30, 2 differ");
      report("opening the model");
      expect(work.text).toBe("$(sync~spin) 7 of 30, 2 differ · opening the model");
      made.tally(exam, "1 of 3");
      expect(work.text).toBe("$(sync~spin) 1 of 3 · opening the model");
      made.tally(exam, null);
      expect(work.text).toBe("$(sync~spin) 7 of 30, 2 differ · opening the model");
      made.tally(notes, null);
      expect(work.text).toBe("$(sync~spin) opening the model");
      return Promise.resolve();
    });
  });
});

it("nothing is known of problems, and none is being solved, without a server", async () => {
  const states = new vscode.EventEmitter<string>();
  const uri = Uri.parse("file:///notes/a.md") as unknown as vscodeTypes.Uri;
  const asked = {
    on: () => undefined,
    onDidChangeState: states.event,
    ask: () => Promise.resolve({ problems: [listedProblem(1, { state: "searching" })] }),
  };
  const lists = new ProblemLists(asked as unknown as Server);
  await lists.refresh(uri);
  const changed: string[] = [];
  lists.onDidChange((of) => changed.push(String(of)));
  states.fire("crashed");
  expect(lists.known(uri)).toHaveLength(1);
  states.fire("stopped");
  expect(lists.known(uri)).toEqual([]);
  expect(changed).toEqual([String(uri)]);
});

describe("the list of problems", () => {
  const problem = (index: number, changes: Partial<ListedProblem>): ListedProblem =>
    listedProblem(index, { state: "solved", answer: "42", ...changes });

  it("counts no answer as solved that is not the given one, and shows how many are being solved while folded", () => {
    const view = vi.spyOn(vscode.window, "createTreeView");
    const changed = new vscode.EventEmitter<Uri>();
    const uri = Uri.parse("file:///notes/a.md");
    vscode.window.activeTextEditor = { document: { uri, getText: () => "" } };
    let problems = [problem(1, {}), problem(2, { differs: true }), problem(3, { state: "searching" })];
    const lists = { known: () => problems, onDidChange: changed.event, shown: null };
    const tree = new ProblemTree(lists as unknown as ProblemLists);
    const made = view.mock.results[0]?.value as object;
    changed.fire(uri);
    expect(made).toMatchObject({ description: "1 of 3 solved", badge: { value: 1 } });
    const icons = tree
      .getChildren()
      .map((child) => (tree.getTreeItem(child).iconPath as { readonly id: string }).id);
    expect(icons).toEqual(["circle-large-filled", "circle-slash", "sync~spin"]);
    problems = problems.slice(0, 2);
    changed.fire(uri);
    expect(made).toMatchObject({ description: "1 of 2 solved", badge: undefined });
  });
});
