/** What a stored solution holds. Rendering it to Markdown and reading it back gives the same value. */

/** The version of the stored form that this code writes. */
export const FORMAT_VERSION = 1;

/**
 * One reason to trust a step or an answer, or (`holds` false) one against it, or (null) what is to be known and is
 * neither. There is no bare "verified".
 *
 * - `ran`: the code ran without an error
 * - `assertions`: its own assertions hold
 * - `second-program`: an independent program gives the same
 * - `agreement`: so many of so many rollouts agree
 * - `reference`: it equals the given answer
 */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly holds: boolean | null;
  readonly text: string;
}

/** The kinds of evidence, in the order of the ladder. */
export const EVIDENCE_KINDS = ["ran", "assertions", "second-program", "agreement", "reference"] as const;

export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/** One step of a solution: why, the Python that does it, and what came of it. */
export interface SolutionStep {
  readonly number: number;
  /** The step's comment, in words; math between dollars is kept as math. */
  readonly reason: string;
  readonly code: string;
  /** What the code printed. */
  readonly output: string;
  /** The value of its last expression, if it has one. */
  readonly value: string | null;
  /** Mean value of the rollouts through this step. Written in full: round it first, see `tidyScore`. */
  readonly q: number;
  readonly visits: number;
  /** The PPM's score, null when no PPM took part. Written in full, like `q`. */
  readonly ppm: number | null;
  readonly evidence: readonly Evidence[];
}

/** A final answer as it was given, and LaTeX to show in its place where the two differ. */
export interface SolutionAnswer {
  readonly text: string;
  readonly display?: string;
}

/** A solution as it stands in a document. */
export interface Solution {
  readonly traceId: string;
  /** The statement's hash, in full or as `shortHash` gives it. */
  readonly problemHash: string;
  readonly strategy: string;
  readonly model: string;
  /** Null when the search ended without one. */
  readonly answer: SolutionAnswer | null;
  readonly answerEvidence: readonly Evidence[];
  readonly steps: readonly SolutionStep[];
  /** Wall time of the search. */
  readonly seconds?: number;
  /** Generated tokens. */
  readonly tokens?: number;
}

/** A score with the two decimals that are worth reading; the trace keeps the exact one. */
export function tidyScore(score: number): number {
  return Math.round(score * 100) / 100 + 0;
}
