/** The door to the problems of a document: found by their form, or made from selected text. */
export { BlockCache } from "./blocks.ts";
export { findProblems } from "./find-problems.ts";
export { isStale, shortHash, statementHash } from "./hash.ts";
export {
  DEFAULT_PROBLEM_OPTIONS,
  findAgain,
  type DocumentIssue,
  type DocumentProblems,
  type Problem,
  type ProblemKind,
  type ProblemOptions,
  type ReferenceAnswer,
  type SolutionBlock,
} from "./problem.ts";
export { problemFromSelection, type SelectedProblem } from "./selection.ts";
export type { Range } from "./text-lines.ts";
