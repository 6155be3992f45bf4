/** The evolution dashboard: its panel, what the server tells of runs, and what the page asks for. */
import * as vscode from "vscode";
import type { EvolutionNews } from "../server/protocol/requests.ts";
import type { FromDashboard, ToDashboard } from "../server/protocol/view.ts";
import type { Disposes } from "./disposes.ts";
import { PagePanel, type PageListener, type PageRequest } from "./page-panel.ts";
import type { Server } from "./server.ts";

/** The panel's type, as in the manifest's activation events. */
const DASHBOARD = "rstarMath.dashboard";

/** One for the window, whether its panel is open or not. It keeps nothing but which run is shown. */
export class DashboardView
  implements vscode.WebviewPanelSerializer, PageListener<FromDashboard>, vscode.Disposable
{
  readonly #server: Server;
  readonly #panel: PagePanel<FromDashboard, ToDashboard>;
  readonly #subscriptions: readonly Disposes[];
  #shown: string | null = null;

  constructor(context: vscode.ExtensionContext, server: Server) {
    const title = vscode.l10n.t("Self-Evolution");
    const incoming = async () => (await import("../server/protocol/view.ts")).FromDashboard;
    const page = { type: DASHBOARD, name: "dashboard", title, incoming } as const;
    this.#server = server;
    this.#panel = new PagePanel(context.extensionUri, server.log, page, this);
    this.#subscriptions = [
      vscode.window.registerWebviewPanelSerializer(DASHBOARD, this),
      server.on("evolution", (news) => void this.#hear(news)),
      server.onDidChangeState((state) => {
        // One that was restarted has ended the run that was shown as running.
        if (state === "running") void this.ready();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.#sendRuns()),
    ];
  }

  dispose(): void {
    this.#panel.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Opens the panel beside the text, or brings it to the front. */
  show(): void {
    if (this.#panel.isOpen) this.#panel.reveal();
    else this.#panel.open();
  }

  /** VS Code gives a panel back after a reload; the page knows which run it showed. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    this.#panel.adopt(panel);
    return Promise.resolve();
  }

  async ready(): Promise<void> {
    await this.#sendRuns();
    if (this.#shown !== null) await this.#sendRun(this.#shown);
  }

  async request(message: PageRequest<FromDashboard>): Promise<void> {
    switch (message.kind) {
      case "open-run":
        // What other processes began or ended meanwhile is not told.
        await Promise.all([this.#sendRuns(), this.#sendRun(message.run)]);
        return;
      case "start":
        await start();
        return;
      case "stop":
        // Another window's run goes on: the page, which expects it to stop, is told how it stands.
        if (!(await vscode.commands.executeCommand<boolean>("rstarMath.stopEvolution")))
          await Promise.all([this.#sendRuns(), this.#sendRun(message.run)]);
        return;
      case "resume":
        await vscode.commands.executeCommand("rstarMath.resumeEvolution", { run: message.run });
        return;
      case "train-now":
        await this.#trainNow(message.run);
        return;
      case "reveal":
        await this.#reveal(message.run);
        return;
      case "roll-back":
        await vscode.commands.executeCommand("rstarMath.rollBackModel");
        return;
      default:
        message satisfies never;
    }
  }

  async #hear(news: EvolutionNews): Promise<void> {
    if (!this.#panel.isOpen) return;
    if (isOfPage(news)) {
      this.#panel.post(news);
      const ended = news.kind === "state" && news.state.status !== "running";
      if (ended || news.kind === "round") await this.#sendRuns();
    } else if (news.kind === "begun") {
      await this.#sendRuns();
      await this.#sendRun(news.run);
    } else this.#panel.post({ kind: "notice", severity: "information", text: news.message });
  }

  async #sendRuns(): Promise<void> {
    if (!this.#panel.isOpen) return;
    const listed = await this.#server.ask("runs", {});
    if (listed === null) return;
    this.#panel.post({ kind: "runs", runs: listed.runs, mayRun: vscode.workspace.isTrusted });
  }

  async #sendRun(run: string): Promise<void> {
    if (!this.#panel.isOpen) return;
    const found = await this.#server.ask("run", { run });
    if (found === null) return;
    if (found.kind === "missing") {
      this.#panel.post({ kind: "notice", severity: "warning", text: found.message });
      return;
    }
    const { state, reports, metrics } = found;
    this.#shown = run;
    this.#panel.post({ kind: "run", state, reports, metrics });
  }

  async #trainNow(run: string): Promise<void> {
    const found = await this.#server.ask("run", { run });
    if (found?.kind !== "run") return;
    if (found.state.status === "running") await vscode.commands.executeCommand("rstarMath.trainNow");
    else await vscode.commands.executeCommand("rstarMath.resumeEvolution", { run, trainNow: true });
  }

  /** Shows the run's folder: in the file manager of this computer, or where the files are elsewhere in a window. */
  async #reveal(run: string): Promise<void> {
    const found = await this.#server.ask("run", { run });
    if (found?.kind !== "run") return;
    const folder = vscode.Uri.file(found.folder);
    if (vscode.env.remoteName === undefined && vscode.env.uiKind === vscode.UIKind.Desktop)
      await vscode.commands.executeCommand("revealFileInOS", folder);
    else await vscode.commands.executeCommand("vscode.openFolder", folder, { forceNewWindow: true });
  }
}

/** What the page takes as it is. */
function isOfPage(news: EvolutionNews): news is Exclude<EvolutionNews, { kind: "begun" | "note" }> {
  return news.kind !== "begun" && news.kind !== "note";
}

/** Lets the person choose what to start. */
async function start(): Promise<void> {
  const chosen = await vscode.window.showQuickPick(
    [
      {
        label: vscode.l10n.t("Fine-tune on traces"),
        detail: vscode.l10n.t("Trains on the searches of problems you solved, or on a trace file"),
        command: "rstarMath.fineTune",
      },
      {
        label: vscode.l10n.t("Run evolution on a file of problems"),
        detail: vscode.l10n.t(
          "Searches problems that have an answer and trains on what it found, round after round",
        ),
        command: "rstarMath.runEvolution",
      },
    ],
    { title: vscode.l10n.t("Start which run?") },
  );
  if (chosen !== undefined) await vscode.commands.executeCommand(chosen.command);
}
