/** Keeps problems of evaluation sets out of training: by id and by normalised text. Pure. */
import { createHash } from "node:crypto";
import known from "./evaluation-problems.json" with { type: "json" };

/** Problems that may never train. */
export interface EvaluationProblems {
  /** Beginnings of ids that stand for a whole set. */
  readonly idPrefixes: readonly string[];
  /** Fingerprints of their texts. */
  readonly texts: ReadonlySet<string>;
}

/**
 * A problem's text with all that typesetting may change taken out: case, spaces, punctuation, dollar signs and the
 * LaTeX commands that only place things. Two problems that differ in operators alone share it; that errs on the safe
 * side, since it only ever keeps a problem out of training.
 */
function normaliseText(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(
      /\\(?:left|right|displaystyle|textstyle|mathrm|mathbf|text|textbf|dfrac|tfrac|frac|quad|qquad|cdot|times)(?![a-z])/gu,
      (command) => (command.endsWith("frac") ? "frac" : ""),
    )
    .replace(/[^\p{L}\p{N}]/gu, "");
}

/** The first 64 bits of the SHA-256 of the normalised text, in hex. */
export function fingerprint(text: string): string {
  return createHash("sha256").update(normaliseText(text)).digest("hex").slice(0, 16);
}

/** The sets that this project evaluates on. */
export function evaluationProblems(): EvaluationProblems {
  return {
    idPrefixes: known.sets.map(({ id }) => `${id}-`),
    texts: new Set(known.sets.flatMap(({ fingerprints }) => fingerprints)),
  };
}

/** Whether a problem is one of them. */
export function isEvaluationProblem(
  problem: { readonly id: string; readonly text: string },
  { idPrefixes, texts }: EvaluationProblems,
): boolean {
  return idPrefixes.some((prefix) => problem.id.startsWith(prefix)) || texts.has(fingerprint(problem.text));
}
