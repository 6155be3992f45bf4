/** Searches that were made before a run began, for its first round to train on in place of searching again. Pure. */
import type { Trace } from "../protocol/trace.ts";
import { sha256 } from "../search/solve.ts";
import { isGradedBy } from "./labels.ts";
import { withoutContinued } from "./problem-tree.ts";
import type { TrainingProblem } from "./problems.ts";
import { isSolved, traceIdOf } from "./search-stage.ts";

/**
 * The traces of the run's training problems under the names that its own searches would have, so that no problem that
 * has one is searched again at the first budget; where one has several, the name goes to one that solved it. Told apart
 * by the hash of the text: published traces come without it, and get it back here with the reference answer. Traces
 * whose answers were never graded, or against another answer, say nothing about right and wrong and are left out.
 */
export function earlierSearches(
  runId: string,
  traces: readonly Trace[],
  train: readonly TrainingProblem[],
): Trace[] {
  const problems = new Map(train.map((problem) => [sha256(problem.problem), problem]));
  const taken = new Map<string, number>();
  // Before they are renamed: a continuation names the search that it went on from.
  return withoutContinued(traces)
    .filter(isGraded)
    .toSorted((a, b) => Number(isSolved(b)) - Number(isSolved(a)))
    .flatMap((trace) => {
      const problem = problems.get(trace.problem.sha256);
      if (problem === undefined) return [];
      if (trace.problem.reference !== null && !isGradedBy(problem.answer, trace)) return [];
      const before = taken.get(problem.id) ?? 0;
      taken.set(problem.id, before + 1);
      const { id, problem: text, answer: reference } = problem;
      const name = traceIdOf(runId, 1, 0, id);
      return [
        {
          ...trace,
          id: before === 0 ? name : `${name}-earlier-${before}`,
          problem: { ...trace.problem, id, text, reference },
        },
      ];
    });
}

function isGraded(trace: Trace): boolean {
  return trace.nodes.every(
    ({ answer, rejection, graded }) => answer === null || rejection !== null || graded !== null,
  );
}
