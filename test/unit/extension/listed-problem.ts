/** Problems as the server lists them: unsolved, unless a test says otherwise. */
import type { ListedProblem } from "../../../server/protocol/problem-list.ts";

const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };

/** The `index`-th problem of a file, 1-based. */
export function listedProblem(index: number, changes: Partial<ListedProblem> = {}): ListedProblem {
  const title = `Problem ${index}`;
  return {
    ...{ index, hash: `h${index}`, title, range, headingRange: range, solutionRange: null },
    ...{ state: "unsolved", detail: "", answer: null, differs: false, reference: null, steps: [] },
    ...{ traceId: null, storedTraceId: null, storedAnswer: null, resumable: false },
    ...changes,
  };
}
