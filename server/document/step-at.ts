/** Which step of a stored solution a position is in: the inverse of the rendering, for hovers and step actions. */
import type { SolutionBlock } from "./problem.ts";
import { parseSolution, type StepPlace } from "./read-solution.ts";
import type { Solution } from "./solution-model.ts";

/** A step found at a position, with the solution that it belongs to. */
export interface FoundStep extends StepPlace {
  readonly block: SolutionBlock;
  readonly solution: Solution;
}

/** The step at the offset; null outside of every step and in a block that cannot be read. */
export function stepAt(text: string, solutions: readonly SolutionBlock[], offset: number): FoundStep | null {
  const block = solutions.find(({ range }) => range.start <= offset && offset <= range.end);
  if (block === undefined) return null;
  const parsed = parseSolution(text, block);
  switch (parsed.kind) {
    case "damaged":
      return null;
    case "solution": {
      const place = parsed.steps.find(({ range }) => range.start <= offset && offset <= range.end);
      return place === undefined ? null : { ...place, block, solution: parsed.solution };
    }
    default:
      return parsed satisfies never;
  }
}
