/** What is done with all problems of a file at once: checked, inserted, removed, or written out as a sheet. */
import * as vscode from "vscode";
import type { SheetContent, SheetFormat } from "../server/protocol/places.ts";
import { tellEdit } from "./outcomes.ts";
import type { Parts } from "./parts.ts";
import { activeDocument, openUnseen, tellNoDocument } from "./problem-lists.ts";
import type { RequestParams } from "./protocol.ts";
import { tellInPassing } from "./passing.ts";

/** The file meant: the argument, the active one, or the one whose problems are listed. Null after saying that there is none. */
export async function resolveFile({ lists }: Parts, argument: unknown): Promise<vscode.Uri | null> {
  // The list of problems stays while another file is active, and its buttons mean what it shows.
  const uri = argument instanceof vscode.Uri ? argument : (activeDocument() ?? lists.shown);
  if (uri === null) await tellNoDocument(vscode.l10n.t("Open a Markdown file with problems first."));
  else await openUnseen(uri);
  return uri;
}

/** Runs stored steps again: of one problem, or of all of a file. */
export async function checkSteps(parts: Parts, params: RequestParams<"verify">): Promise<void> {
  const title = vscode.l10n.t("Running the stored steps again");
  const outcome = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    async (progress, token) =>
      await parts.server.askAtLength("verify", params, (message) => progress.report({ message }), token),
  );
  if (outcome === null) return;
  if (outcome.kind === "checked" && outcome.solutions.every(({ holds }) => holds))
    tellInPassing(outcome.message);
  else await vscode.window.showWarningMessage(outcome.message);
}

export async function checkAllSteps(parts: Parts, argument: unknown): Promise<void> {
  const uri = await resolveFile(parts, argument);
  if (uri !== null) await checkSteps(parts, { uri: uri.toString() });
}

export async function insertAllSolutions(parts: Parts, argument: unknown): Promise<void> {
  const uri = await resolveFile(parts, argument);
  if (uri !== null) await tellEdit(await parts.server.ask("insertAllSolutions", { uri: uri.toString() }));
}

export async function removeAllSolutions(parts: Parts, argument: unknown): Promise<void> {
  const uri = await resolveFile(parts, argument);
  if (uri !== null) await tellEdit(await parts.server.ask("removeSolution", { uri: uri.toString() }));
}

/** Asks for content, format and place, writes the sheet there and offers to open it. */
export async function exportSheet(parts: Parts, argument: unknown): Promise<void> {
  const uri = await resolveFile(parts, argument);
  if (uri === null) return;
  const title = vscode.l10n.t("Export a sheet of the problems");
  const content = await vscode.window.showQuickPick(contentItems(), { title });
  if (content === undefined) return;
  const picked = await vscode.window.showQuickPick(formatItems(), { title });
  if (picked === undefined) return;
  const { format, extension } = picked;
  const params = { uri: uri.toString(), content: content.content, format };
  const sheet = await parts.server.ask("exportSheet", params);
  if (sheet?.kind === "none") await vscode.window.showInformationMessage(sheet.message);
  if (sheet?.kind !== "text") return;
  const target = await vscode.window.showSaveDialog({
    title,
    filters: { [picked.label]: [extension] },
    // A text without a file lies nowhere.
    ...(uri.scheme === "untitled" ? {} : { defaultUri: besideFile(uri, `-${content.content}.${extension}`) }),
  });
  if (target === undefined) return;
  const name = vscode.workspace.asRelativePath(target);
  if (target.toString() === uri.toString()) {
    await vscode.window.showWarningMessage(
      vscode.l10n.t(
        "{0} is the file that the sheet is made of, so it was not replaced. Choose another name.",
        name,
      ),
    );
    return;
  }
  try {
    // Whether to replace a file that is there, the dialog has asked.
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(sheet.text));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    await vscode.window.showErrorMessage(
      vscode.l10n.t(
        "{0} was not written: {1}. Choose another place; your problems are untouched.",
        name,
        detail,
      ),
    );
    return;
  }
  const open = vscode.l10n.t("Open");
  const written = vscode.l10n.t("{0} was written: {1}", name, sheet.message);
  if ((await vscode.window.showInformationMessage(written, open)) !== open) return;
  if (format === "html" && isOnThisComputer(target)) {
    await vscode.env.openExternal(target);
    return;
  }
  await vscode.window.showTextDocument(target);
  if (format === "html")
    await vscode.window.showInformationMessage(
      vscode.l10n.t(
        "No browser of this computer can open {0} where it lies. Download it from the Explorer to print it.",
        name,
      ),
    );
}

/** Whether a browser of the person can open a file by its address. */
function isOnThisComputer({ scheme }: vscode.Uri): boolean {
  const { remoteName, uiKind } = vscode.env;
  return scheme === "file" && remoteName === undefined && uiKind === vscode.UIKind.Desktop;
}

function contentItems(): (vscode.QuickPickItem & { readonly content: SheetContent })[] {
  return [
    {
      label: vscode.l10n.t("Problems with solutions"),
      detail: vscode.l10n.t("steps, code and answer, also of solutions that are only kept"),
      content: "solutions",
    },
    {
      label: vscode.l10n.t("Problems with answers only"),
      detail: vscode.l10n.t("the given answer, else the one that was found"),
      content: "answers",
    },
    {
      label: vscode.l10n.t("Problems only"),
      detail: vscode.l10n.t("without answers, hints and solutions, yours too"),
      content: "problems",
    },
  ];
}

function formatItems(): (vscode.QuickPickItem & {
  readonly format: SheetFormat;
  readonly extension: string;
})[] {
  return [
    { label: "Markdown", format: "markdown", extension: "md" },
    { label: "LaTeX", format: "latex", extension: "tex" },
    {
      label: "HTML",
      detail: vscode.l10n.t("a page to print from a browser"),
      format: "html",
      extension: "html",
    },
  ];
}

/** A file in the same folder whose name begins like this one's. */
function besideFile(uri: vscode.Uri, end: string): vscode.Uri {
  const name = uri.path.split("/").at(-1) ?? "";
  return vscode.Uri.joinPath(uri, "..", `${name.replace(/\.\w+$/u, "")}${end}`);
}
