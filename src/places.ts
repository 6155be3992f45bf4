/** Which problem a command means: what its argument says, else what is under the cursor of the active document. */
import * as vscode from "vscode";
import type { ProblemPlace } from "../server/protocol/places.ts";
import type { ListedProblem } from "../server/protocol/problem-list.ts";
import {
  activeDocument,
  isLookedAt,
  isMarkdown,
  openUnseen,
  tellNoDocument,
  toPosition,
  type ProblemLists,
} from "./problem-lists.ts";
import { readParams } from "./protocol.ts";

/** A node of the tree of problems; the tree gives it to the commands of its menu. */
export interface ProblemItem {
  readonly uri: vscode.Uri;
  readonly problem: ListedProblem;
}

/** The place of a listed problem. */
export function placeOf({ uri, problem }: ProblemItem): ProblemPlace {
  return { uri: uri.toString(), problem: { kind: "hash", hash: problem.hash, index: problem.index } };
}

/** Whether a command was called from the tree. */
export function isProblemItem(argument: unknown): argument is ProblemItem {
  return (
    typeof argument === "object" &&
    argument !== null &&
    "uri" in argument &&
    argument.uri instanceof vscode.Uri
  );
}

/**
 * The problem meant. Text that is selected outside the known problems is one of its own. Where no text editor is active
 * (a custom editor, a view), the person picks one of the document's problems. Null when there is none or nothing was
 * picked; that was said.
 */
export async function resolvePlace(argument: unknown, lists: ProblemLists): Promise<ProblemPlace | null> {
  if (isProblemItem(argument)) {
    // The list goes on showing the problems of a file that was closed.
    await openUnseen(argument.uri);
    return placeOf(argument);
  }
  const given = await readParams("insertAnswer", argument);
  if (given.success) return given.data;
  const uri = argument instanceof vscode.Uri ? argument : activeDocument();
  if (uri === null || !isLookedAt(uri)) {
    await tellNoDocument(vscode.l10n.t("Open a Markdown file and put the cursor into a problem first."));
    return null;
  }
  const { activeTextEditor, visibleTextEditors } = vscode.window;
  const editor = [activeTextEditor, ...visibleTextEditors].find(
    (shown) => shown?.document.uri.toString() === uri.toString(),
  );
  if (editor !== undefined && isMarkdown(editor.document)) {
    const { document, selection } = editor;
    const range = { start: toPosition(selection.start), end: toPosition(selection.end) };
    const text = document.getText(selection);
    const problems = await lists.refresh(uri);
    // A selection within a known problem means that problem.
    const known = lists.at(uri, selection.start);
    if (known !== null && known === lists.at(uri, lastOf(selection))) return placeOf({ uri, problem: known });
    if (!selection.isEmpty) return { uri: uri.toString(), problem: { kind: "selection", range, text } };
    return await pick(uri, problems);
  }
  return await pick(uri, await lists.read(uri));
}

/** Where a selection ends. One of whole lines ends before the line that its cursor has come to. */
function lastOf({ start, end }: vscode.Selection): vscode.Position {
  return end.character === 0 && end.line > start.line ? new vscode.Position(end.line - 1, 0) : end;
}

/** Lets the person pick one of a document's problems; the only one needs no picking. */
async function pick(uri: vscode.Uri, problems: readonly ListedProblem[]): Promise<ProblemPlace | null> {
  const [first, ...others] = problems;
  if (first === undefined) {
    const settings = vscode.l10n.t("Open Settings");
    const chosen = await vscode.window.showInformationMessage(
      vscode.l10n.t(
        "No problem was found here. A problem is a heading or a bold label that begins with Problem, Exercise or Question, a fenced block named problem, or selected text. For another language than English the words are settings.",
      ),
      settings,
    );
    if (chosen === settings)
      await vscode.commands.executeCommand("workbench.action.openSettings", "rstarMath.document");
    return null;
  }
  if (others.length === 0) return placeOf({ uri, problem: first });
  const chosen = await vscode.window.showQuickPick(
    problems.map((problem) => ({ label: problem.title, description: problem.detail, problem })),
    { title: vscode.l10n.t("Which problem?"), matchOnDescription: true },
  );
  return chosen === undefined ? null : placeOf({ uri, problem: chosen.problem });
}

/** The list's entry of a place, where the place names one. */
export async function problemOf(place: ProblemPlace, lists: ProblemLists): Promise<ProblemItem | null> {
  const uri = vscode.Uri.parse(place.uri);
  const problems = await lists.read(uri);
  const { problem: reference } = place;
  let problem: ListedProblem | null | undefined;
  switch (reference.kind) {
    case "hash":
      problem =
        problems.find(({ hash, index }) => hash === reference.hash && index === reference.index) ??
        problems.find(({ hash }) => hash === reference.hash);
      break;
    case "index":
      problem = problems.find(({ index }) => index === reference.index);
      break;
    case "position":
      problem = lists.at(uri, new vscode.Position(reference.position.line, reference.position.character));
      break;
    case "selection":
      problem = null;
      break;
    default:
      return reference satisfies never;
  }
  return problem === null || problem === undefined ? null : { uri, problem };
}
