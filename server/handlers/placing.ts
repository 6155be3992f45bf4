/** Putting kept solutions and answers into the document, and taking solutions out. */
import type * as z from "zod";
import {
  applyEdits,
  insertAnswerLine,
  insertSolution,
  removeSolution,
  type TextEdit,
} from "../document/edit.ts";
import type { Problem } from "../document/problems.ts";
import { exportSolution, type Solution } from "../document/solution.ts";
import type { EditOutcome, ProblemPlace } from "../protocol/places.ts";
import type { FilePlace, InsertSolutionParams, ParamsOf, REQUESTS, ResultOf } from "../protocol/requests.ts";
import { toSolution } from "../solutions.ts";
import type { OpenDocument } from "./documents.ts";
import { editDocument, insertBelow } from "./edits.ts";
import { statusOf } from "./problem-states.ts";
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
  const target = { problem, source: document.source(problem.range), written: null };
  return insertBelow(session, place.uri, target, toSolution(trace, problem.hash));
}

/** `rstar/insertAllSolutions`: what is kept of the problems as they are, below those that have no solution of their text. */
export async function insertAllKept(session: Session, uri: string): Promise<EditOutcome> {
  await session.library.refresh();
  const wanting = (document: OpenDocument): Problem[] =>
    document.found.problems.filter((problem) => {
      const { state } = statusOf(session, document, problem);
      return state === "kept" || state === "stale";
    });
  const kept = new Map<string, Solution>();
  const document = session.documents.get(uri);
  if (document !== null)
    for (const problem of wanting(document)) {
      const solution = await keptSolution(session, document, problem);
      if (solution !== null) kept.set(problem.hash, solution);
    }
  return editDocument(session, uri, "rStar Math: insert all solutions", "Nothing was changed.", (now) => {
    const edits = wanting(now).flatMap((problem) => {
      const solution = kept.get(problem.hash);
      return solution === undefined ? [] : [insertSolution(now.text, problem, solution)];
    });
    return edits.length === 0
      ? { kind: "none", message: "No solution is kept that is not in the file already." }
      : { kind: "edits", edits, done: `${solutionCount(edits.length)} inserted.` };
  });
}

/** `rstar/removeSolution` */
export function removeStored(
  session: Session,
  { uri, problem }: z.output<typeof FilePlace>,
): Promise<EditOutcome> {
  return editDocument(session, uri, "rStar Math: remove solution", "Nothing was changed.", (document) => {
    const found = problem === undefined ? null : document.find(problem);
    if (found?.kind === "none") return found;
    const removals = (found === null ? document.found.problems : [found.problem]).flatMap((each) => {
      const edit = removeSolution(document.text, each);
      return edit === null ? [] : [{ problem: each, edit }];
    });
    if (removals.length === 0) return { kind: "none", message: "There is no stored solution to remove." };
    const its = removals.length === 1 ? "its search stays" : "their searches stay";
    const done = `${found === null ? `${solutionCount(removals.length)} removed` : "The solution was removed"}; ${its} in the store.`;
    const edits = removals.map(({ edit }) => edit);
    const left = leftBelow(document, removals);
    return left.length === 0
      ? { kind: "edits", edits, done }
      : {
          kind: "edits",
          edits,
          done: `${done} What stands from line${left.length === 1 ? "" : "s"} ${left.join(" and ")} on is not surely part of a solution, so it was left, and is read as part of its problem now. Delete there what does not belong to the problem.`,
          unfinished: true,
        };
  });
}

/**
 * The 1-based lines where text begins that was below a problem's solution or in it, and is the problem's own once the
 * solutions are taken out: a person's notes, and what is left of a solution whose end marker is gone.
 */
function leftBelow(
  document: OpenDocument,
  removals: readonly { readonly problem: Problem; readonly edit: TextEdit }[],
): number[] {
  const edits = removals.map(({ edit }) => edit);
  const text = applyEdits(document.text, edits);
  const then = document.after(edits).problems;
  let shift = 0;
  return removals.flatMap(({ problem, edit }) => {
    const start = edit.start + shift;
    shift += edit.newText.length - (edit.end - edit.start);
    const now = then.find(({ index }) => index === problem.index);
    if (problem.kind === "selection" || now === undefined || now.hash === problem.hash) return [];
    const first = start + text.slice(start).search(/[^\s>]/u);
    return [text.slice(0, first).split("\n").length];
  });
}

function solutionCount(count: number): string {
  return `${count} ${count === 1 ? "solution" : "solutions"}`;
}

/** `rstar/insertAnswer` */
export function insertAnswer(session: Session, { uri, problem }: ProblemPlace): Promise<EditOutcome> {
  return editDocument(session, uri, "rStar Math: insert answer", "Nothing was changed.", (document) => {
    const found = document.find(problem);
    if (found.kind === "none") return found;
    const answer = writtenSolution(document, found.problem)?.answer ?? null;
    if (answer === null) return { kind: "none", message: "There is no stored answer to insert." };
    if (found.problem.reference !== undefined)
      return {
        kind: "none",
        message: `The problem has an answer line already (${found.problem.reference.text}). Nothing was changed.`,
      };
    const label = session.settings.document.answers[0] ?? "Answer";
    return {
      kind: "edits",
      edits: [insertAnswerLine(document.text, found.problem, label, answer.text)],
      done: `${answer.text} is the problem's given answer now; later solutions are compared with it.`,
    };
  });
}

/** `rstar/exportSolution`: what stands below the problem, else what is kept of it. */
export async function exportStored(
  session: Session,
  { uri, problem, format }: ParamsOf<typeof REQUESTS.exportSolution>,
): Promise<ResultOf<typeof REQUESTS.exportSolution>> {
  const document = session.documents.get(uri);
  const found = document?.find(problem);
  if (document === null || found === undefined) return { kind: "none", message: `${uri} is not open.` };
  if (found.kind === "none") return found;
  await session.library.refresh();
  const solution =
    writtenSolution(document, found.problem) ?? (await keptSolution(session, document, found.problem));
  return solution === null
    ? { kind: "none", message: "There is no stored solution of this problem. Solve it first." }
    : { kind: "text", text: exportSolution(solution, format) };
}

/** The solution below a problem; null where there is none that can be read. */
export function writtenSolution(document: OpenDocument, { solution: block }: Problem): Solution | null {
  const parsed = block === undefined ? null : document.parsed(block);
  return parsed?.kind === "solution" ? parsed.solution : null;
}

/** The solution that the store keeps of a problem as its text is; null where there is none. */
export async function keptSolution(
  session: Session,
  document: OpenDocument,
  problem: Problem,
): Promise<Solution | null> {
  const { stored } = statusOf(session, document, problem);
  const trace = stored?.answer == null ? null : await session.library.find(stored.id);
  return trace === null ? null : toSolution(trace, problem.hash);
}

function notDone(message: string): EditOutcome {
  return { kind: "not-done", message };
}
