/** Marks beside problems and steps, drawn for the theme that is on. */
import * as vscode from "vscode";
import { themeOf } from "./display.ts";
import { MARK_KINDS, markSvg, marksOf, type MarkKind } from "./marks.ts";
import type { ProblemLists } from "./problem-lists.ts";

/** Draws them in every visible editor. The decorations are made with the first mark and again when the theme changes. */
export class Gutter implements vscode.Disposable {
  readonly #lists: ProblemLists;
  readonly #subscriptions: vscode.Disposable[];
  #types: ReadonlyMap<MarkKind, vscode.TextEditorDecorationType> | null = null;

  constructor(lists: ProblemLists) {
    this.#lists = lists;
    this.#subscriptions = [
      lists.onDidChange((uri) => this.#draw(uri)),
      vscode.window.onDidChangeVisibleTextEditors(() => this.#drawAll()),
      vscode.window.onDidChangeActiveColorTheme(() => {
        this.#forget();
        this.#drawAll();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("rstarMath.display.gutterMarks")) this.#drawAll();
      }),
    ];
  }

  dispose(): void {
    this.#forget();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #drawAll(): void {
    for (const { document } of vscode.window.visibleTextEditors) this.#draw(document.uri);
  }

  #draw(uri: vscode.Uri): void {
    const wanted = vscode.workspace
      .getConfiguration("rstarMath.display", uri)
      .get<boolean>("gutterMarks", true);
    const marks = wanted ? marksOf(this.#lists.known(uri)) : [];
    if (marks.length === 0 && this.#types === null) return;
    const types = (this.#types ??= decorations());
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.uri.toString() !== uri.toString()) continue;
      for (const [kind, type] of types) {
        const lines = marks.filter((mark) => mark.kind === kind).map(({ line }) => line);
        const present = lines.filter((line) => line < editor.document.lineCount);
        editor.setDecorations(
          type,
          present.map((line) => new vscode.Range(line, 0, line, 0)),
        );
      }
    }
  }

  #forget(): void {
    for (const type of this.#types?.values() ?? []) type.dispose();
    this.#types = null;
  }
}

const RULED: ReadonlySet<MarkKind> = new Set(["differs", "stale", "damaged", "broken"]);

function decorations(): ReadonlyMap<MarkKind, vscode.TextEditorDecorationType> {
  const theme = themeOf(vscode.window.activeColorTheme.kind);
  return new Map(
    MARK_KINDS.map((kind) => {
      const picture = vscode.Uri.parse(
        `data:image/svg+xml;base64,${Buffer.from(markSvg(kind, theme)).toString("base64")}`,
      );
      const type = vscode.window.createTextEditorDecorationType({
        gutterIconPath: picture,
        gutterIconSize: "contain",
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
        ...(RULED.has(kind)
          ? {
              overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.warningForeground"),
              overviewRulerLane: vscode.OverviewRulerLane.Left,
            }
          : {}),
      });
      return [kind, type];
    }),
  );
}
