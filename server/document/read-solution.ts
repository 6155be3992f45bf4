/** Reads stored solutions back, with the place of each step. The inverse of `render-solution.ts`. */
import type { Containers } from "./containers.ts";
import { readMarker } from "./marker.ts";
import type { SolutionBlock } from "./problem.ts";
import { readBody, type StepDraft } from "./solution-body.ts";
import { FORMAT_VERSION, type Solution, type SolutionStep } from "./solution-model.ts";
import { linesOf, type Range, type TextLines } from "./text-lines.ts";

/** Where a step of a stored solution stands, and its parts. */
export interface StepPlace {
  readonly step: SolutionStep;
  /** 0-based position among the solution's steps. */
  readonly position: number;
  readonly range: Range;
  /** The line with the step's number and its reason. */
  readonly reasonRange: Range;
  /** The code without its fence; null when the step has none. */
  readonly codeRange: Range | null;
}

/** A stored solution, or why the block cannot be read as one and where that shows. */
export type ParsedSolution =
  | { readonly kind: "solution"; readonly solution: Solution; readonly steps: readonly StepPlace[] }
  | { readonly kind: "damaged"; readonly reason: string; readonly range: Range };

/** Reads one block. Nothing that stands in it is an error to throw: what is not ours makes it damaged. */
export function parseSolution(text: string, block: SolutionBlock): ParsedSolution {
  const lines = linesOf(text);
  if (!block.complete) {
    return { kind: "damaged", reason: "One of the solution's two markers is missing.", range: block.range };
  }
  const first = lines.numberAt(block.range.start);
  const fields = readMarker(text.slice(block.range.start, lines.at(first).end))?.marker.fields;
  const markerRange = { start: block.range.start, end: lines.at(first).end };
  if (fields === undefined)
    return { kind: "damaged", reason: "There is no solution here.", range: markerRange };
  if (block.version > FORMAT_VERSION) {
    const reason = `A newer version wrote this solution (format ${block.version}).`;
    return { kind: "damaged", reason, range: markerRange };
  }
  const field = (name: string): string | undefined => fields.get(name);
  const [problemHash, traceId, strategy, model] = [
    field("problem"),
    field("trace"),
    field("strategy"),
    field("model"),
  ];
  if (
    problemHash === undefined ||
    traceId === undefined ||
    strategy === undefined ||
    model === undefined ||
    block.version !== FORMAT_VERSION
  ) {
    return {
      kind: "damaged",
      reason: "The solution's first marker lost some of its fields.",
      range: markerRange,
    };
  }
  const body = readBody(lines, first + 1, lines.numberAt(block.range.end) - 1, block.containers);
  // A lost fence can make a step part of the code before it. The count says more about that than the text left over.
  const stored = field("steps");
  if (stored !== undefined && Number(stored) !== body.steps.length) {
    const reason = `The solution was stored with ${stored} steps, but ${body.steps.length} can be read.`;
    return { kind: "damaged", reason, range: markerRange };
  }
  const foreign = body.foreign[0];
  if (foreign !== undefined) {
    return {
      kind: "damaged",
      reason: "This text is not part of the solution that was stored.",
      range: foreign,
    };
  }
  if (body.answer === undefined) {
    return { kind: "damaged", reason: "The line with the final answer is missing.", range: markerRange };
  }
  const steps: StepPlace[] = [];
  for (const draft of body.steps) {
    if (draft.q === undefined || draft.visits === undefined) {
      const reason = `The line with Q and visits of step ${draft.number} is missing.`;
      return { kind: "damaged", reason, range: draft.reasonRange };
    }
    steps.push(stepPlace(draft, draft.q, draft.visits, steps.length));
  }
  const seconds = field("seconds");
  const tokens = field("tokens");
  const solution: Solution = {
    traceId,
    problemHash,
    strategy,
    model,
    answer: body.answer,
    answerEvidence: body.answerEvidence,
    steps: steps.map((place) => place.step),
    ...(seconds === undefined ? {} : { seconds: Number(seconds) }),
    ...(tokens === undefined ? {} : { tokens: Number(tokens) }),
  };
  return { kind: "solution", solution, steps };
}

/** Ranges of whole lines inside the block that no rendering of ours can have written: a person's notes. */
export function foreignLines(lines: TextLines, block: SolutionBlock): readonly Range[] {
  if (!block.complete || block.version > FORMAT_VERSION) return [];
  const first = lines.numberAt(block.range.start) + 1;
  return readBody(lines, first, lines.numberAt(block.range.end) - 1, block.containers).foreign;
}

/**
 * Of a block without an end marker: the end of the last line that follows the opening marker's line and is, without
 * a gap, surely ours. `otherwise` when there is none.
 */
export function provenEnd(
  lines: TextLines,
  markerLine: number,
  limitLine: number,
  containers: Containers,
  otherwise: number,
): number {
  const body = readBody(lines, markerLine + 1, limitLine, containers, true);
  return body.provenLine === null ? otherwise : lines.at(body.provenLine).end;
}

function stepPlace(draft: StepDraft, q: number, visits: number, position: number): StepPlace {
  const { number, reason, code, value, ppm, evidence } = draft;
  return {
    step: { number, reason, code, output: draft.output ?? "", value, q, visits, ppm, evidence },
    position,
    range: { start: draft.reasonRange.start, end: draft.end },
    reasonRange: draft.reasonRange,
    codeRange: draft.codeRange,
  };
}
