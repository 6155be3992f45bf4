/** Which answers count as the same, and what is backed up of what was rejected. */
import { describe, expect, it } from "vitest";
import { pathTo } from "../../../server/protocol/trace-path.ts";
import type { Trace, TraceNode } from "../../../server/protocol/trace.ts";
import { answerNames, labelProblem } from "../../../server/evolution/labels.ts";
import { mergeTraces, qOf, withoutContinued } from "../../../server/evolution/problem-tree.ts";
import { problemsOf } from "../../../server/evolution/ppm-report.ts";
import { SELECTION } from "../../../server/evolution/profiles.ts";
import { problemOf, RULES, search, selectTrainingData, type World } from "./searches.ts";

const WORLD: World = {
  salt: 3,
  wordings: 5,
  answers: 2,
  failing: 0,
  withPpm: false,
  deadEndValue: -1,
  rollout: "continuation",
};

/** A search whose answers 0 and 1 are expressions that its grader found to be equal. */
async function factored(reference: string | null): Promise<Trace> {
  const trace = await search(WORLD, { id: "p-1", text: "Factor it.", reference }, 1);
  const nodes = trace.nodes.map((node) =>
    node.kind !== "answer"
      ? node
      : { ...node, answer: node.answer === "0" ? "(a+1)*(b+2)" : "a*b+2*a+b+2", graded: null },
  );
  const answers = nodes.flatMap(({ kind, id }) => (kind === "answer" ? [id] : []));
  const [vote] = trace.votes;
  if (vote === undefined || trace.votes.length < 2) throw new Error("two answers were expected");
  return { ...trace, nodes, votes: [{ ...vote, nodes: answers }] };
}

it("answers that the search found to be equal are one, however they are written", async () => {
  const trace = await factored(null);
  expect(new Set(answerNames(trace).values()).size).toBe(1);
  const labelling = labelProblem([trace], { count: 3, share: 0.5 });
  if (labelling.kind !== "labels") throw new Error("they agree");
  const labels = trace.nodes.flatMap((node) => (node.kind === "answer" ? [labelling.of(trace, node)] : []));
  expect(new Set(labels)).toEqual(new Set(["right"]));
});

it("a PPM is measured by the votes that the search had", async () => {
  const trace = await search(WORLD, { id: "p-1", text: "What is 0?", reference: "0" }, 1);
  const groups = (own: Trace) =>
    new Set(problemsOf([own], SELECTION)[0]?.trajectories.map(({ group }) => group)).size;
  expect(groups(trace)).toBe(2);
  const [vote] = trace.votes;
  if (vote === undefined) throw new Error("no vote");
  const all = trace.nodes.flatMap(({ kind, id }) => (kind === "answer" ? [id] : []));
  expect(groups({ ...trace, votes: [{ ...vote, nodes: all }] })).toBe(1);
});

it("the score of a step that was rejected afterwards is no trajectory", async () => {
  const trace = await search(
    { ...WORLD, withPpm: true },
    { id: "p-1", text: "What is 0?", reference: "0" },
    1,
  );
  const scored = trace.nodes.find(({ kind, ppm }) => kind === "step" && ppm !== null);
  if (scored === undefined) throw new Error("a scored step was expected");
  const sibling = { ...scored, id: trace.nodes.length, text: "never drawn through", arrivals: 0, visits: 1 };
  const closed: Trace = {
    ...trace,
    nodes: [
      ...trace.nodes,
      { ...sibling, status: "rejected", rejection: { kind: "too-deep", message: "", line: null } },
    ],
  };
  const label = () => "right" as const;
  const [before, after] = [trace, closed].map((own) => mergeTraces([own], label).root);
  expect(after?.dead).toBe(before?.dead);
  expect(after === undefined ? NaN : qOf(after)).toBe(before === undefined ? NaN : qOf(before));
});

it("traces that name each other as what they go on from are taken once", async () => {
  const trace = await search(WORLD, { id: "p-1", text: "What is 0?", reference: "0" }, 1);
  const [a, b]: Trace[] = [
    { ...trace, id: "a", continues: "b" },
    { ...trace, id: "b", continues: "a" },
  ];
  expect(withoutContinued([{ ...trace, id: "c", continues: "c" }])).toHaveLength(1);
  if (a !== undefined && b !== undefined) expect(withoutContinued([a, b]).length).toBeLessThanOrEqual(2);
});

describe("problems without a given answer", () => {
  const world: World = {
    salt: 3,
    wordings: 5,
    answers: 1,
    failing: 0,
    withPpm: false,
    deadEndValue: -1,
    rollout: "continuation",
  };

  it("train where enough solutions agree, and are left out where they do not", async () => {
    const open = { ...problemOf(1), reference: null };
    const agreed = selectTrainingData([await search(world, open, 1)], RULES);
    expect(agreed.sft.length).toBeGreaterThan(0);
    expect(agreed.report.leftOut).toEqual([]);
    const strict = selectTrainingData([await search(world, open, 1)], { ...RULES, agreement: null });
    expect(strict.report.leftOut).toEqual([{ reason: "no given answer", traces: 1 }]);
    const torn = selectTrainingData([await search({ ...world, answers: 3 }, open, 1)], {
      ...RULES,
      agreement: { count: 3, share: 0.99 },
    });
    expect(torn.report.leftOut).toEqual([{ reason: "solutions disagree", traces: 1 }]);
  });

  it("do not take what a seed drew twice for agreement", async () => {
    const open = { ...problemOf(1), reference: null };
    const trace = await search({ ...world, answers: 2 }, open, 1);
    const found = trace.nodes.reduce((sum, node) => sum + (node.kind === "answer" ? node.visits : 0), 0);
    const rule = { count: found + 1, share: 0 };
    const again = { ...trace, id: "again", settings: { ...trace.settings, strategy: "mcts" } };
    expect(labelProblem([trace, again], rule).kind).toBe("none");
    const other = { ...again, settings: { ...trace.settings, seed: 2 } };
    expect(labelProblem([trace, other], { ...rule, count: 1 }).kind).toBe("labels");
    const [leading = 0] = trace.votes.map(({ count }) => count);
    expect(labelProblem([trace, other], { ...rule, count: 2 * leading }).kind).toBe("labels");
  });

  it("count no answer below a step that a person rejected", async () => {
    const trace = await search({ ...world, answers: 2 }, { ...problemOf(1), reference: null }, 1);
    const rule = { count: 1, share: 0 };
    const leading = (own: Trace): string | null => {
      const labelling = labelProblem([own], rule);
      const right = own.nodes.find(
        (node) =>
          node.kind === "answer" && labelling.kind === "labels" && labelling.of(own, node) === "right",
      );
      return right?.answer ?? null;
    };
    const refusing = (isRefused: (node: TraceNode) => boolean): Trace => ({
      ...trace,
      nodes: trace.nodes.map((node) =>
        isRefused(node)
          ? { ...node, status: "rejected", rejection: { kind: "person", message: "No.", line: null } }
          : node,
      ),
    });
    const first = leading(trace);
    expect(first).not.toBeNull();
    // The steps that lead to it, then the answers themselves, then everything.
    const wayTo = new Set(
      trace.nodes.filter(({ answer }) => answer === first).map(({ id }) => pathTo(trace.nodes, id)[0]?.id),
    );
    expect(leading(refusing(({ id }) => wayTo.has(id)))).not.toBe(first);
    expect(leading(refusing(({ answer }) => answer === first))).not.toBe(first);
    expect(labelProblem([refusing(({ parent }) => parent === 0)], rule)).toEqual({
      kind: "none",
      reason: "solutions disagree",
    });
  });

  it("are dropped as noise when they were made up and fewer than half of the trajectories are right", async () => {
    const traces = [await search({ ...world, answers: 3 }, problemOf(1), 1)];
    const { trajectories } = selectTrainingData(traces, RULES).report;
    expect(trajectories.right).toBeLessThan(trajectories.all / 2);
    const { sft, report } = selectTrainingData(traces, { ...RULES, synthetic: new Set(["toy-1"]) });
    expect(sft).toEqual([]);
    expect(report.leftOut[0]?.reason).toContain("synthetic");
  });
});
