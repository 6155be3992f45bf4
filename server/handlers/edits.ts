/** Changes of the person's document: one edit that undo takes back, made for the very text that is there now. */
import type { WorkspaceEdit } from "vscode-languageserver";
import { insertSolution, type TextEdit } from "../document/edit.ts";
import type { Problem } from "../document/problems.ts";
import type { Solution } from "../document/solution.ts";
import type { EditOutcome } from "../protocol/places.ts";
import type { OpenDocument } from "./documents.ts";
import type { Session } from "./session.ts";

/** An edit of the document as it is now, or why there is nothing to do. */
export type Planned =
  | { readonly kind: "edit"; readonly edit: TextEdit; readonly done: string }
  | { readonly kind: "none"; readonly message: string };

/** A person who types while the edit is on its way makes it miss; then it is planned anew. */
const TRIES = 5;

/**
 * Plans an edit on the open document and has the client apply it to that version only. `kept` says where the result is
 * if it cannot be applied.
 */
export async function editDocument(
  session: Session,
  uri: string,
  label: string,
  kept: string,
  plan: (document: OpenDocument) => Planned,
): Promise<EditOutcome> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const document = session.documents.get(uri);
    if (document === null) return { kind: "not-done", message: `The file is no longer open. ${kept}` };
    const planned = plan(document);
    if (planned.kind === "none") return { kind: "not-done", message: planned.message };
    const result = await session.connection.workspace.applyEdit({
      label,
      edit: workspaceEdit(session, document, planned.edit),
    });
    if (result.applied) return { kind: "done", message: planned.done };
    if (session.documents.get(uri)?.version === document.version)
      return {
        kind: "not-done",
        message: `The editor did not accept the change (${result.failureReason ?? "the file may be read-only"}). ${kept}`,
      };
  }
  return { kind: "not-done", message: `The file changes faster than the solution can be placed. ${kept}` };
}

/** Puts a solution below its problem as it stands now. `source` is the text of a selection's problem. */
export function insertBelow(
  session: Session,
  uri: string,
  problem: Problem,
  source: string,
  solution: Solution,
): Promise<EditOutcome> {
  const kept = `Nothing is lost: the solution is kept as ${solution.traceId} and can be inserted later.`;
  return editDocument(session, uri, "rStar Math: solution", kept, (document) => {
    const now = document.relocate(problem, source);
    if (now === null)
      return { kind: "none", message: `The problem was changed or removed meanwhile. ${kept}` };
    if (now.solution?.complete === false)
      return {
        kind: "none",
        message: `The solution block below the problem was damaged by hand, and what belongs to it cannot be told. Remove it, then insert the solution. ${kept}`,
      };
    return {
      kind: "edit",
      edit: insertSolution(document.text, now, solution),
      done: "The solution is below its problem.",
    };
  });
}

function workspaceEdit(session: Session, document: OpenDocument, edit: TextEdit): WorkspaceEdit {
  const edits = [{ range: document.range(edit), newText: edit.newText }];
  const { uri, version } = document;
  return session.abilities.versionedEdits
    ? { documentChanges: [{ textDocument: { uri, version }, edits }] }
    : { changes: { [uri]: edits } };
}
