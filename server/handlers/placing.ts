/** Putting kept solutions and answers into the document, and taking solutions out. */
import type * as z from "zod";
import { applyEdit, insertAnswerLine, removeSolution, type TextEdit } from "../document/edit.ts";
import type { Problem } from "../document/problems.ts";
import type { EditOutcome, ProblemPlace } from "../protocol/places.ts";
import { exportSolution } from "../document/solution.ts";
import type { InsertSolutionParams, ParamsOf, REQUESTS, ResultOf } from "../protocol/requests.ts";
import { toSolution } from "../solutions.ts";
import type { OpenDocument } from "./documents.ts";
import { editDocument, insertBelow } from "./edits.ts";
import type { Session } from "./session.ts";

/** `rstar/insertSolution`: without a place that is open, the problem is looked for in all open documents. */
export async function insertKept(
  session: Session,
  params: z.output<typeof InsertSolutionParams>,
): Promise<EditOutcome> {
  const trace =
    session.searches.find(params.traceId)?.snapshot?.() ?? (await session.library.find(params.traceId));
  if (trace === null)
    return notDone(`The search ${params.traceId} is not stored on this machine. Nothing was changed.`);
  if (trace.chosen === null)
    return notDone("That search reached no answer, so there is no solution to insert. Resume it first.");
  const place = session.documents.placeOf(trace.problem.id, params.place);
  const document = place === null ? null : session.documents.get(place.uri);
  if (place === null || document === null)
    return notDone(
      "No open document has the problem of that search, as its text was then. Open the file and insert it again; the solution stays kept.",
    );
  const found = document.find(place.problem);
  if (found.kind === "none") return notDone(found.message);
  const { problem } = found;
  if (problem.hash !== trace.problem.id)
    return notDone(
      "The problem's text changed since that search, so its solution would stand below another problem. Solve it again; nothing was changed.",
    );
  return insertBelow(
    session,
    place.uri,
    problem,
    document.source(problem.range),
    toSolution(trace, problem.hash),
  );
}

/** `rstar/removeSolution` */
export function removeStored(session: Session, { uri, problem }: ProblemPlace): Promise<EditOutcome> {
  return editDocument(session, uri, "rStar Math: remove solution", "Nothing was changed.", (document) => {
    const found = document.find(problem);
    if (found.kind === "none") return found;
    const edit = removeSolution(document.text, found.problem);
    if (edit === null) return { kind: "none", message: "There is no stored solution to remove." };
    const done = "The solution was removed; its search stays in the store.";
    const left = leftBelow(document, found.problem, edit);
    return left === null
      ? { kind: "edit", edit, done }
      : {
          kind: "edit",
          edit,
          done: `${done} What stands from line ${left} on is not surely part of it, so it was left, and is read as part of the problem now. Delete there what does not belong to the problem.`,
          unfinished: true,
        };
  });
}

/**
 * The 1-based line where text begins that was below a problem's solution or in it, and is the problem's own once the
 * solution is taken out by `edit`: a person's notes, and what is left of a solution whose end marker is gone.
 */
function leftBelow(document: OpenDocument, problem: Problem, edit: TextEdit): number | null {
  const then = document.after(edit).problems.find(({ index }) => index === problem.index);
  if (problem.kind === "selection" || then === undefined || then.hash === problem.hash) return null;
  const text = applyEdit(document.text, edit);
  const first = edit.start + text.slice(edit.start).search(/[^\s>]/u);
  return text.slice(0, first).split("\n").length;
}

/** `rstar/insertAnswer` */
export function insertAnswer(session: Session, { uri, problem }: ProblemPlace): Promise<EditOutcome> {
  return editDocument(session, uri, "rStar Math: insert answer", "Nothing was changed.", (document) => {
    const found = document.find(problem);
    if (found.kind === "none") return found;
    const block = found.problem.solution;
    const parsed = block === undefined ? null : document.parsed(block);
    const answer = parsed?.kind === "solution" ? parsed.solution.answer : null;
    if (answer === null) return { kind: "none", message: "There is no stored answer to insert." };
    if (found.problem.reference !== undefined)
      return {
        kind: "none",
        message: `The problem has an answer line already (${found.problem.reference.text}). Nothing was changed.`,
      };
    const label = session.settings.document.answers[0] ?? "Answer";
    return {
      kind: "edit",
      edit: insertAnswerLine(document.text, found.problem, label, answer.text),
      done: `${answer.text} is the problem's given answer now; later solutions are compared with it.`,
    };
  });
}

/** `rstar/exportSolution` */
export function exportStored(
  session: Session,
  { uri, problem, format }: ParamsOf<typeof REQUESTS.exportSolution>,
): ResultOf<typeof REQUESTS.exportSolution> {
  const document = session.documents.get(uri);
  const found = document?.find(problem);
  if (document === null || found === undefined) return { kind: "none", message: `${uri} is not open.` };
  if (found.kind === "none") return found;
  const block = found.problem.solution;
  const parsed = block === undefined ? null : document.parsed(block);
  return parsed?.kind === "solution"
    ? { kind: "text", text: exportSolution(parsed.solution, format) }
    : { kind: "none", message: "There is no stored solution below this problem. Solve it first." };
}

function notDone(message: string): EditOutcome {
  return { kind: "not-done", message };
}
