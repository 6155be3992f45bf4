/** The list of the active file's problems with their state, below the Explorer. */
import * as vscode from "vscode";
import type { ListedProblem } from "../server/protocol/problem-list.ts";
import type { Disposes } from "./disposes.ts";
import { plainTitle } from "./format.ts";
import { problemMark, type ProblemMark } from "./marks.ts";
import { activeDocument, columnOf, toRange, type ProblemLists } from "./problem-lists.ts";
import type { ProblemItem } from "./places.ts";

/** Shows the document that was active last, so that it stays while another view has the focus. */
export class ProblemTree implements vscode.TreeDataProvider<ProblemItem>, vscode.Disposable {
  readonly #lists: ProblemLists;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #view: vscode.TreeView<ProblemItem>;
  readonly #subscriptions: readonly Disposes[];

  constructor(lists: ProblemLists) {
    this.#lists = lists;
    this.#view = vscode.window.createTreeView("rstarMath.problems", { treeDataProvider: this });
    this.#subscriptions = [
      this.#view,
      this.#changed,
      lists.onDidChange((uri) => {
        if (uri.toString() === lists.shown?.toString()) this.#refresh();
      }),
      vscode.window.onDidChangeActiveTextEditor(() => this.#follow()),
      vscode.window.tabGroups.onDidChangeTabs(() => this.#follow()),
    ];
    lists.shown = activeDocument();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  getChildren(item?: ProblemItem): ProblemItem[] {
    const uri = this.#lists.shown;
    if (item !== undefined || uri === null) return [];
    return this.#lists.known(uri).map((problem) => ({ uri, problem }));
  }

  getTreeItem({ uri, problem }: ProblemItem): vscode.TreeItem {
    const item = new vscode.TreeItem(plainTitle(problem.title));
    item.id = `${uri.toString()}#${problem.index}`;
    item.description = problem.detail;
    item.iconPath = iconOf(problemMark(problem));
    item.contextValue = contextOf(problem);
    item.tooltip = [problem.title, problem.detail].join("\n");
    item.accessibilityInformation = { label: `${problem.title}, ${problem.detail}` };
    item.command = {
      command: "rstarMath.revealProblem",
      title: vscode.l10n.t("Go to Problem"),
      arguments: [{ uri, problem }],
    };
    return item;
  }

  #follow(): void {
    const uri = activeDocument();
    if (uri === null || uri.toString() === this.#lists.shown?.toString()) return;
    this.#lists.shown = uri;
    this.#refresh();
  }

  /** Also what is seen of the list while it is folded, when nothing asks for its lines. */
  #refresh(): void {
    const uri = this.#lists.shown;
    const problems = uri === null ? [] : this.#lists.known(uri);
    const marks = problems.map(problemMark);
    const solved = marks.filter((mark) => mark === "solved").length;
    const working = marks.filter((mark) => mark === "searching" || mark === "queued").length;
    void vscode.commands.executeCommand("setContext", "rstarMath.listing", problems.length > 0);
    this.#view.description =
      problems.length === 0 ? "" : vscode.l10n.t("{0} of {1} solved", solved, problems.length);
    this.#view.badge =
      working === 0 ? undefined : { value: working, tooltip: vscode.l10n.t("Solving {0} problems", working) };
    this.#changed.fire();
  }
}

/** Shows the problem in its document. */
export async function revealProblem({ uri, problem }: ProblemItem): Promise<void> {
  const range = toRange(problem.headingRange);
  const viewColumn = columnOf(uri);
  await vscode.window.showTextDocument(uri, {
    selection: new vscode.Range(range.start, range.start),
    ...(viewColumn === undefined ? {} : { viewColumn }),
  });
}

/** Every state has a shape of its own, so that colour says nothing alone. */
function iconOf(mark: ProblemMark): vscode.ThemeIcon {
  switch (mark) {
    case "unsolved":
      return new vscode.ThemeIcon("circle-large-outline");
    case "queued":
      return new vscode.ThemeIcon("watch");
    case "searching":
      return new vscode.ThemeIcon("sync~spin");
    case "solved":
      return new vscode.ThemeIcon("circle-large-filled");
    case "differs":
      return new vscode.ThemeIcon("circle-slash");
    case "kept":
      return new vscode.ThemeIcon("archive");
    case "stale":
      return new vscode.ThemeIcon("history");
    case "damaged":
      return new vscode.ThemeIcon("warning");
    case "broken":
      return new vscode.ThemeIcon("error");
    default:
      return mark satisfies never;
  }
}

/** Words that the menus of the manifest look for. */
function contextOf(problem: ListedProblem): string {
  const { state, traceId, storedTraceId, storedAnswer, resumable, answer, solutionRange } = problem;
  const words = [
    state,
    ...(traceId === null ? [] : ["traced"]),
    // Another search than the one in the text can be inserted, as one that is in none, where it found something.
    ...(storedTraceId !== null && storedTraceId !== traceId && storedAnswer !== null ? ["kept"] : []),
    ...(resumable && state !== "searching" ? ["resumable"] : []),
    ...(solutionRange === null ? [] : ["written"]),
    ...(answer === null || solutionRange === null ? [] : ["answered"]),
  ];
  return words.join(" ");
}
