/**
 * Diagnostics: damaged or stale solutions, steps that no longer check, answers that are not the given one, and problems
 * without an end.
 */
import { DiagnosticSeverity, type Diagnostic } from "vscode-languageserver";
import type { StepPlace } from "../document/solution.ts";
import type { StepCheck } from "../protocol/solving.ts";
import type { SolutionCheck } from "../verify.ts";
import type { OpenDocument } from "./documents.ts";
import { statusOf } from "./problem-states.ts";
import type { Session } from "./session.ts";
import { shorten } from "../protocol/text.ts";

/** What `Diagnostic.code` says; code actions go by it. */
export const DIAGNOSTIC = {
  damaged: "damaged-solution",
  stale: "stale-solution",
  step: "step-no-longer-checks",
  answer: "answer-does-not-follow",
  differs: "answer-differs",
} as const;

const SOURCE = "rStar Math";

/** All diagnostics of a document, from what is in memory. */
export function diagnosticsOf(session: Session, document: OpenDocument): Diagnostic[] {
  const diagnostics: Diagnostic[] = document.found.issues.map(({ kind, range, message }) => ({
    range: document.range(range),
    severity: kind === "empty-problem" ? DiagnosticSeverity.Hint : DiagnosticSeverity.Warning,
    code: kind,
    source: SOURCE,
    message,
  }));
  for (const problem of document.found.problems) {
    const { parsed, check, answer, difference } = statusOf(session, document, problem);
    if (parsed === null) continue;
    if (parsed.kind === "damaged") {
      // Half a block is among the document's issues already.
      if (problem.solution?.complete === true)
        diagnostics.push({
          range: document.range(parsed.range),
          severity: DiagnosticSeverity.Warning,
          code: DIAGNOSTIC.damaged,
          source: SOURCE,
          message: `${parsed.reason} It is left as it is: remove it, or solve the problem again.`,
        });
      continue;
    }
    if (document.isStale(problem))
      diagnostics.push({
        range: document.range(problem.headingRange),
        severity: DiagnosticSeverity.Information,
        code: DIAGNOSTIC.stale,
        source: SOURCE,
        message: "The problem's text changed since the solution below it was found. Solve it again.",
      });
    if (answer !== null && difference !== null && problem.reference !== undefined)
      diagnostics.push({
        range: document.range(problem.reference.range),
        severity: DiagnosticSeverity.Information,
        code: DIAGNOSTIC.differs,
        source: SOURCE,
        message: `The solution's answer ${answer} ${difference}.`,
      });
    if (check !== undefined) diagnostics.push(...checkDiagnostics(document, parsed.steps, check));
  }
  return diagnostics;
}

function checkDiagnostics(
  document: OpenDocument,
  places: readonly StepPlace[],
  check: SolutionCheck,
): Diagnostic[] {
  const diagnostics = check.steps.flatMap((step, position): Diagnostic[] => {
    const place = places[position];
    const message = stepMessage(step);
    if (place === undefined || message === null) return [];
    return [
      {
        range: document.range(place.reasonRange),
        severity: DiagnosticSeverity.Warning,
        code: DIAGNOSTIC.step,
        source: SOURCE,
        message,
      },
    ];
  });
  const last = places.at(-1);
  if (check.answer === "does-not-follow" && last !== undefined)
    diagnostics.push({
      range: document.range(last.reasonRange),
      severity: DiagnosticSeverity.Warning,
      code: DIAGNOSTIC.answer,
      source: SOURCE,
      message: "The final answer above is not what the last step prints.",
    });
  return diagnostics;
}

function stepMessage(step: StepCheck): string | null {
  switch (step.kind) {
    case "same":
      return null;
    case "different":
      return `Run again, this step prints ${quote(step.now)} and not ${quote(step.stored)}.`;
    case "fails":
      return `Run again, this step fails: ${step.message}`;
    default:
      return step satisfies never;
  }
}

function quote(text: string): string {
  const line = text.trim().replace(/\s+/gu, " ");
  return line === "" ? "nothing" : `“${shorten(line, 80)}”`;
}
