/** Generated steps on their way into the tree. */
import type { TraceNode } from "../protocol/trace.ts";
import type { Candidate } from "../services.ts";
import { MARK, type ParsedStep } from "./grammar.ts";
import type { SearchNode } from "./tree.ts";

/** Steps still to be added below a node. */
export interface Trail {
  readonly at: SearchNode;
  readonly steps: readonly CostedStep[];
}

/** A step as parsed, and what it cost to generate. */
export interface CostedStep {
  readonly parsed: ParsedStep;
  readonly tokens: number;
  readonly logProb: TraceNode["logProb"];
}

/** Shares a candidate's tokens out among its steps by length: the engine counts them for the whole. */
export function costed(steps: readonly ParsedStep[], candidate: Candidate): CostedStep[] {
  const lengths = steps.map(
    (step) => (step.kind === "step" ? step.step.text : step.text).length + MARK.endOfStep.length,
  );
  const all = lengths.reduce((sum, length) => sum + length, 0);
  let given = 0;
  return steps.map((parsed, index) => {
    const isLast = index === steps.length - 1;
    const tokens = isLast
      ? candidate.tokens - given
      : Math.floor((candidate.tokens * (lengths[index] ?? 0)) / Math.max(1, all));
    given += tokens;
    return { parsed, tokens, logProb: candidate.logProb };
  });
}
