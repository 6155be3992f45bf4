/** Who takes part in the comparison, and what one of them hands in for a problem. */
import { extractAnswer, lastBoxed } from "../../../server/grading/extract.ts";
import type { EvaluationProblem } from "../../../server/evaluation/problems.ts";

/** A solver as the report names it. */
export interface Contestant {
  readonly name: string;
  /** `ours` is compared with each `rival`. */
  readonly side: "ours" | "rival";
  /** What it does, with every setting, and where these are documented. For people. */
  readonly settings: string;
  /** Starts what it needs, outside of any attempt's time and memory. */
  ready?(): Promise<void>;
  /** The processes that work for it; their peak memory is its. */
  processes(): readonly number[];
  /**
   * One attempt at a problem. The reference answer is not used. When the signal is aborted it ends what it left behind
   * and hands in what it cost until then, without an answer.
   * @throws when the contestant's programs failed and do not tell what it cost.
   */
  solve(problem: EvaluationProblem, signal: AbortSignal): Promise<Attempt>;
}

/** What came of an attempt. */
export interface Attempt {
  /** The final answer as our extractor reads it; null where there is none. */
  readonly answer: string | null;
  /** Tokens that the model generated, all calls and dropped candidates included. */
  readonly generatedTokens: number;
  /** Prompt tokens that had to be computed. */
  readonly promptTokens: number;
  /** Why the contestant's programs failed, and after how many seconds; the costs are those until then. */
  readonly failure?: { readonly reason: string; readonly seconds: number };
  /** What it was read from (a trace, a response, samples), to be looked at. JSON. */
  readonly raw: unknown;
}

/** How chat models are asked: their answer is then found by every reader, ours and those of the rivals. */
export const CHAT_INSTRUCTION =
  "Solve the problem step by step. Close with a line of its own that holds nothing but the final answer, in this form:\nAnswer: \\boxed{your answer}";

/** The answer in what was asked for so: the last box, else what stands after the last `Answer:`, else the last line. */
export function chatAnswer(text: string): string | null {
  const boxed = lastBoxed(text);
  if (boxed !== null) return boxed;
  const named = [...text.matchAll(/^[\s*#]*(?:final )?answer[\s*]*:[\s*]*(\S.*)$/gimu)].at(-1)?.[1];
  return named?.replace(/[\s*]+$/u, "") ?? extractAnswer(text);
}

/** How chat models are asked for a program. */
export const PROGRAM_INSTRUCTION =
  "Write one Python program that solves the problem, in a single ```python block. SymPy may be used. It prints the final answer and nothing else. Fractions and roots stay exact.";
