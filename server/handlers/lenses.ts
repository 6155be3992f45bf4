/** Code lenses above each problem: what can be done with it now, and what is known about it in words. */
import type { CodeLens, Command } from "vscode-languageserver";
import { COMMANDS } from "../protocol/commands.ts";
import type { OpenDocument } from "./documents.ts";
import { placeOf, statusOf, wasCut, type ProblemStatus } from "./problem-states.ts";
import type { Session } from "./session.ts";
import { shorten } from "../protocol/text.ts";

/** All lenses of a document. */
export function codeLenses(session: Session, document: OpenDocument): CodeLens[] {
  if (!session.settings.display.codeLens) return [];
  return document.found.problems.flatMap((problem) => {
    const range = document.range(problem.headingRange);
    const status = statusOf(session, document, problem);
    return commandsOf(session, document.uri, status).map((command) => ({ range, command }));
  });
}

function commandsOf(session: Session, uri: string, status: ProblemStatus): Command[] {
  const { problem, state, entry, stored, traceId, resumable } = status;
  const place = placeOf(uri, problem);
  const hasViews = session.client.commands === "client";
  const command = (title: string, name: string, argument: object): Command => ({
    title,
    command: name,
    arguments: [argument],
  });
  const tree =
    hasViews && traceId !== null
      ? [command("Show Search Tree", COMMANDS.showSearchTree, { traceId, place })]
      : [];
  const solveWith = hasViews ? [command("Solve with…", COMMANDS.solveWith, place)] : [];
  const resume =
    resumable && stored !== undefined
      ? [command("Resume", COMMANDS.resume, { traceId: stored.id, place })]
      : [];
  const insert =
    stored?.answer == null
      ? []
      : [
          command(`Insert ${shorten(stored.answer, 24)}`, COMMANDS.insertSolution, {
            traceId: stored.id,
            place,
          }),
        ];
  // More of the same search keeps what it has. One that was stopped has its end still before it, and messages call
  // going on with it so.
  const again =
    stored === undefined
      ? [command("Solve Again", COMMANDS.solve, place)]
      : [command(wasCut(stored) ? "Resume" : "Search On", COMMANDS.resume, { traceId: stored.id, place })];
  switch (state) {
    case "queued":
    case "searching":
      return [
        ...(entry === undefined
          ? []
          : [command(stopTitle(status), COMMANDS.stop, { traceId: entry.traceId })]),
        ...tree,
      ];
    case "unsolved":
      return [command("Solve", COMMANDS.solve, place), ...solveWith, ...resume, ...tree];
    case "kept":
      return [...insert, ...again, ...solveWith, ...tree];
    case "solved":
    case "broken":
      return [
        command(
          state === "broken" ? "A Step No Longer Checks: Re-check" : "Re-check",
          COMMANDS.verify,
          place,
        ),
        ...again,
        ...solveWith,
        ...tree,
      ];
    case "stale":
      // What is stored is of the text as it is now, unlike the solution below it.
      return [
        command("Stale: Problem Changed. Solve Again", COMMANDS.solve, place),
        ...insert,
        ...resume,
        ...solveWith,
        ...tree,
      ];
    case "damaged":
      // A new solution takes its place; what a person wrote in it stays.
      return [
        command("Damaged Solution: Remove", COMMANDS.removeSolution, place),
        ...insert,
        ...again,
        ...solveWith,
        ...tree,
      ];
    default:
      return state satisfies never;
  }
}

function stopTitle({ state, entry }: ProblemStatus): string {
  if (state === "queued") return "Stop (waiting)";
  const best = entry?.progress?.best;
  return best == null ? "Stop" : `Stop (best so far ${shorten(best.answer, 24)}, ${best.support} agree)`;
}
