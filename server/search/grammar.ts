/**
 * The step grammar: the marks, the writer and the parser of code-augmented steps (rStar-Math section 3.2). Shared by
 * search, data sets and training, so that a model is asked for exactly what it was trained on.
 */
import type { Candidate } from "../services.ts";
import type { Rejection } from "../protocol/trace.ts";

/** The marks that models read and write, as the public rStar-Math code spells them. */
export const MARK = {
  code: "<code>",
  endOfStep: "<end_of_step>",
  endOfCode: "<end_of_code>",
  output: "<output>",
  endOfOutput: "<end_of_output>",
  answer: "<answer>",
  endOfAnswer: "<end_of_answer>",
} as const;

/** Untuned models often go on to the next step's comment without closing the one before: that closes it too. */
const NEXT_STEP = "\n# Step ";
/** A Markdown fence closes a program only on a line of its own: some models open one before they begin. */
const FENCE = "\n```";

/**
 * What ends one step. Beyond the marks: the next step's comment, and what an untuned model writes where it should have
 * closed the program.
 */
export const STEP_STOPS: readonly string[] = [
  MARK.endOfStep,
  NEXT_STEP,
  MARK.endOfCode,
  MARK.output,
  FENCE,
  "\nQuestion:",
];
/** What ends a continuation to the end of the program. */
export const CONTINUATION_STOPS: readonly string[] = [MARK.endOfCode, MARK.output, FENCE, "\nQuestion:"];
/** What ends an answer step. */
export const ANSWER_STOPS: readonly string[] = [MARK.endOfAnswer, "<end_of", "\nQuestion:"];

/** A step that could be read. */
export interface Step {
  /** As generated, trimmed, without the closing mark. */
  readonly text: string;
  /** The leading comment's words, without `# Step k:`; empty when the model gave none. */
  readonly reason: string;
  readonly code: string;
  /** Whether it closed the program. */
  readonly final: boolean;
}

/** A step, or the name of what was wrong with it. */
export type ParsedStep =
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "failure"; readonly text: string; readonly rejection: Rejection };

const STEP_COMMENT = /^#\s*(?:step\s*\d+\s*[:.)-]?\s*)?(.*)$/iu;

/** Reads one generated step. `closing` is the stop string that ended it, or null when the model never closed it. */
export function parseStep(generated: string, closing: string | null): ParsedStep {
  const text = stripFence(generated).replace(/\s+$/u, "").replace(/^\n+/u, "");
  const failure = (kind: Rejection["kind"], message: string): ParsedStep => ({
    kind: "failure",
    text,
    rejection: { kind, message, line: null },
  });
  if (text.trim() === "") return failure("empty", "The model wrote nothing.");
  if (closing === null)
    return failure("unclosed", "The model did not close the step within its limit of tokens.");
  const lines = text.split("\n");
  if (lines.every((line) => line.trim() === "" || line.trimStart().startsWith("#")))
    return failure("no-code", "The step is only a comment: it has no code to check.");
  const comment: string[] = [];
  for (const line of lines) {
    const match = STEP_COMMENT.exec(line);
    if (match === null) break;
    comment.push((match[1] ?? "").trim());
  }
  return {
    kind: "step",
    step: {
      text,
      reason: comment.join(" ").trim(),
      code: text,
      final: closing !== MARK.endOfStep && closing !== NEXT_STEP,
    },
  };
}

/** Reads a candidate that was stopped at the end of one step. */
export function parseCandidate(candidate: Candidate): ParsedStep {
  return parseStep(candidate.text, candidate.finish.kind === "stop" ? candidate.finish.stop : null);
}

/**
 * Reads a continuation that may hold several steps. The first failure ends the list: nothing after a step that cannot
 * be read means anything.
 */
export function parseContinuation(candidate: Candidate): ParsedStep[] {
  // The fence first: a step's comment behind it does not begin a second step.
  const pieces = stripFence(candidate.text)
    .split(MARK.endOfStep)
    .flatMap((piece) => piece.split(/\n(?=# Step )/u))
    .filter((piece, index, all) => piece.trim() !== "" || index === all.length - 1);
  const closing = candidate.finish.kind === "stop" ? candidate.finish.stop : null;
  const steps: ParsedStep[] = [];
  for (const [index, piece] of pieces.entries()) {
    const last = index === pieces.length - 1;
    const parsed = parseStep(piece, last ? closing : MARK.endOfStep);
    steps.push(parsed);
    if (parsed.kind === "failure") break;
  }
  return steps;
}

/** An accepted step as the models see it, closed by its mark. */
export function writeStep(step: Pick<Step, "text" | "final">): string {
  return `${step.text}\n${step.final ? MARK.endOfCode : MARK.endOfStep}\n`;
}

/** How much of a program's output the models see, in characters. */
const OUTPUT_SHOWN = 500;

/** The program's output as the models see it after the last step. */
export function writeOutput(output: string): string {
  const shown = output.length > OUTPUT_SHOWN ? `${output.slice(0, OUTPUT_SHOWN)}…` : output;
  return `${MARK.output}\n${shown.replace(/\n+$/u, "")}\n${MARK.endOfOutput}\n`;
}

/** An answer step. */
export function writeAnswer(answer: string): string {
  return `${MARK.answer}\nThe answer is \\boxed{${answer}}.\n${MARK.endOfAnswer}\n`;
}

/** The opening of an answer step, when the policy is to write the rest. */
export const ANSWER_OPENING = `${MARK.answer}\n`;

/** Untuned models like to open a Markdown fence inside `<code>`; it says nothing and would not run. */
function stripFence(text: string): string {
  return text.replace(/^\s*```(?:python|py)?[ \t]*(?:\n|$)/u, "");
}
