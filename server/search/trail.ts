/** What is to be drawn, and generated steps on their way into the tree. */
import type { TraceNode } from "../protocol/trace.ts";
import type { Candidate } from "../services.ts";
import { MARK, type ParsedStep } from "./grammar.ts";
import type { SearchNode } from "./tree.ts";

/** Where to draw candidates, and how many. */
export interface Draw {
  readonly node: SearchNode;
  readonly n: number;
}

/** Keeps the number of candidates within what the tokens left still pay for; always at least one in all. */
export function affordable(draws: readonly Draw[], remaining: number, usual: number): Draw[] {
  let left = Math.max(1, Math.floor(remaining / usual));
  const kept: Draw[] = [];
  for (const draw of draws) {
    const n = Math.min(draw.n, left);
    if (n > 0) kept.push({ node: draw.node, n });
    left -= n;
  }
  return kept;
}

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
