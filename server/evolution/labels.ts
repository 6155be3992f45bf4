/** Which trajectories of a problem count as right: by its given answer, else by how far its solutions agree. Pure. */
import type { Trace, TraceNode } from "../protocol/trace.ts";
import { pathTo } from "../protocol/trace-path.ts";
import { answerKey } from "../grading/fast.ts";
import type { Label } from "./problem-tree.ts";

/** When the solutions of a problem without a given answer agree enough to name one (rStar-Math section 3.4.1). */
export interface AgreementRule {
  /** Trajectories that must give the answer. The paper: 3 of 10. */
  readonly count: number;
  /** And their share of all. Appendix A.1 drops synthetic problems below one half. */
  readonly share: number;
}

/** How the problem's answers are told apart, or why they cannot be. */
export type Labelling =
  | {
      readonly kind: "labels";
      readonly by: "reference" | "agreement";
      readonly of: (trace: Trace, node: TraceNode) => Label;
    }
  | { readonly kind: "none"; readonly reason: "no given answer" | "solutions disagree" };

/** A problem with its given answer. */
type GivenProblem = Trace["problem"] & { readonly reference: string };

/** The problem as the newest trace with a given answer has it: a person may have corrected it since the others. */
export function givenProblem(traces: readonly Trace[]): GivenProblem | null {
  let found: { readonly createdAt: string; readonly problem: GivenProblem } | null = null;
  for (const { createdAt, problem } of traces) {
    const { reference } = problem;
    if (reference !== null && (found === null || createdAt >= found.createdAt))
      found = { createdAt, problem: { ...problem, reference } };
  }
  return found?.problem ?? null;
}

/** Whether the trace's answers were graded against this one, or the same written differently. */
export function isGradedBy(reference: string, { problem }: Trace): boolean {
  return problem.reference !== null && keyOf(problem.reference) === keyOf(reference);
}

/** Labels the traces of one problem. `rule` null leaves out problems without a given answer. */
export function labelProblem(traces: readonly Trace[], rule: AgreementRule | null): Labelling {
  const given = givenProblem(traces);
  if (given !== null) {
    const graded = new Set(traces.filter((trace) => isGradedBy(given.reference, trace)));
    return {
      kind: "labels",
      by: "reference",
      of: (trace, node) => (graded.has(trace) ? byReference(node) : "unknown"),
    };
  }
  if (rule === null) return { kind: "none", reason: "no given answer" };
  const groups = new Map<string, number>();
  const names = new Map(traces.map((trace) => [trace, answerNames(trace)]));
  let all = 0;
  for (const trace of independent(traces)) {
    for (const node of trace.nodes) {
      const key = names.get(trace)?.get(node.id);
      if (key === undefined || isRefused(trace, node)) continue;
      groups.set(key, (groups.get(key) ?? 0) + node.visits);
      all += node.visits;
    }
  }
  const [first, second] = [...groups].sort((a, b) => b[1] - a[1]);
  const isEnough = first !== undefined && first[1] >= rule.count && first[1] >= rule.share * all;
  if (!isEnough || first[1] === second?.[1]) return { kind: "none", reason: "solutions disagree" };
  return {
    kind: "labels",
    by: "agreement",
    of: (trace, node) => {
      const name = names.get(trace)?.get(node.id);
      return name === undefined ? "unknown" : name === first[0] ? "right" : "wrong";
    },
  };
}

/**
 * One trace for each policy and seed, the one with the most trajectories: a seed draws the same candidates again whatever
 * searches with it, and greedy the same under any seed. Copies of one solution are no agreement.
 */
function independent(traces: readonly Trace[]): readonly Trace[] {
  const most = new Map<string, Trace>();
  for (const trace of traces) {
    const { policy } = trace.models;
    const { seed, strategy } = trace.settings;
    const key = JSON.stringify([policy.sha256, policy.adapter?.sha256, strategy === "greedy" ? null : seed]);
    const before = most.get(key);
    if (before === undefined || before.trajectories.finished < trace.trajectories.finished)
      most.set(key, trace);
  }
  return [...most.values()];
}

/**
 * A name for each answer node of a trace, by its id: one for all that the search's grader found to be equal, and the
 * same in every trace where answers are exact numbers, lists of them, words or written alike.
 */
export function answerNames({ nodes, votes }: Trace): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const { id, kind, answer } of nodes)
    if (kind === "answer" && answer !== null) names.set(id, keyOf(answer));
  for (const group of votes) {
    const answers = group.nodes.flatMap((id) => nodes[id]?.answer ?? []);
    const exact = answers.find((answer) => answerKey(answer) !== null) ?? answers[0];
    if (exact !== undefined) for (const id of group.nodes) names.set(id, keyOf(exact));
  }
  return names;
}

/** Whether a person rejected the answer or a step before it: such trajectories stay in the trace with their visits. */
function isRefused({ nodes }: Trace, { id }: TraceNode): boolean {
  return pathTo(nodes, id).some(({ rejection }) => rejection?.kind === "person");
}

function byReference(node: TraceNode): Label {
  switch (node.graded) {
    case "equal":
      return "right";
    case "different":
      return "wrong";
    case "undecided":
    case null:
      return "unknown";
    default:
      return node.graded satisfies never;
  }
}

function keyOf(answer: string): string {
  return answerKey(answer) ?? `text:${answer.replace(/\s+/gu, "")}`;
}
