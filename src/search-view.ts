/**
 * What the search view shows: one problem or stored trace, live while it is searched. It follows the cursor from problem
 * to problem, unless the person wants it to stay, and is found again after a reload. Everything comes from the server;
 * the page keeps nothing else.
 */
import * as vscode from "vscode";
import type { SearchEvent } from "../server/protocol/events.ts";
import type { ListedProblem } from "../server/protocol/problem-list.ts";
import { STRATEGIES } from "../server/protocol/strategies.ts";
import type { SearchNews } from "../server/protocol/solving.ts";
import type { Trace } from "../server/protocol/trace.ts";
import { pathTo } from "../server/protocol/trace-path.ts";
import type { FromSearchView, ToSearchView } from "../server/protocol/view.ts";
import { macros } from "./display.ts";
import { isMarkdown, movedTo, toRange, type ProblemLists } from "./problem-lists.ts";
import { problemOf, type ProblemItem } from "./places.ts";
import type { RequestParams } from "./protocol.ts";
import type { Searches } from "./searches.ts";
import { PagePanel, type PageListener, type PageRequest } from "./page-panel.ts";
import type { Server } from "./server.ts";
import { firstWords } from "../server/protocol/text.ts";
import { plainTitle } from "./format.ts";
import { answer, type ViewActions } from "./search-view-actions.ts";
import { parseSession, problemAmong, sessionOf, type Subject } from "./session.ts";

/** The panel's type, as in the manifest's activation events. */
const SEARCH_VIEW = "rstarMath.search";
/** Stored traces of one problem that are sent for comparison. */
const COMPARED = 12;
const CURSOR_MS = 150;
/** How often and how long the trace of a search that has just ended is asked for. */
const STORING = { attempts: 20, everyMs: 150 };

/** One for the window, whether its panel is open or not. */
export class SearchView
  implements vscode.WebviewPanelSerializer, PageListener<FromSearchView>, vscode.Disposable
{
  readonly #server: Server;
  readonly #lists: ProblemLists;
  readonly #searches: Searches;
  readonly #panel: PagePanel<FromSearchView, ToSearchView>;
  readonly #subscriptions: readonly vscode.Disposable[];
  #actions: ViewActions | null = null;
  #subject: Subject | null = null;
  #trace: Trace | null = null;
  /** The subject that the page was sent. */
  #opened: Subject | null = null;
  #stale: boolean | null = null;
  /** The trace that the page was told to be in the document. */
  #inserted: string | null = null;
  /** Whether the panel turns to what the cursor enters, as its page's state says. */
  #isFollowing = true;
  /** Whether the page was told that the search goes on, and not yet that it ended. */
  #isRunning = false;
  #cursor: NodeJS.Timeout | undefined;

  constructor(context: vscode.ExtensionContext, server: Server, lists: ProblemLists, searches: Searches) {
    const title = vscode.l10n.t("Search Tree");
    const incoming = async () => (await import("../server/protocol/view.ts")).FromSearchView;
    const page = { type: SEARCH_VIEW, name: "search", title, incoming } as const;
    this.#panel = new PagePanel(context.extensionUri, server.log, page, this);
    this.#server = server;
    this.#lists = lists;
    this.#searches = searches;
    this.#subscriptions = [
      vscode.window.registerWebviewPanelSerializer(SEARCH_VIEW, this),
      searches.onNews((news) => void this.#hear(news)),
      searches.onDidChange(() => this.#tellStopping()),
      lists.onDidChange((uri) => this.#checkListed(uri)),
      // What a server that ended by itself was searching is kept, and shown by the next one.
      server.onDidChangeState((state) => {
        if (state === "running" && this.#isRunning) void this.#sendAll();
        // Of one that is not started again there is nothing more to come.
        if (state === "stopped" && this.#isRunning && this.#subject !== null) {
          this.#isRunning = false;
          this.#post({ kind: "running", session: sessionOf(this.#subject), state: "idle" });
        }
      }),
      vscode.window.onDidChangeTextEditorSelection((event) => this.#follow(event)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.#sendAll()),
      vscode.workspace.onDidRenameFiles((renamed) => this.#followRename(renamed)),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("markdown.math.macros")) void this.#sendAll();
      }),
    ];
  }

  /** What the page's requests lead to; given once, when the commands are there. */
  set actions(actions: ViewActions) {
    this.#actions = actions;
  }

  dispose(): void {
    clearTimeout(this.#cursor);
    this.#panel.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Opens the panel, beside the text, on a problem or a stored trace, and then of the problem that is named with it. */
  async show(target: ProblemItem | RequestParams<"resume">): Promise<void> {
    this.#turnTo("traceId" in target ? await this.#subjectOfTrace(target) : subjectOf(target));
    if (!this.#panel.isOpen) {
      this.#isFollowing = true;
      this.#panel.open();
      return;
    }
    this.#panel.reveal();
    await this.#sendAll();
  }

  /** VS Code gives a panel back after a reload, with the state that the page had left. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { SearchViewState } = await import("../server/protocol/view.ts");
    const left = SearchViewState.safeParse(state);
    const session = left.success ? left.data.session : null;
    this.#isFollowing = !left.success || left.data.isFollowing !== false;
    this.#subject = session === null ? null : parseSession(session);
    if (this.#subject !== null && left.success && this.#subject.traceId === null)
      this.#subject = { ...this.#subject, traceId: left.data.traceId };
    this.#panel.adopt(panel);
  }

  async ready(): Promise<void> {
    await this.#sendAll();
  }

  async request(message: PageRequest<FromSearchView>): Promise<void> {
    if (message.kind === "follow") {
      this.#isFollowing = message.isFollowing;
      return;
    }
    if (this.#subject === null || message.session !== sessionOf(this.#subject) || this.#actions === null)
      return;
    if (message.kind === "open-trace") {
      this.#turnTo({ ...this.#subject, traceId: message.traceId });
      await this.#sendAll();
      return;
    }
    const notice = await answer(message, { subject: this.#subject, trace: this.#trace }, this.#actions);
    if (notice !== null) this.#post({ kind: "notice", severity: "information", text: notice });
  }

  /** What is shown from now on; the page is sent it next. */
  #turnTo(subject: Subject): void {
    this.#subject = subject;
    this.#trace = null;
  }

  /** The trace that is shown; null where nothing is stored yet. */
  get #traceId(): string | null {
    return this.#subject?.traceId ?? this.#trace?.id ?? null;
  }

  /** Everything about the subject, as after a (re)load of the page; of a search that has just begun, what it told. */
  async #sendAll(told: readonly SearchEvent[] = []): Promise<void> {
    const subject = this.#subject;
    if (!this.#panel.isOpen || subject === null) return;
    const problem = await this.#listed(subject);
    const traceId = subject.traceId ?? problem?.traceId ?? null;
    const found = traceId === null ? null : await this.#server.ask("trace", { traceId });
    const trace = found?.kind === "trace" ? found.trace : null;
    const statement = trace?.problem.text ?? (await this.#statement(subject, problem));
    if (this.#subject !== subject) return;
    // One that waits for its turn, or for the model, has no trace yet.
    const waiting = problem?.state === "queued" || problem?.state === "searching";
    const running = found?.kind === "trace" ? found.running : waiting;
    this.#trace = trace;
    this.#stale = this.#isStale(subject, problem);
    this.#inserted = insertedIn(problem);
    this.#isRunning = running;
    const session = sessionOf(subject);
    const title = problem?.title ?? (statement === null ? vscode.l10n.t("Problem") : firstWords(statement));
    this.#panel.title = vscode.l10n.t("Search: {0}", plainTitle(title));
    this.#opened = subject;
    this.#post({
      kind: "open",
      subject: {
        session,
        document:
          subject.uri === null
            ? null
            : { name: vscode.workspace.asRelativePath(vscode.Uri.parse(subject.uri)), uri: subject.uri },
        title,
        problem: statement ?? title,
        stale: this.#stale,
        inserted: this.#inserted,
      },
      trace: running ? null : trace,
      running,
      macros: macros(),
      strategies: [...STRATEGIES],
      mayRun: vscode.workspace.isTrusted,
    });
    if (found?.kind === "missing" && !waiting)
      this.#post({ kind: "notice", severity: "warning", text: found.message });
    // Before the comparison, which takes a while: what is told meanwhile is newer.
    if (running && trace !== null) this.#post(soFar(session, trace, told));
    await this.#sendComparison(subject, trace);
  }

  async #sendComparison(subject: Subject, shown: Trace | null): Promise<void> {
    // Of a document's problem the id is the statement's hash.
    const problemHash = subject.problem?.hash ?? shown?.problem.id;
    if (problemHash === undefined) return;
    const listed = await this.#server.ask("traces", { problemHash });
    if (listed === null) return;
    const traces = await Promise.all(
      listed.traces
        .slice(0, COMPARED)
        .map(async ({ id }) => await this.#server.ask("trace", { traceId: id })),
    );
    if (this.#subject !== subject) return;
    this.#post({
      kind: "compare",
      session: sessionOf(subject),
      traces: traces.flatMap((one) => (one?.kind === "trace" ? [one.trace] : [])),
    });
  }

  async #hear(news: SearchNews): Promise<void> {
    const subject = this.#subject;
    if (!this.#panel.isOpen || subject === null) return;
    const isOfProblem = subject.problem?.hash === news.problemHash && subject.uri === news.uri;
    if (isOfProblem && news.events.some(({ kind }) => kind === "started")) {
      this.#turnTo({ ...subject, traceId: news.traceId });
      await this.#sendAll(news.events);
    } else if (news.traceId !== this.#traceId) return;
    // Until the page shows this trace, what is told of it is in what is being fetched for it.
    else if (this.#opened === subject)
      this.#post({ kind: "events", session: sessionOf(subject), events: [...news.events], rate: news.rate });
    if (!news.events.some(({ kind }) => kind === "finished")) return;
    this.#isRunning = false;
    const trace = await this.#stored(news.traceId);
    // Meanwhile another search may have begun, or the person have turned to another trace.
    const now = this.#subject;
    if (now === null || this.#traceId !== news.traceId) return;
    const session = sessionOf(now);
    this.#post({ kind: "running", session, state: "idle" });
    if (trace === null) return;
    this.#trace = trace;
    this.#post({ kind: "trace", session, trace });
    await this.#sendComparison(now, trace);
  }

  /** The trace of a search that has just ended: it is written to disk a moment later. */
  async #stored(traceId: string): Promise<Trace | null> {
    for (let attempt = 0; attempt < STORING.attempts; attempt++) {
      const found = await this.#server.ask("trace", { traceId });
      if (found === null) return null;
      if (found.kind === "trace" && !found.running) return found.trace;
      await new Promise((resolve) => setTimeout(resolve, STORING.everyMs));
    }
    return null;
  }

  #tellStopping(): void {
    const subject = this.#subject;
    if (subject === null) return;
    const running = this.#searches.all.find(({ traceId }) => traceId === this.#traceId);
    if (running?.stopping === true)
      this.#post({ kind: "running", session: sessionOf(subject), state: "stopping" });
  }

  #checkListed(uri: vscode.Uri): void {
    const subject = this.#subject;
    if (subject?.uri !== uri.toString()) return;
    const listed = among(this.#lists.known(uri), subject) ?? null;
    const state = listed?.state;
    // One that was stopped before it began tells nothing of its end, and was never stored.
    const isOver = state !== undefined && state !== "queued" && state !== "searching";
    const hasBegun = this.#searches.all.some(({ traceId }) => traceId === this.#traceId);
    if (this.#isRunning && isOver && !hasBegun) {
      if (this.#trace === null) this.#turnTo({ ...subject, traceId: null });
      void this.#sendAll();
      return;
    }
    const inserted = insertedIn(listed);
    const showsFormer = this.#inserted !== null && this.#inserted === this.#traceId;
    // A sibling or another search was put into the document, or was taken back: where the one before was shown, it is now.
    if (showsFormer && inserted !== null && inserted !== this.#inserted && !this.#isRunning) {
      this.#turnTo({ ...subject, traceId: inserted });
      void this.#sendAll();
      return;
    }
    const session = sessionOf(subject);
    const stale = this.#isStale(subject, listed);
    if (stale !== this.#stale) this.#post({ kind: "stale", session, stale });
    this.#stale = stale;
    if (inserted !== this.#inserted) this.#post({ kind: "inserted", session, traceId: inserted });
    this.#inserted = inserted;
  }

  /** Whether the document no longer has the text that was searched: of a kept solution nothing else in it tells so. */
  #isStale(subject: Subject, listed: ListedProblem | null): boolean {
    if (subject.uri === null || subject.problem === null) return false;
    return listed === null
      ? this.#lists.known(vscode.Uri.parse(subject.uri)).length > 0
      : listed.state === "stale";
  }

  #followRename(renamed: vscode.FileRenameEvent): void {
    const subject = this.#subject;
    const moved =
      subject === null || subject.uri === null ? null : movedTo(vscode.Uri.parse(subject.uri), renamed);
    if (subject === null || moved === null) return;
    this.#subject = { ...subject, uri: moved.toString() };
    void this.#sendAll();
  }

  /** The panel shows what the cursor is in: another problem, or a step of this one. */
  #follow({ textEditor, selections }: vscode.TextEditorSelectionChangeEvent): void {
    if (!this.#isFollowing || !this.#panel.isVisible || !isMarkdown(textEditor.document)) return;
    const [selection] = selections;
    if (selection === undefined) return;
    clearTimeout(this.#cursor);
    this.#cursor = setTimeout(() => {
      const { uri } = textEditor.document;
      const problem = this.#lists.at(uri, selection.active);
      if (problem === null || problem.traceId === null) return;
      const subject = this.#subject;
      if (
        subject?.uri !== uri.toString() ||
        problemAmong(this.#lists.known(uri), subject)?.index !== problem.index
      ) {
        this.#turnTo(subjectOf({ uri, problem }));
        void this.#sendAll();
        return;
      }
      const step = problem.steps.find(
        ({ range }) => range.start.line <= selection.active.line && selection.active.line <= range.end.line,
      );
      const trace = this.#trace;
      if (step === undefined || trace === null || trace.chosen === null) return;
      // The steps in the text are those of the document's solution: another trace, or one that grows, has others.
      if (trace.id !== problem.traceId || problem.state === "searching") return;
      const node = pathTo(trace.nodes, trace.chosen)[step.position];
      if (node !== undefined)
        this.#post({ kind: "select", session: sessionOf(subject), node: node.id, focus: false });
    }, CURSOR_MS);
  }

  async #listed(subject: Subject): Promise<ListedProblem | null> {
    if (subject.uri === null) return null;
    const uri = vscode.Uri.parse(subject.uri);
    const known = this.#lists.known(uri);
    const problems = known.length > 0 ? known : await this.#lists.read(uri);
    return among(problems, subject) ?? null;
  }

  /** The problem's text in the document, below its heading: what is shown until there is a trace. */
  async #statement({ uri }: Subject, problem: ListedProblem | null): Promise<string | null> {
    if (uri === null || problem === null) return null;
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
    const { start, end } = toRange(problem.range);
    const heading = toRange(problem.headingRange).end;
    const below = document.getText(new vscode.Range(heading, end)).trim();
    return below === "" ? document.getText(new vscode.Range(start, end)) : below;
  }

  async #subjectOfTrace({ traceId, place }: RequestParams<"resume">): Promise<Subject> {
    const named = place === undefined ? null : await problemOf(place, this.#lists);
    if (named !== null) return { ...subjectOf(named), traceId };
    for (const { uri } of vscode.workspace.textDocuments) {
      const problem = this.#lists.known(uri).find((one) => one.traceId === traceId);
      if (problem !== undefined) return { ...subjectOf({ uri, problem }), traceId };
    }
    const found = await this.#server.ask("trace", { traceId });
    const hash = found?.kind === "trace" ? found.trace.problem.id : null;
    for (const { uri } of vscode.workspace.textDocuments) {
      const problem = this.#lists.known(uri).find((one) => one.hash === hash);
      if (problem !== undefined) return { ...subjectOf({ uri, problem }), traceId };
    }
    return { uri: null, problem: null, traceId };
  }

  #post(message: ToSearchView): void {
    this.#panel.post(message);
  }
}

function subjectOf({ uri, problem: { hash, index, traceId } }: ProblemItem): Subject {
  return { uri: uri.toString(), problem: { hash, index }, traceId };
}

/** The subject's entry in its document's list. One whose text changed still names the old trace by its solution. */
function among(problems: readonly ListedProblem[], subject: Subject): ListedProblem | undefined {
  return (
    problemAmong(problems, subject) ??
    problems.find(({ traceId }) => traceId !== null && traceId === subject.traceId)
  );
}

/**
 * The trace whose solution stands in the document; null where none does, while a search of the problem runs, and where it
 * was changed by hand: a person may want it back as it was.
 */
function insertedIn(problem: ListedProblem | null): string | null {
  if (problem === null) return null;
  const { state, traceId } = problem;
  switch (state) {
    case "solved":
    case "broken":
    case "stale":
      return traceId;
    case "unsolved":
    case "queued":
    case "searching":
    case "kept":
    case "damaged":
      return null;
    default:
      return state satisfies never;
  }
}

/** What a running search has found so far, as the events that told of it; `told` are its first ones. */
function soFar(session: string, trace: Trace, told: readonly SearchEvent[]): ToSearchView {
  const problemId = trace.problem.id;
  const nodes = trace.nodes.slice(1).map((node) => ({ kind: "candidate" as const, problemId, node }));
  return { kind: "events", session, events: [...told, ...nodes], rate: null };
}
