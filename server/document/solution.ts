/** The door to stored solutions: what they hold, how they are written, how they are read. */
export {
  EVIDENCE_KINDS,
  FORMAT_VERSION,
  tidyScore,
  type Evidence,
  type EvidenceKind,
  type Solution,
  type SolutionAnswer,
  type SolutionStep,
} from "./solution-model.ts";
export { parseSolution, type ParsedSolution, type StepPlace } from "./read-solution.ts";
export { exportSolution } from "./export-solution.ts";
export { renderSolution } from "./render-solution.ts";
