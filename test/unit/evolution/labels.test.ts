/** Which answers count as the same, and what is backed up of what was rejected. */
import { expect, it } from "vitest";
import type { Trace } from "../../../server/protocol/trace.ts";
import { answerNames, labelProblem } from "../../../server/evolution/labels.ts";
import { mergeTraces, qOf, withoutContinued } from "../../../server/evolution/problem-tree.ts";
import { problemsOf } from "../../../server/evolution/ppm-report.ts";
import { SELECTION } from "../../../server/evolution/profiles.ts";
import { search, type World } from "./searches.ts";

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
