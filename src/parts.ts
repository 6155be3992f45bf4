/** The parts of the extension that the commands work with. */
import type * as vscode from "vscode";
import type { DashboardView } from "./dashboard-view.ts";
import type { ProblemLists } from "./problem-lists.ts";
import type { SearchView } from "./search-view.ts";
import type { Searches } from "./searches.ts";
import type { Server } from "./server.ts";
import type { Status } from "./status.ts";

export interface Parts {
  readonly context: vscode.ExtensionContext;
  readonly server: Server;
  readonly lists: ProblemLists;
  readonly searches: Searches;
  readonly status: Status;
  readonly view: SearchView;
  readonly dashboard: DashboardView;
}
