/** Reads a person's file of problems with answers: Markdown whose problems have an answer line, or JSON lines. */
import path from "node:path";
import type { ProblemOptions } from "../document/problems.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { readProblems, readText } from "./files.ts";

/** What `--problems` takes, for the help. */
export const PROBLEM_FILE =
  "a Markdown file whose problems have answers, or JSON lines with id, problem, answer and, if known, level";

/**
 * The problems as JSON lines, those of a Markdown file without an answer being left out.
 * @throws CommandFailure when the file cannot be read or none of its problems has an answer.
 */
export async function problemLines(file: string, words: ProblemOptions): Promise<string> {
  if (![".md", ".markdown"].includes(path.extname(file).toLowerCase())) return (await readText(file)).text;
  const { problems } = await readProblems(file, words);
  const lines = problems.flatMap(({ id, statement, reference }) =>
    reference === undefined ? [] : [JSON.stringify({ id, problem: statement, answer: reference.text })],
  );
  if (lines.length === 0)
    throw new CommandFailure(
      EXIT.input,
      `${file} has no problem with a given answer: a line such as "Answer: 42" below it. Nothing was begun.`,
    );
  const left = problems.length - lines.length;
  if (left > 0)
    process.stderr.write(
      `${left} ${left === 1 ? "problem has" : "problems have"} no given answer and ${left === 1 ? "is" : "are"} left out.\n`,
    );
  return lines.join("\n");
}
