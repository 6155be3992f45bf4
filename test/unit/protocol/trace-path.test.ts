/** What is known of the answers of recorded searches: how it counts, which programs differ, which answer is the best. */
import { describe, expect, it } from "vitest";
import { fromTrace } from "../../../media/search/tree-model.ts";
import type { Trace, TraceNode } from "../../../server/protocol/trace.ts";
import { answerFacts, bestAnswerBelow, pathTo, programOf } from "../../../server/protocol/trace-path.ts";
import { recorded } from "../../media/fixtures.ts";

const mcts = recorded("mcts");
const greedy = recorded("greedy");

/** The node, which has to be there. */
function nodeOf(trace: Trace, id: number | null): TraceNode {
  const node = trace.nodes[id ?? -1];
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
}

/** The facts of the chosen answer, or of another one. */
function factsOf(trace: Trace, id = trace.chosen) {
  return answerFacts(trace, nodeOf(trace, id), trace.problem.reference);
}

/** The trace with another grade for the chosen answer. */
function graded(trace: Trace, grade: TraceNode["graded"]): Trace {
  const nodes = trace.nodes.map((node) => (node.id === trace.chosen ? { ...node, graded: grade } : node));
  return { ...trace, nodes };
}

describe("a program", () => {
  it("is the code of its steps without comments and blank lines", () => {
    const path = [
      { code: "# Step 1: add\n\nx = 1 # one\n  # indented" },
      { code: "" },
      { code: "print(x)\n" },
    ];
    expect(programOf(path)).toBe("x = 1 # one\nprint(x)");
  });

  it("is one where only the words differ: 9 trajectories of the recorded search are 5 programs", () => {
    const own = mcts.votes[0]?.nodes ?? [];
    const raw = own.map((id) =>
      pathTo(mcts.nodes, id)
        .map(({ code }) => code)
        .join("\n"),
    );
    expect(new Set(raw).size).toBe(9);
    expect(factsOf(mcts).programs).toEqual({ weight: "for", count: 5 });
  });

  it("is nothing to tell of where it is the only one", () => {
    expect(factsOf(greedy).programs).toBeNull();
    expect(factsOf(mcts, 49).programs).toBeNull();
  });
});

describe("the facts of an answer", () => {
  it("speak for the one that most trajectories gave, and against the others", () => {
    expect(factsOf(mcts).agreement).toEqual({
      weight: "for",
      support: 15,
      total: 17,
      rivals: [
        { weight: "against", answer: "33", count: 1 },
        { weight: "against", answer: "-33299000", count: 1 },
      ],
    });
    expect(factsOf(mcts, 49).agreement).toMatchObject({ weight: "against", support: 1, total: 17 });
  });

  it("speak neither way of a lone trajectory", () => {
    expect(factsOf(greedy).agreement).toEqual({ weight: "neutral", support: 1, total: 1, rivals: [] });
  });

  it("say nothing of agreement where the answer takes no part in the vote", () => {
    expect(factsOf({ ...mcts, votes: mcts.votes.slice(1) })).toMatchObject({
      agreement: null,
      programs: null,
    });
  });

  it.each([
    ["equal", { weight: "for", verdict: "equal" }],
    ["different", { weight: "against", verdict: "different" }],
    ["undecided", { weight: "neutral", verdict: "undecided" }],
    [null, { weight: "neutral", verdict: "undecided" }],
  ] as const)("beside a given answer: graded %s", (grade, expected) => {
    expect(factsOf(graded(greedy, grade)).grade).toEqual(expected);
  });

  it("have no grade where no answer is given", () => {
    expect(answerFacts(greedy, nodeOf(graded(greedy, null), greedy.chosen), null).grade).toBeNull();
  });
});

describe("the best answer below a node", () => {
  it.each([mcts, greedy])("below the root is the one that the search chose", (trace) => {
    expect(bestAnswerBelow(trace, 0)?.id).toBe(trace.chosen);
  });

  it("is the same in a trace and in the tree that a view makes of it", () => {
    const tree = fromTrace(mcts);
    for (const { id } of mcts.nodes)
      expect(bestAnswerBelow(tree, id)?.id).toBe(bestAnswerBelow(mcts, id)?.id);
  });

  it("is of the group that weighs most, whatever a lone answer's own value is", () => {
    const nodes = mcts.nodes.map((node) => (node.id === 49 ? { ...node, sum: 1, visits: 1 } : node));
    for (const tree of [{ ...mcts, nodes }, fromTrace({ ...mcts, nodes })])
      expect(bestAnswerBelow(tree, 0)?.id).toBe(mcts.chosen);
  });

  it("is by value where the search's own choice of the group is not below the node", () => {
    const nodes = mcts.nodes.map((node) => (node.id === 32 ? { ...node, sum: 0.8 } : node));
    expect(bestAnswerBelow(mcts, 1)?.id).toBe(13);
    expect(bestAnswerBelow({ ...mcts, nodes }, 1)?.id).toBe(32);
  });

  it("is itself where it is an answer, and none where no trajectory through it reached one", () => {
    expect(bestAnswerBelow(mcts, 16)?.id).toBe(16);
    const refused = mcts.nodes.find(({ status }) => status === "rejected");
    expect(bestAnswerBelow(mcts, refused?.id ?? 0)).toBeNull();
  });
});
