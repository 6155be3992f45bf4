/** Changes of the person's document: one edit that undo takes back, made for the very text that is there now. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { WorkspaceEdit } from "vscode-languageserver";
import { codeOf } from "../errors.ts";
import { insertSolution, ownLines, type TextEdit } from "../document/edit.ts";
import type { Problem } from "../document/problems.ts";
import type { Solution } from "../document/solution.ts";
import type { EditOutcome } from "../protocol/places.ts";
import type { OpenDocument } from "./documents.ts";
import type { Session } from "./session.ts";

/** Edits of the document as it is now, which undo takes back as one, or why there is nothing to do. */
export type Planned =
  | {
      readonly kind: "edits";
      readonly edits: readonly TextEdit[];
      readonly done: string;
      /** Whether something is left for the person to do, which `done` says. */
      readonly unfinished?: boolean;
    }
  | { readonly kind: "none"; readonly message: string };

/** A person who types while the edit is on its way makes it miss; then it is planned anew. */
const TRIES = 5;
const BEAT_MS = 50;

/**
 * Plans edits on the open document and has the client apply them to that version only. `kept` says where the result
 * is if they cannot be applied.
 */
export async function editDocument(
  session: Session,
  uri: string,
  label: string,
  kept: string,
  plan: (document: OpenDocument) => Planned,
): Promise<EditOutcome> {
  if (await isReadOnly(uri))
    return { kind: "not-done", message: `The file is read-only, so nothing was written. ${kept}` };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const document = session.documents.get(uri);
    if (document === null) return { kind: "not-done", message: `The file is no longer open. ${kept}` };
    const planned = plan(document);
    if (planned.kind === "none") return { kind: "not-done", message: planned.message };
    const result = await session.connection.workspace.applyEdit({
      label,
      edit: workspaceEdit(session, document, planned.edits),
    });
    if (result.applied)
      return {
        kind: "done",
        message: planned.done,
        ...(planned.unfinished === true ? { unfinished: true } : {}),
      };
    // A keystroke that made it miss may arrive after the answer.
    await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
    if (session.documents.get(uri)?.version === document.version)
      return {
        kind: "not-done",
        message: `The editor did not accept the change (${result.failureReason ?? "the file may be read-only"}). ${kept}`,
      };
  }
  return { kind: "not-done", message: `The file changes faster than the solution can be placed. ${kept}` };
}

/** The problem that a solution belongs below, as it was when that was asked for. */
export interface Target {
  readonly problem: Problem;
  /** Its text. */
  readonly source: string;
  /** What was ours in its solution, which a person has not changed meanwhile; null replaces whatever stands there. */
  readonly written: string | null;
}

/** Puts a solution below its problem as it stands now. `isStored`: whether the solution's search is in the store. */
export function insertBelow(
  session: Session,
  uri: string,
  { problem, source, written }: Target,
  solution: Solution,
  isStored = true,
): Promise<EditOutcome> {
  const kept = isStored
    ? `Nothing is lost: the solution is kept as ${solution.traceId} and can be inserted later.`
    : "The solution can be inserted until the editor is closed or reloaded.";
  return editDocument(session, uri, "rStar Math: solution", kept, (document) => {
    const now = document.relocate(problem, source);
    if (now === null)
      return { kind: "none", message: `The problem was changed or removed meanwhile. ${kept}` };
    // Where none stands any more, nothing can be lost.
    const stands = now.solution !== undefined;
    if (stands && written !== null && written !== ownLines(document.text, now))
      return {
        kind: "none",
        message: `The solution that stands there was changed meanwhile, and stays. ${kept}`,
      };
    return {
      kind: "edits",
      edits: [insertSolution(document.text, now, solution)],
      done:
        now.solution?.complete === false
          ? "The solution is below its problem. The end of the one before was not marked: what may be left of it stands below the new one."
          : "The solution is below its problem.",
    };
  });
}

/** Whether the file is there and must not be written. VS Code would show the change all the same, and not save it. */
async function isReadOnly(uri: string): Promise<boolean> {
  if (!uri.startsWith("file:")) return false;
  const file = fileURLToPath(uri);
  try {
    // Without any right to write it is meant so, also for an administrator who could.
    if (((await stat(file)).mode & 0o222) === 0) return true;
    await access(file, constants.W_OK);
    return false;
  } catch (error) {
    // A file that is not there yet can be written.
    return READ_ONLY.has(codeOf(error));
  }
}

const READ_ONLY: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"]);

function workspaceEdit(
  session: Session,
  document: OpenDocument,
  planned: readonly TextEdit[],
): WorkspaceEdit {
  const edits = planned.map((edit) => ({ range: document.range(edit), newText: edit.newText }));
  const { uri, version } = document;
  return session.abilities.versionedEdits
    ? { documentChanges: [{ textDocument: { uri, version }, edits }] }
    : { changes: { [uri]: edits } };
}
