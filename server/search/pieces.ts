/** Accepted steps as the models read them: shared by search and data sets, so that both say exactly the same. */
import { writeOutput, writeStep } from "./grammar.ts";

/** What the models see of a node. */
export interface ShownStep {
  readonly kind: "root" | "step" | "answer";
  readonly text: string;
  readonly code: string;
  readonly final: boolean;
  readonly output: string;
  readonly value: string | null;
}

/** A piece of text that is tokenised on its own, and what wrote it. */
export interface Piece {
  readonly text: string;
  readonly by: "step" | "program" | "answer";
}

/** Everything that the program of these steps printed; its last expression's value where its last step printed nothing. */
export function printedBy(path: readonly Pick<ShownStep, "output" | "value">[]): string {
  const outputs = path.map((step) => step.output).join("");
  const last = path.at(-1);
  const own = last === undefined || last.output.trim() !== "" ? null : last.value;
  return own === null || own === "" ? outputs.trim() : `${outputs}${own}`.trim();
}

/** The steps below the root in order, with the output after a closed program and with the answer. */
export function piecesOf(path: readonly ShownStep[]): Piece[] {
  const pieces: Piece[] = [];
  for (const [index, at] of path.entries()) {
    if (at.kind === "answer") pieces.push({ text: `${at.text}\n`, by: "answer" });
    else pieces.push({ text: writeStep({ text: at.code, final: at.final }), by: "step" });
    if (at.final && at.kind === "step")
      pieces.push({ text: writeOutput(printedBy(path.slice(0, index + 1))), by: "program" });
  }
  return pieces;
}
