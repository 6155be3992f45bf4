/** The problems of the open files, as the server last told them: for the tree, the marks, the view and the commands. */
import * as vscode from "vscode";
import type { ListedProblem } from "../server/protocol/problem-list.ts";
import type { Position as WirePosition, Range as WireRange } from "../server/protocol/places.ts";
import type { Disposes } from "./disposes.ts";
import { MARKDOWN, SCHEMES, type Server } from "./server.ts";

/** Keeps one list per document and asks for it again when the server says that it changed. */
export class ProblemLists implements vscode.Disposable {
  readonly #server: Server;
  readonly #lists = new Map<string, readonly ListedProblem[]>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  /** Fires with the document whose list is another one now. */
  readonly onDidChange = this.#changed.event;
  /** The document whose problems the tree shows. */
  shown: vscode.Uri | null = null;
  readonly #subscriptions: Disposes[] = [this.#changed];

  constructor(server: Server) {
    this.#server = server;
    server.on("problemsChanged", ({ uri }) => void this.refresh(vscode.Uri.parse(uri)));
    this.#subscriptions.push(
      // Without a server nothing is known of them, and nothing is being solved.
      server.onDidChangeState((state) => {
        if (state !== "stopped") return;
        const uris = [...this.#lists.keys()];
        this.#lists.clear();
        for (const uri of uris) this.#changed.fire(vscode.Uri.parse(uri));
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#lists.delete(uri.toString())),
      vscode.workspace.onDidRenameFiles((renamed) => {
        const moved = this.shown === null ? null : movedTo(this.shown, renamed);
        this.shown = moved ?? this.shown;
        if (moved !== null) void this.read(moved);
      }),
    );
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** What is known now; nothing is asked. */
  known(uri: vscode.Uri): readonly ListedProblem[] {
    return this.#lists.get(uri.toString()) ?? [];
  }

  /** Asks the server. Empty where it gives no answer. */
  async refresh(uri: vscode.Uri): Promise<readonly ListedProblem[]> {
    const answer = await this.#server.ask("problems", { uri: uri.toString() });
    if (answer === null) return this.known(uri);
    this.#lists.set(uri.toString(), answer.problems);
    this.#changed.fire(uri);
    return answer.problems;
  }

  /** The same of a file that may be closed: the server knows what is open, so it is opened, unseen. */
  async read(uri: vscode.Uri): Promise<readonly ListedProblem[]> {
    await openUnseen(uri);
    return await this.refresh(uri);
  }

  /** The problem whose text or solution holds a place. */
  at(uri: vscode.Uri, position: vscode.Position): ListedProblem | null {
    const holds = (range: WireRange | null): boolean => range !== null && toRange(range).contains(position);
    return this.known(uri).find(({ range, solutionRange }) => holds(range) || holds(solutionRange)) ?? null;
  }
}

/** The column of the editor group that has the document; else the first one where a panel is active, which it would hide. */
export function columnOf(uri: vscode.Uri): vscode.ViewColumn | undefined {
  const { all, activeTabGroup } = vscode.window.tabGroups;
  // The active group first: of a document that is open in several, the nearest.
  const group = [activeTabGroup, ...all].find(({ tabs }) => tabs.some((tab) => hasDocument(tab, uri)));
  if (group !== undefined) return group.viewColumn;
  return activeTabGroup.activeTab?.input instanceof vscode.TabInputWebview
    ? vscode.ViewColumn.One
    : undefined;
}

/** Where a file is after it, or a folder that it is in, was renamed; null where it stayed. */
export function movedTo(uri: vscode.Uri, { files }: vscode.FileRenameEvent): vscode.Uri | null {
  const from = uri.toString();
  for (const { oldUri, newUri } of files) {
    const old = oldUri.toString();
    if (from === old || from.startsWith(`${old}/`))
      return vscode.Uri.parse(newUri.toString() + from.slice(old.length));
  }
  return null;
}

function hasDocument({ input }: vscode.Tab, uri: vscode.Uri): boolean {
  return input instanceof vscode.TabInputText && input.uri.toString() === uri.toString();
}

/**
 * Opens a file that is closed, so that the server can read and edit it. One that is gone stays closed, and of a text
 * without a file a new one would be made.
 */
export async function openUnseen(uri: vscode.Uri): Promise<void> {
  if (uri.scheme === "untitled") return;
  await vscode.workspace.openTextDocument(uri).then(undefined, () => undefined);
}

/**
 * Keeps a file that is open unseen so until the result is disposed: VS Code closes such a one after three minutes, and
 * into a closed file nothing is written. One that has a tab is its person's to close.
 */
export function keepOpen(uri: vscode.Uri): vscode.Disposable {
  if (vscode.window.tabGroups.all.some(({ tabs }) => tabs.some((tab) => hasDocument(tab, uri))))
    return new vscode.Disposable(() => undefined);
  return vscode.workspace.onDidCloseTextDocument((closed) => {
    if (closed.uri.toString() === uri.toString()) void openUnseen(uri);
  });
}

/**
 * The active Markdown document, also where a custom editor shows it and no text editor is active. While a panel such as
 * the search view has the focus, it is the one Markdown file shown beside it.
 */
export function activeDocument(): vscode.Uri | null {
  const editor = vscode.window.activeTextEditor;
  if (editor !== undefined) return isMarkdown(editor.document) ? editor.document.uri : null;
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom)
    return isLookedAt(input.uri) && /\.(?:md|markdown)$/iu.test(input.uri.path) ? input.uri : null;
  const [shown, ...others] = vscode.window.visibleTextEditors.filter(({ document }) => isMarkdown(document));
  return others.length === 0 ? (shown?.document.uri ?? null) : null;
}

/** Says why no document is meant: of a Markdown text that the server does not look at that, else what to open. */
export async function tellNoDocument(whatToOpen: string): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  await vscode.window.showInformationMessage(
    document?.languageId === "markdown" && !isLookedAt(document.uri)
      ? vscode.l10n.t(
          "Problems are not looked for in this kind of document, such as a cell of a notebook or an older version of a file. Open a Markdown file: one on disk, one of a repository that is open without a clone, or a new one.",
        )
      : whatToOpen,
  );
}

/** Whether the server looks at Markdown that comes from there. */
export function isLookedAt({ scheme }: vscode.Uri): boolean {
  return SCHEMES.includes(scheme);
}

/** Whether the server looks at a document. */
export function isMarkdown(document: vscode.TextDocument): boolean {
  return vscode.languages.match([...MARKDOWN], document) > 0;
}

/** A range of the protocol as one of the editor. */
export function toRange({ start, end }: WireRange): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

/** A place of the editor as one of the protocol. */
export function toPosition({ line, character }: vscode.Position): WirePosition {
  return { line, character };
}
