/** Code actions: what can be done at the cursor with a problem, its solution or one step of it. */
import { CodeActionKind, type CodeAction, type Diagnostic } from "vscode-languageserver";
import { COMMANDS } from "../protocol/commands.ts";
import type { ProblemPlace, Range } from "../protocol/places.ts";
import type { Trace } from "../protocol/trace.ts";
import { bestAnswerBelow, pathTo } from "../protocol/trace-path.ts";
import { matchSteps } from "../solutions.ts";
import { siblingsOf } from "./alternatives.ts";
import { DIAGNOSTIC } from "./diagnostics.ts";
import type { OpenDocument } from "./documents.ts";
import { placeOf, statusOf, type ProblemStatus } from "./problem-states.ts";
import type { Session } from "./session.ts";
import { shorten } from "../protocol/text.ts";

const ALTERNATIVES_SHOWN = 3;

/** The actions at a range; the client's diagnostics there decide which are quick fixes. */
export async function codeActions(
  session: Session,
  document: OpenDocument,
  range: Range,
  diagnostics: readonly Diagnostic[],
): Promise<CodeAction[]> {
  const start = document.offset(range.start);
  const end = document.offset(range.end);
  const problem = document.problemAt(start);
  if (problem === undefined)
    return start === end
      ? []
      : [action("Solve the Selected Problem", COMMANDS.solve, selectionPlace(document, range))];
  const status = statusOf(session, document, problem);
  const place = placeOf(document.uri, problem);
  const actions = [
    ...fixes(status, place, diagnostics),
    ...problemActions(status, place),
    ...(await stepActions(session, status, place, start)),
  ];
  const within = problem.range.start <= start && end <= problem.range.end;
  if (start < end && within && status.state !== "searching")
    actions.push(action("Solve the Selected Text", COMMANDS.solve, selectionPlace(document, range)));
  return actions;
}

function fixes(status: ProblemStatus, place: ProblemPlace, diagnostics: readonly Diagnostic[]): CodeAction[] {
  const fix = (title: string, command: string, ...codes: readonly string[]): CodeAction[] =>
    codes.flatMap((code) => {
      const met = diagnostics.filter((each) => each.code === code);
      if (met.length === 0) return [];
      return [{ ...action(title, command, place), kind: CodeActionKind.QuickFix, diagnostics: met }];
    });
  const ofDamage = status.state === "damaged" ? [DIAGNOSTIC.damaged, "half-solution"] : [];
  return [
    ...fix("Solve Again", COMMANDS.solve, DIAGNOSTIC.stale, DIAGNOSTIC.step, DIAGNOSTIC.answer, ...ofDamage),
    ...fix("Remove the Damaged Solution", COMMANDS.removeSolution, ...ofDamage),
  ];
}

function problemActions(status: ProblemStatus, place: ProblemPlace): CodeAction[] {
  const { state, parsed, stored, entry, problem } = status;
  if (entry !== undefined) return [action("Stop Solving", COMMANDS.stop, { traceId: entry.traceId })];
  const actions = [];
  if (state === "unsolved" || state === "kept")
    actions.push(action("Solve This Problem", COMMANDS.solve, place));
  if ((state === "kept" || state === "stale" || state === "damaged") && stored?.answer != null)
    actions.push(
      action(`Insert the Kept Solution (${stored.answer})`, COMMANDS.insertSolution, {
        traceId: stored.id,
        place,
      }),
    );
  if (status.resumable && stored !== undefined)
    actions.push(action("Resume the Search", COMMANDS.resume, { traceId: stored.id, place }));
  if (parsed?.kind !== "solution") return actions;
  actions.push(action("Re-check the Solution", COMMANDS.verify, place));
  actions.push(action("Remove the Solution", COMMANDS.removeSolution, place));
  if (parsed.solution.answer !== null && problem.reference === undefined)
    actions.push(
      action(`Insert ${parsed.solution.answer.text} as the Given Answer`, COMMANDS.insertAnswer, place),
    );
  return actions;
}

async function stepActions(
  session: Session,
  { parsed, state, entry }: ProblemStatus,
  place: ProblemPlace,
  offset: number,
): Promise<CodeAction[]> {
  if (parsed?.kind !== "solution" || state === "stale" || entry !== undefined) return [];
  const found = parsed.steps.find(({ range }) => range.start <= offset && offset <= range.end);
  const trace = found === undefined ? null : await session.library.find(parsed.solution.traceId);
  if (found === undefined || trace === null) return [];
  const { step, position } = found;
  const nodes = matchSteps(trace, parsed.solution);
  const node = nodes[position];
  const goOn = (title: string, command: string, choice: object): CodeAction =>
    action(title, command, { traceId: trace.id, place, choice });
  if (node === undefined) {
    const replaced = editedNode(trace, nodes.length, position);
    if (replaced === null) return [];
    return [
      goOn(`Search On from the Edited Step ${step.number}`, COMMANDS.editStep, {
        kind: "edit",
        at: { kind: "node", node: replaced },
        text: step.code,
      }),
    ];
  }
  const at = { kind: "node", node: node.id };
  const alternatives = siblingsOf(trace, node).filter(({ id }) => bestAnswerBelow(trace, id) !== null);
  return [
    goOn(`Keep Step ${step.number} and Search On`, COMMANDS.pinStep, { kind: "pin", at }),
    goOn(`Reject Step ${step.number} and Search On`, COMMANDS.rejectStep, { kind: "reject", at }),
    ...alternatives.slice(0, ALTERNATIVES_SHOWN).map((other) => {
      const words = other.reason === "" ? (other.code.split("\n")[0] ?? "") : other.reason;
      const answer = bestAnswerBelow(trace, other.id)?.answer ?? "";
      return action(
        `Use Instead: ${shorten(words, 40)} (answer ${shorten(answer, 40)})`,
        COMMANDS.useAlternative,
        {
          ...place,
          traceId: trace.id,
          node: other.id,
        },
      );
    }),
  ];
}

/** The node whose code the person edited in the text: the first step of the chosen path that does not match. */
function editedNode(trace: Trace, matched: number, position: number): number | null {
  if (trace.chosen === null || position !== matched) return null;
  const steps = pathTo(trace.nodes, trace.chosen).filter((node) => node.kind === "step");
  return steps[position]?.id ?? null;
}

function selectionPlace(document: OpenDocument, range: Range): ProblemPlace {
  return { uri: document.uri, problem: { kind: "selection", range } };
}

function action(title: string, command: string, argument: object): CodeAction {
  return {
    title,
    kind: CodeActionKind.Refactor,
    command: { title, command, arguments: [argument] },
  };
}
