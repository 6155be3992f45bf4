/** Reads a person's Markdown file and writes solutions into it, so that nothing else in it is ever touched or lost. */
import { constants } from "node:fs";
import { access, readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import { whileHeld, writeWhole } from "../replace-file.ts";
import { decode, encode } from "../document/decode.ts";
import { findAgain, findProblems, type Problem, type ProblemOptions } from "../document/problems.ts";
import { applyEdit, insertSolution } from "../document/edit.ts";
import type { Solution } from "../document/solution.ts";
import { codeOf } from "../errors.ts";
import { UNSTOPPED, withLock } from "../lock.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** A file's problems, and what a person should know of it in words, with line numbers. */
export interface FileContent {
  readonly text: string;
  readonly problems: readonly Problem[];
  readonly issues: readonly string[];
  /** Whether one of them is about a stored solution, which is then not read as one. */
  readonly hasBadSolution: boolean;
}

/** Reads and parses a file. @throws CommandFailure when it is missing, a folder, or not UTF-8. */
export async function readProblems(file: string, options: ProblemOptions = {}): Promise<FileContent> {
  const { text } = await readText(file);
  const { problems, issues } = findProblems(text, options);
  return {
    text,
    problems,
    issues: issues.map(({ range, message }) => `line ${lineOf(text, range.start)}: ${message}`),
    hasBadSolution: issues.some(({ kind }) => kind !== "empty-problem" && kind !== "unclosed-block"),
  };
}

/** What came of writing a solution. */
export interface Written {
  readonly kind: "written" | "kept-aside";
  readonly message: string;
}

/**
 * Puts a solution below its problem in the file as it is now: it is read again under a lock, so two solves on one file
 * both land, and what the person wrote meanwhile stays. Written to a new file that takes the old one's place at once.
 * `isStored`: whether its search is in the store, so that it can be had from there.
 */
export async function writeSolution(
  file: string,
  problem: Problem,
  solution: Solution,
  options: ProblemOptions = {},
  isStored = true,
): Promise<Written> {
  const kept = isStored
    ? `It is kept as trace ${solution.traceId}: \`rstar traces show ${solution.traceId}\`.`
    : "It is not in the store either: what is shown here is all there is of it, so copy it from here.";
  const aside = (why: string): Written => ({
    kind: "kept-aside",
    message: `${why}, so the solution was not written. ${kept}`,
  });
  // A rename would replace a read-only file all the same; its owner said not to change it.
  const mode = (await stat(file).catch(() => null))?.mode;
  if (mode === undefined) return aside(`${file} is gone`);
  if ((mode & 0o222) === 0 || !(await isWritable(file))) return aside(`${file} is read-only`);
  // The lock and the new file lie beside it.
  const real = await realpath(file);
  if (!(await isWritable(dirname(real)))) return aside(`The folder of ${file} cannot be written`);
  try {
    // All of it again while another program is in the way: that may be an editor that saves what the person wrote.
    const write = async (): Promise<Written> => {
      const { text, bom } = await readText(file);
      const now = findAgain(findProblems(text, options).problems, problem);
      if (now === undefined) return aside(`Problem ${problem.index} of ${file} was changed meanwhile`);
      const edited = applyEdit(text, insertSolution(text, now, solution));
      await writeWhole(file, encode(edited, bom));
      return { kind: "written", message: `Written below the problem in ${file}.` };
    };
    return await withLock(real, UNSTOPPED, () => whileHeld(write));
  } catch (error) {
    if (error instanceof CommandFailure) return aside(error.message);
    if (error instanceof Error && "code" in error)
      return aside(`${file} could not be written (${error.message})`);
    throw error;
  }
}

/** Reads a file as text. @throws CommandFailure when it is missing, a folder, or not UTF-8. */
export async function readText(file: string): Promise<{ text: string; bom: boolean }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") throw new CommandFailure(EXIT.input, `There is no file ${file}.`);
    if (code === "EISDIR") throw new CommandFailure(EXIT.input, `${file} is a folder; name a file in it.`);
    throw new CommandFailure(EXIT.input, `${file} could not be read: ${String(error)}`);
  }
  const decoded = decode(bytes);
  if (decoded.kind === "failed") throw new CommandFailure(EXIT.input, `${file}: ${decoded.reason}`);
  return decoded;
}

async function isWritable(file: string): Promise<boolean> {
  return access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Adds the words by which problems, answers and written solutions are found in a Markdown file: `ProblemOptions`. */
export function withWords(command: Command): Command {
  return command
    .option(
      "--headings <words>",
      "words that begin a problem's heading or bold label, separated by commas",
      wordList,
    )
    .option("--answers <words>", "words that begin the line of a given answer, separated by commas", wordList)
    .option(
      "--solutions <words>",
      "words that begin the heading, bold label or summary of a written solution, separated by commas",
      wordList,
    )
    .option(
      "--fences <words>",
      "first words of the info string of a problem fence, separated by commas",
      wordList,
    );
}

/** `Problem, Aufgabe` as a list. */
export function wordList(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
