/** Turns a trace into the solution that a person reads: the chosen steps, and the evidence for and against them. */
import { tidyScore, type Evidence, type Solution } from "./document/solution.ts";
import type { Trace, TraceNode } from "./protocol/trace.ts";
import { answerFacts, pathTo, type Agreement, type Verdict, type Weight } from "./protocol/trace-path.ts";

/**
 * The chosen trajectory as numbered steps, with evidence for each step and for the answer; or why there is none.
 * `problemHash` is the document's hash of the statement, by which a later edit of the problem is noticed.
 */
export function toSolution(trace: Trace, problemHash: string): Solution {
  const chosen = trace.chosen === null ? null : (trace.nodes[trace.chosen] ?? null);
  const path = chosen === null ? [] : pathTo(trace.nodes, chosen.id).filter((node) => node.kind === "step");
  return {
    traceId: trace.id,
    problemHash,
    strategy: String(trace.settings["strategy"]),
    model: trace.models.policy.id,
    answer: chosen?.answer == null ? null : { text: chosen.answer },
    answerEvidence: chosen === null ? [] : answerEvidence(trace, chosen),
    steps: path.map((node, index) => ({
      number: index + 1,
      reason: node.reason,
      code: node.code,
      output: node.output.trimEnd(),
      value: node.value,
      q: node.visits === 0 ? 0 : tidyScore(node.sum / node.visits),
      visits: node.visits,
      ppm: node.ppm === null ? null : tidyScore(node.ppm),
      evidence: stepEvidence(node),
    })),
    seconds: Math.round(trace.ms.total / 100) / 10,
    tokens: trace.cost.generatedTokens,
  };
}

/**
 * The nodes of the trace that a stored solution's steps are, in order, as far as they are: a step that was edited by
 * hand, and those after it, are in no trace.
 */
export function matchSteps(trace: Trace, solution: Solution): TraceNode[] {
  const path: TraceNode[] = [];
  for (const step of solution.steps) {
    const parent = path.at(-1)?.id ?? 0;
    const node = trace.nodes.find(
      (each) => each.parent === parent && each.kind === "step" && each.code === step.code,
    );
    if (node === undefined) break;
    path.push(node);
  }
  return path;
}

function stepEvidence(node: TraceNode): Evidence[] {
  const evidence: Evidence[] = [
    { kind: "ran", holds: true, text: `without error in ${milliseconds(node.cost.sandboxMs)}` },
  ];
  if (node.assertions > 0)
    evidence.push({
      kind: "assertions",
      holds: true,
      text: node.assertions === 1 ? "its own assertion held" : `its ${node.assertions} own assertions held`,
    });
  return evidence;
}

function milliseconds(ms: number): string {
  return ms < 0.1 ? "under 0.1 ms" : `${ms.toFixed(1)} ms`;
}

/** What speaks for the answer and what against it: other trajectories, other programs, the given answer. */
function answerEvidence(trace: Trace, chosen: TraceNode): Evidence[] {
  const { reference } = trace.problem;
  const facts = answerFacts(trace, chosen, reference);
  const evidence: Evidence[] = [];
  if (facts.agreement !== null)
    evidence.push({ kind: "agreement", holds: holds(facts.agreement), text: agreementText(facts.agreement) });
  if (facts.programs !== null)
    evidence.push({
      kind: "second-program",
      holds: holds(facts.programs),
      text: `${facts.programs.count} different programs give it`,
    });
  if (facts.grade !== null && reference !== null)
    evidence.push({
      kind: "reference",
      holds: holds(facts.grade),
      text: gradeText(facts.grade.verdict, reference),
    });
  return evidence;
}

function holds({ weight }: { readonly weight: Weight }): Evidence["holds"] {
  return weight === "neutral" ? null : weight === "for";
}

function agreementText({ weight, support, total, rivals }: Agreement): string {
  if (weight === "neutral") return "only one trajectory reached an answer";
  const others = rivals.map(({ answer, count }) => `${count} ${count === 1 ? "says" : "say"} ${answer}`);
  return [`${support} of ${total} trajectories agree`, ...others].join("; ");
}

/** How an answer compares with the given one, in words. */
export function gradeText(verdict: Verdict, reference: string): string {
  switch (verdict) {
    case "equal":
      return "equals the given answer";
    case "different":
      return `differs from the given answer ${reference}`;
    case "undecided":
      return `could not be compared with the given answer ${reference}`;
    default:
      return verdict satisfies never;
  }
}
