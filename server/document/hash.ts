/** The hash that ties a solution to the statement it solves. */
import { createHash } from "node:crypto";

import type { Problem, SolutionBlock } from "./problem.ts";

/** How much of a hash a marker shows: enough to tell the problems of one document apart. */
const SHORT_HASH_LENGTH = 12;

/** SHA-256 of a statement, lower-case hex. Line endings, trailing white space and blank lines do not count. */
export function statementHash(statement: string): string {
  const normalised = statement
    .normalize("NFC")
    .split(/\r\n|\n|\r/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n");
  return createHash("sha256").update(normalised, "utf8").digest("hex");
}

/** The form of a problem's hash that a solution's marker holds. */
export function shortHash(hash: string): string {
  return hash.slice(0, SHORT_HASH_LENGTH);
}

/** Whether the statement was changed after this solution was found, as far as the marker can tell. */
export function isStale(problem: Problem, block: SolutionBlock): boolean {
  return !isSolutionOf(problem.hash, block);
}

/** Whether the block's marker names this hash, in full or in short form. */
export function isSolutionOf(hash: string, block: SolutionBlock): boolean {
  return block.problemHash.length >= SHORT_HASH_LENGTH && hash.startsWith(block.problemHash);
}
