/** Inlay hints: each step's score at the end of its first line. */
import { InlayHintKind, type InlayHint } from "vscode-languageserver";
import type { Range } from "../protocol/places.ts";
import type { OpenDocument } from "./documents.ts";
import { statusOf, stepChecks } from "./problem-states.ts";
import type { Session } from "./session.ts";

/** The hints within a range of the document. */
export function inlayHints(session: Session, document: OpenDocument, range: Range): InlayHint[] {
  if (!session.settings.display.inlayHints) return [];
  const [from, to] = [document.offset(range.start), document.offset(range.end)];
  return document.found.problems.flatMap((problem) => {
    const { solution: block } = problem;
    if (block === undefined || block.range.start > to || block.range.end < from) return [];
    const { parsed, check, state } = statusOf(session, document, problem);
    if (parsed?.kind !== "solution") return [];
    return parsed.steps
      .filter((place) => place.reasonRange.end >= from && place.reasonRange.start <= to)
      .map(({ step, position, reasonRange }): InlayHint => {
        const holds = stepChecks(check, position);
        const label = [
          `Q ${step.q.toFixed(2)}`,
          step.ppm === null ? "" : `PPM ${step.ppm.toFixed(2)}`,
          holds === false ? "no longer checks" : "",
          state === "stale" ? "stale" : "",
        ];
        return {
          position: document.position(reasonRange.end),
          label: label.filter((part) => part !== "").join(" · "),
          kind: InlayHintKind.Parameter,
          paddingLeft: true,
          tooltip: `Mean of the ${step.visits} values backed up through this step, from -1 to 1. Hover the step for what speaks for and against it.`,
        };
      });
  });
}
