import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { qValue, Tree, uct, type BackupRule, type SearchNode } from "../../../server/search/tree.ts";
import { AnswerGroups, betaAboveHalf, isSettled } from "../../../server/search/vote.ts";

function step(tree: Tree, parent: SearchNode, text: string, logProb: number | null = null): SearchNode {
  return tree.add(parent, {
    kind: "step",
    text,
    reason: "",
    code: text,
    final: false,
    logProb: logProb === null ? null : { mean: logProb, min: logProb },
    answer: null,
  }).node;
}

function answer(
  tree: Tree,
  parent: SearchNode,
  text: string,
  arrivals: number,
  logProb: number | null = null,
): SearchNode {
  const { node } = tree.add(parent, {
    kind: "answer",
    text,
    reason: "",
    code: "",
    final: true,
    logProb: logProb === null ? null : { mean: logProb, min: logProb },
    answer: text,
  });
  node.arrivals = arrivals;
  return node;
}

const rightIsPlus: BackupRule = {
  terminalValue: (node) => (node.answer === "right" ? 1 : -1),
  deadEndValue: null,
  ppmPrior: false,
};

describe("the backup", () => {
  it("adds +1 and -1 along the path (Eq. 2)", () => {
    const tree = new Tree();
    const a = step(tree, tree.root, "a");
    const b = step(tree, a, "b");
    const c = step(tree, a, "c");
    answer(tree, b, "right", 2);
    answer(tree, c, "wrong", 1);
    tree.backup(rightIsPlus);
    expect([a.sum, a.visits, b.sum, b.visits, c.sum, c.visits]).toEqual([1, 3, 2, 2, -1, 1]);
    expect(qValue(a)).toBeCloseTo(1 / 3);
    expect(tree.root.visits).toBe(3);
  });

  it("starts a step at its PPM score as one visit (Eq. 3)", () => {
    const tree = new Tree();
    const a = step(tree, tree.root, "a");
    a.ppm = 0.5;
    answer(tree, a, "right", 1);
    tree.backup({ ...rightIsPlus, ppmPrior: true });
    expect([a.sum, a.visits, qValue(a)]).toEqual([1.5, 2, 0.75]);
  });

  it("counts a dead end only when it has a value", () => {
    const tree = new Tree();
    const a = step(tree, tree.root, "a");
    const dead = step(tree, a, "dead");
    dead.rejection = { kind: "error", message: "", line: null };
    dead.arrivals = 1;
    tree.backup(rightIsPlus);
    expect(a.visits).toBe(0);
    tree.backup({ ...rightIsPlus, deadEndValue: -1 });
    expect([a.sum, a.visits]).toEqual([-1, 1]);
  });

  it("gives every node the sums of the trajectories below it, in any tree, however often it is repeated", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20), fc.boolean(), fc.integer({ min: 1, max: 3 })), { maxLength: 30 }),
        (ends) => {
          const tree = new Tree();
          const steps = [tree.root];
          for (const [at, isRight, arrivals] of ends) {
            const parent = steps[at % steps.length] ?? tree.root;
            const child = step(tree, parent, `s${steps.length}`);
            steps.push(child);
            answer(tree, child, isRight ? "right" : "wrong", arrivals);
          }
          tree.backup(rightIsPlus);
          tree.backup(rightIsPlus);
          for (const node of tree.nodes) {
            const below = tree.nodes.filter((other) => isBelow(other, node) && other.kind === "answer");
            expect(node.visits).toBe(below.reduce((sum, end) => sum + end.arrivals, 0));
            expect(node.sum).toBe(
              below.reduce((sum, end) => sum + end.arrivals * rightIsPlus.terminalValue(end), 0),
            );
          }
        },
      ),
    );
  });
});

function isBelow(node: SearchNode, ancestor: SearchNode): boolean {
  for (let at: SearchNode | null = node; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
}

describe("UCT", () => {
  it("is infinite for a child that was never visited", () => {
    expect(uct({ sum: 0, visits: 0 }, 10, 2)).toBe(Infinity);
  });

  it("is Q plus c times the root of ln N_parent over N (Eq. 1)", () => {
    expect(uct({ sum: 3, visits: 4 }, 16, 2)).toBeCloseTo(0.75 + 2 * Math.sqrt(Math.log(16) / 4));
  });
});

describe("identical siblings", () => {
  it("are merged and counted", () => {
    const tree = new Tree();
    const first = step(tree, tree.root, "a");
    const second = step(tree, tree.root, "a");
    expect(second).toBe(first);
    expect(first.samples).toBe(2);
    expect(tree.root.children).toHaveLength(1);
  });
});

describe("groups that an earlier search found", () => {
  it("are not compared again, and ties go by the order of the tree once all are counted", () => {
    const tree = new Tree();
    const [first, second] = ["a", "b"].map((text) => answer(tree, tree.root, text, 1));
    if (first === undefined || second === undefined) throw new Error("two answers");
    const groups = new AnswerGroups({ equivalent: () => Promise.reject(new Error("compared")) });
    groups.adopt([[second], [], [first]]);
    const winner = () => groups.votes(16)[0]?.answer;
    expect(winner()).toBe("b");
    groups.order();
    expect(winner()).toBe("a");
    expect(groups.support(first)).toEqual({ count: 1, total: 2 });
  });
});

describe("a trajectory that was not scored", () => {
  it("does not stand for its group where another one was", () => {
    const tree = new Tree();
    const groups = new AnswerGroups({ equivalent: () => Promise.reject(new Error("compared")) });
    const scored = answer(tree, step(tree, tree.root, "p", -3), "a", 1);
    const stopped = answer(tree, step(tree, tree.root, "q", -0.1), "a", 2);
    scored.ppm = -0.5;
    groups.adopt([[stopped, scored]]);
    expect(groups.votes(16)[0]?.nodes).toEqual([scored.id, stopped.id]);
  });
});

describe("a tie of the vote", () => {
  /** The groups of answers below programs of these likelihoods, each reached so often. */
  function winner(
    ...programs: { readonly says: string; readonly logProb: number; readonly arrivals: number }[]
  ) {
    const tree = new Tree();
    const groups = new AnswerGroups({ equivalent: () => Promise.reject(new Error("compared")) });
    const nodes = programs.map(({ says, logProb, arrivals }, index) => {
      const program = step(tree, tree.root, `p${index}`, logProb);
      // The first answer the policy copied from the output: of that it is sure, whatever the program.
      return answer(tree, program, says, arrivals, index === 0 ? 0 : null);
    });
    groups.adopt(["a", "b"].map((says) => nodes.filter(({ text }) => text === says)));
    return groups.votes(16)[0]?.answer;
  }

  it("goes by how likely the program was, not by how surely its output was copied", () => {
    expect(winner({ says: "a", logProb: -0.5, arrivals: 1 }, { says: "b", logProb: -0.1, arrivals: 1 })).toBe(
      "b",
    );
  });

  it("does not go to one program that was drawn twice", () => {
    expect(
      winner(
        { says: "a", logProb: -0.5, arrivals: 2 },
        { says: "b", logProb: -0.4, arrivals: 1 },
        { says: "b", logProb: -0.6, arrivals: 1 },
      ),
    ).toBe("b");
  });
});

describe("a settled vote", () => {
  it.each([
    [4, 0, true],
    [3, 0, false],
    [2, 0, false],
    [8, 2, true],
    [5, 3, false],
  ])("%d against %d at 95%%: %s", (first, second, settled) =>
    expect(isSettled(first, second, 0.95)).toBe(settled),
  );

  it("follows the Beta distribution", () => {
    expect(betaAboveHalf(1, 1)).toBeCloseTo(0.5);
    expect(betaAboveHalf(5, 1)).toBeCloseTo(31 / 32);
    expect(betaAboveHalf(3, 3)).toBeCloseTo(0.5);
  });
});
