/**
 * The commands of lenses, code actions and hover links, with their one argument. In VS Code the extension has them
 * under these very names; for other editors the server runs them by `workspace/executeCommand`.
 */
export const COMMANDS = {
  /** `SolveParams` */
  solve: "rstarMath.solveProblem",
  /** `ProblemPlace`; asks for strategy and budget first. Client only. */
  solveWith: "rstarMath.solveProblemWith",
  /** `ResumeParams`: the place says which of several problems of the same text is meant. Client only. */
  showSearchTree: "rstarMath.showSearchTree",
  /** `{traceId}` of a running search. */
  stop: "rstarMath.stop",
  /** None. */
  stopAll: "rstarMath.stopAll",
  /** `ResumeParams` */
  resume: "rstarMath.resume",
  /** `ContinueParams` with a choice of kind `pin`. */
  pinStep: "rstarMath.pinStep",
  /** `ContinueParams` with a choice of kind `reject`. */
  rejectStep: "rstarMath.rejectStep",
  /** `ContinueParams` with a choice of kind `edit`; its text is what the document has now. */
  editStep: "rstarMath.editStep",
  /** `UseAlternativeParams` */
  useAlternative: "rstarMath.useAlternative",
  /** `VerifyParams` */
  verify: "rstarMath.verifyStep",
  /** `InsertSolutionParams` */
  insertSolution: "rstarMath.insertSolution",
  /** `ProblemPlace` */
  insertAnswer: "rstarMath.insertAnswer",
  /** `ProblemPlace` */
  removeSolution: "rstarMath.removeSolution",
} as const;
