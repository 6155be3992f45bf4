/** In which order an evaluation searches. */
import { describe, expect, it } from "vitest";
import { otherCells } from "../../../server/evaluation/run.ts";
import { planFor, problemsOf } from "./support.ts";

describe("the searches of an evaluation", () => {
  const plan = planFor(problemsOf(5), { strategy: "greedy,self-consistency,mcts" });

  it("compare the methods block by block, each method's together", () => {
    const order = otherCells(plan, 1, 2).map(({ seed, method, problem }) =>
      [seed, problem, method].join(" "),
    );
    const ids = plan.problems.map(({ id }) => id);
    const blocks = [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)];
    expect(order).toEqual(
      plan.seeds.flatMap((seed) =>
        blocks.flatMap((block) =>
          ["self-consistency", "mcts"].flatMap((method) => block.map((id) => [seed, id, method].join(" "))),
        ),
      ),
    );
  });
});
