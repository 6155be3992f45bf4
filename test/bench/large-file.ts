/** A long file of notes with problems, some of them solved: what the editor must stay quick on. */
import { applyEdit, insertSolution } from "../../server/document/edit.ts";
import { findProblems } from "../../server/document/problems.ts";
import type { Solution } from "../../server/document/solution.ts";

/** At least so many lines with so many problems; every second problem has a stored solution, unless none is wanted. */
export function largeFile(lines: number, problems: number, isSolved = true): string {
  const parts: string[] = ["# Notes\n"];
  const filler = Math.max(1, Math.floor((lines / problems - 30) / 4));
  for (let index = 1; index <= problems; index++) {
    parts.push(`## Problem ${index}\n\nWhat is ${index} times $7$, plus ${index}?\n`);
    parts.push(`### Notes on ${index}\n`);
    for (let line = 0; line < filler; line++)
      parts.push(`Some *words* on ${index}.${line} with $x_{${line}}^2$ and \`code\`.\n\n- one\n- two\n`);
  }
  let text = parts.join("\n");
  for (const problem of isSolved ? findProblems(text).problems.toReversed() : [])
    if (problem.index % 2 === 0)
      text = applyEdit(text, insertSolution(text, problem, solutionOf(problem.hash)));
  while (text.split("\n").length < lines) text += "\nOne more line of words.\n";
  return text;
}

function solutionOf(problemHash: string): Solution {
  return {
    traceId: "t-1",
    problemHash,
    strategy: "auto",
    model: "a model",
    answer: { text: "42" },
    answerEvidence: [{ kind: "agreement", holds: true, text: "4 of 4 trajectories agree" }],
    steps: [1, 2, 3].map((number) => ({
      number,
      reason: `Compute part ${number} with $x^${number}$.`,
      code: `# Step ${number}\nx${number} = ${number} * 7\nprint(x${number})`,
      output: String(number * 7),
      value: null,
      q: 0.5,
      visits: 4,
      ppm: 0.25,
      evidence: [{ kind: "ran", holds: true, text: "without error in 0.3 ms" }],
    })),
  };
}
