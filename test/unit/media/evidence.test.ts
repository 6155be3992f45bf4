/** The evidence of an answer in a document and in the search view: other words for the same facts. */
import { describe, expect, it } from "vitest";
import { evidenceFor } from "../../../media/search/evidence.ts";
import { fromTrace } from "../../../media/search/tree-model.ts";
import type { Trace, TraceNode } from "../../../server/protocol/trace.ts";
import { toSolution } from "../../../server/solutions.ts";
import { recorded } from "../../media/fixtures.ts";

const mcts = recorded("mcts");
const greedy = recorded("greedy");

/** The evidence of the chosen answer as the view has it. */
function inView(trace: Trace) {
  const tree = fromTrace(trace);
  const answer = tree.nodes.get(trace.chosen ?? -1);
  if (answer === undefined) throw new Error("the trace has no answer");
  return evidenceFor(answer, tree, trace);
}

/** The evidence of the chosen answer as it is stored in a document and shown by hovers. */
function inDocument(trace: Trace) {
  return toSolution(trace, "hash").answerEvidence;
}

/** The trace with the chosen answer graded so. */
function graded(trace: Trace, grade: TraceNode["graded"]): Trace {
  const nodes = trace.nodes.map((node) => (node.id === trace.chosen ? { ...node, graded: grade } : node));
  return { ...trace, nodes };
}

describe("the evidence of an answer", () => {
  it("of a search with several answers", () => {
    expect(inView(mcts)).toEqual([
      { weight: "for", text: "15 of 17 solutions agree" },
      { weight: "for", text: "5 different programs give it" },
      { weight: "against", text: "1 of 17 give 33 instead" },
      { weight: "against", text: "1 of 17 give -33299000 instead" },
      { weight: "for", text: "Equals the given answer" },
    ]);
    expect(inDocument(mcts)).toEqual([
      {
        kind: "agreement",
        holds: true,
        text: "15 of 17 trajectories agree; 1 says 33; 1 says -33299000",
      },
      { kind: "second-program", holds: true, text: "5 different programs give it" },
      { kind: "reference", holds: true, text: "equals the given answer" },
    ]);
  });

  it("of a lone trajectory is not against it", () => {
    expect(inView(greedy)).toEqual([
      { weight: "neutral", text: "It is the only solution that reached an answer" },
      { weight: "for", text: "Equals the given answer" },
    ]);
    expect(inDocument(greedy)).toEqual([
      { kind: "agreement", holds: null, text: "only one trajectory reached an answer" },
      { kind: "reference", holds: true, text: "equals the given answer" },
    ]);
  });

  it("of an answer that few gave, and that is not the given one, is against it", () => {
    const other = { ...mcts, chosen: 49 };
    expect(inView(other)).toEqual([
      { weight: "against", text: "1 of 17 solutions agree" },
      { weight: "against", text: "15 of 17 give 266 instead" },
      { weight: "against", text: "1 of 17 give -33299000 instead" },
      { weight: "against", text: "Differs from the given answer" },
    ]);
    expect(inDocument(other)).toEqual([
      {
        kind: "agreement",
        holds: false,
        text: "1 of 17 trajectories agree; 15 say 266; 1 says -33299000",
      },
      { kind: "reference", holds: false, text: "differs from the given answer 266" },
    ]);
  });

  it.each(["undecided", null] as const)("that could not be compared (%s) is not against it", (grade) => {
    const trace = graded(mcts, grade);
    expect(inView(trace).at(-1)).toEqual({
      weight: "neutral",
      text: "Could not be compared with the given answer",
    });
    expect(inDocument(trace).at(-1)).toEqual({
      kind: "reference",
      holds: null,
      text: "could not be compared with the given answer 266",
    });
  });

  it("while a search runs is what the answer's own grade says", () => {
    const node = mcts.nodes[15];
    if (node === undefined) throw new Error("the fixture changed");
    const running = { ...fromTrace(mcts), votes: [] };
    expect(evidenceFor(node, running, null)).toEqual([{ weight: "for", text: "Equals the given answer" }]);
  });
});
