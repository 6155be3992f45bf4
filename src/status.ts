/** What the editor shows of the server: the language status of Markdown files, and one item while work runs. */
import * as vscode from "vscode";
import { COMMANDS } from "../server/protocol/commands.ts";
import type { ServerStatus } from "../server/protocol/models.ts";
import type { Disposes } from "./disposes.ts";
import { formatBytes, formatSeconds, shorten } from "../server/protocol/text.ts";
import type { Searches } from "./searches.ts";
import { MARKDOWN, type Server } from "./server.ts";

/** Model, backend, memory; busy while a search runs. */
export class Status implements vscode.Disposable {
  readonly #server: Server;
  readonly #searches: Searches;
  readonly #language: vscode.LanguageStatusItem;
  readonly #backend: vscode.LanguageStatusItem;
  readonly #work: vscode.StatusBarItem;
  readonly #subscriptions: readonly Disposes[];
  #status: ServerStatus | null = null;
  /** Solves that were asked for and have not ended. */
  #asked = 0;
  /** What the newest of them said of itself: what is being opened, before there is a search to tell of. */
  #message: string | null = null;
  /** How far each Solve All is; the one that told last is the last. */
  readonly #tallies = new Map<object, string>();

  constructor(server: Server, searches: Searches) {
    this.#server = server;
    this.#searches = searches;
    this.#language = vscode.languages.createLanguageStatusItem("rstarMath.model", [...MARKDOWN]);
    this.#backend = vscode.languages.createLanguageStatusItem("rstarMath.backend", [...MARKDOWN]);
    this.#work = vscode.window.createStatusBarItem("rstarMath.work", vscode.StatusBarAlignment.Left, 10);
    this.#work.name = vscode.l10n.t("rStar Math: running searches");
    this.#language.name = vscode.l10n.t("rStar Math: model");
    this.#backend.name = vscode.l10n.t("rStar Math: backend");
    this.#backend.command = {
      title: vscode.l10n.t("Show Setup Information"),
      command: "rstarMath.showSetupInformation",
    };
    server.on("status", (status) => this.#show(status));
    this.#subscriptions = [
      this.#language,
      this.#backend,
      this.#work,
      searches.onDidChange(() => this.#draw()),
      server.onDidChangeState((state) => {
        if (state === "running") void this.#refresh();
        else this.#draw();
      }),
    ];
    this.#draw();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Shows that a solve goes on from now until `work` has ended: also before the server has told of its search. */
  async during<T>(work: (report: (message: string) => void) => Promise<T>): Promise<T> {
    this.#asked++;
    this.#draw();
    try {
      return await work((message) => {
        this.#message = message;
        this.#draw();
      });
    } finally {
      this.#asked--;
      this.#message = null;
      this.#draw();
    }
  }

  /** How many searches run and how many wait, as the server last told; none while it does not run. */
  get counts(): Pick<ServerStatus, "searching" | "queued"> {
    return this.#status === null || this.#server.state !== "running"
      ? { searching: 0, queued: 0 }
      : this.#status;
  }

  /** Shows how far a Solve All is, beside its searches, and the one before it when it is over (null). */
  tally(of: object, text: string | null): void {
    this.#tallies.delete(of);
    if (text !== null) this.#tallies.set(of, text);
    this.#draw();
  }

  async #refresh(): Promise<void> {
    const status = await this.#server.ask("status", {});
    if (status !== null) this.#show(status);
  }

  #show(status: ServerStatus): void {
    this.#status = status;
    this.#draw();
  }

  #draw(): void {
    const running = this.#searches.all;
    const busy = this.#asked > 0 || running.length > 0;
    void vscode.commands.executeCommand("setContext", "rstarMath.searching", busy);
    this.#drawLanguage(busy);
    if (!busy) {
      this.#work.hide();
      return;
    }
    this.#work.text = `$(sync~spin) ${this.#summary()}`;
    this.#work.tooltip = vscode.l10n.t("rStar Math: click to stop a search");
    this.#work.accessibilityInformation = {
      label: vscode.l10n.t("rStar Math: {0}. Stops a search.", this.#summary()),
    };
    this.#work.command = COMMANDS.stop;
    this.#work.show();
  }

  /** What the item says, in one line. */
  #summary(): string {
    return [...[...this.#tallies.values()].slice(-1), this.#searching()].join(" · ");
  }

  /** How far the searches are, the best answer, the time left. */
  #searching(): string {
    const running = this.#searches.all;
    const [only] = running;
    const before = this.#message ?? this.#status?.message ?? vscode.l10n.t("Starting…");
    if (only === undefined) return before;
    if (running.some(({ stopping }) => stopping)) return vscode.l10n.t("Stopping…");
    const rate = this.#status?.tokensPerSecond ?? 0;
    const speed = rate > 0 ? [vscode.l10n.t("{0} tokens/s", rate.toFixed(0))] : [];
    if (running.length > 1)
      return [vscode.l10n.t("Solving {0} problems", running.length), ...speed].join(" · ");
    const { progress } = only;
    if (progress === null) return before;
    const { best, trajectories, planned } = progress;
    return [
      vscode.l10n.t("Solving: {0} of about {1}", trajectories, Math.max(planned, trajectories)),
      ...(best === null
        ? []
        : [vscode.l10n.t("best {0} ({1} agree)", shorten(best.answer, 24), best.support)]),
      ...speed,
      // At the end of its budget it finishes what is begun: then nothing is said.
      ...(only.rate === null || only.rate.secondsLeft === 0
        ? []
        : [vscode.l10n.t("at most {0}", formatSeconds(only.rate.secondsLeft))]),
    ].join(" · ");
  }

  #drawLanguage(busy: boolean): void {
    const status = this.#status;
    this.#language.busy = busy || status?.state === "loading" || this.#server.state === "starting";
    this.#backend.busy = false;
    const hasFailed = this.#server.state === "stopped" && this.#server.hasFailed;
    void vscode.commands.executeCommand("setContext", "rstarMath.serverFailed", hasFailed);
    this.#language.command = hasFailed
      ? { title: vscode.l10n.t("Restart Server"), command: "rstarMath.restartServer" }
      : { title: vscode.l10n.t("Select Model…"), command: "rstarMath.selectModel" };
    if (hasFailed) {
      this.#language.severity = vscode.LanguageStatusSeverity.Error;
      this.#language.text = vscode.l10n.t("rStar Math: the server does not run");
      this.#language.detail = vscode.l10n.t("It could not be started, or ended too often; the log says more");
      this.#backend.text = vscode.l10n.t("rStar Math: no backend opened");
      return;
    }
    if (status === null || this.#server.state === "stopped") {
      this.#language.text = vscode.l10n.t("rStar Math: not started");
      this.#language.detail = vscode.l10n.t("Nothing runs until you ask for it");
      this.#backend.text = vscode.l10n.t("rStar Math: no backend opened");
      this.#language.severity = vscode.LanguageStatusSeverity.Information;
      return;
    }
    const crashed = this.#server.state === "crashed";
    this.#language.severity = crashed
      ? vscode.LanguageStatusSeverity.Warning
      : vscode.LanguageStatusSeverity.Information;
    this.#language.text = status.ppm === null ? status.model : `${status.model} + ${status.ppm}`;
    this.#language.detail = crashed
      ? vscode.l10n.t("The server ended and is being restarted")
      : describeState(status);
    this.#backend.text = vscode.l10n.t("rStar Math: {0} in memory", formatBytes(status.memoryBytes));
    this.#backend.detail = status.backend ?? vscode.l10n.t("opened with the first solve");
  }
}

function describeState(status: ServerStatus): string {
  if (status.message !== null) return status.message;
  if (status.searching > 0)
    return vscode.l10n.t("{0} searching, {1} waiting", status.searching, status.queued);
  switch (status.state) {
    case "unloaded":
      return vscode.l10n.t("not in memory; loaded with the next solve");
    case "loading":
      return vscode.l10n.t("being loaded");
    case "ready":
      return vscode.l10n.t("ready");
    default:
      return status.state satisfies never;
  }
}
