/** Entry of the extension: makes its parts and wires them. Starts no process, loads no model, touches no disk. */
import * as vscode from "vscode";
import { registerCommands } from "./commands.ts";
import { DashboardView } from "./dashboard-view.ts";
import { displayOf } from "./display.ts";
import type { Disposes } from "./disposes.ts";
import { Gutter } from "./gutter.ts";
import { mayHoldProblem } from "./likely-problem.ts";
import type { Parts } from "./parts.ts";
import { activeDocument, isMarkdown, ProblemLists } from "./problem-lists.ts";
import { ProblemTree } from "./problem-tree.ts";
import { SearchView } from "./search-view.ts";
import { Searches } from "./searches.ts";
import { Server } from "./server.ts";
import { Status } from "./status.ts";
import { registerTools } from "./tools.ts";

/** Called by VS Code when a Markdown file is open, or a command, a view or a tool is used. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("rStar Math", { log: true });
  const server = new Server(context, log);
  const lists = new ProblemLists(server);
  const searches = new Searches(server);
  const status = new Status(server, searches);
  const view = new SearchView(context, server, lists, searches);
  const dashboard = new DashboardView(context, server);
  const parts: Parts = { context, server, lists, searches, status, view, dashboard };
  view.actions = parts;
  context.subscriptions.push(
    ...[log, server, lists, searches, status, view, dashboard, new ProblemTree(lists), new Gutter(lists)],
    ...registerCommands(parts),
    ...registerTools(context, server),
    ...watch(server, lists),
  );
}

/** Starts the server, unless that failed, for the first visible text that may hold a problem; tells it of the display. */
export function watch(server: Server, lists: ProblemLists): Disposes[] {
  const look = (): void => {
    const editors = vscode.window.visibleTextEditors.filter(({ document }) => isMarkdown(document));
    for (const { document } of editors) {
      if (
        server.state === "stopped" &&
        (server.hasFailed || !mayHoldProblem(document.getText(), wordsFor(document.uri)))
      )
        continue;
      if (lists.known(document.uri).length === 0) void lists.refresh(document.uri);
    }
  };
  const show = (): void => void server.tell("didChangeDisplay", displayOf());
  const trust = (): void => void server.tell("didGrantTrust", {});
  // Activation ends first: nothing of this is waited for.
  const later = setTimeout(look, 0);
  return [
    { dispose: () => clearTimeout(later) },
    vscode.window.onDidChangeVisibleTextEditors(look),
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (server.state === "stopped" && document.uri.toString() === activeDocument()?.toString()) look();
    }),
    server.onDidChangeState((state) => {
      if (state !== "running") return;
      // What changed while it started, when nothing could be told.
      show();
      if (vscode.workspace.isTrusted) trust();
      look();
    }),
    vscode.window.onDidChangeActiveColorTheme(show),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("markdown.math.macros")) show();
      if (event.affectsConfiguration("rstarMath.document") && server.state === "stopped") look();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(trust),
  ];
}

function wordsFor(uri: vscode.Uri): { headings: readonly string[]; fences: readonly string[] } {
  const settings = vscode.workspace.getConfiguration("rstarMath.document", uri);
  return {
    headings: settings.get<readonly string[]>("headings", []),
    fences: settings.get<readonly string[]>("fences", []),
  };
}
