/** Turns a trace into the solution that a person reads: the chosen steps, and the evidence for and against them. */
import { tidyScore, type Evidence, type Solution } from "./document/solution.ts";
import type { Trace, TraceNode } from "./protocol/trace.ts";
import { pathTo } from "./protocol/trace-path.ts";

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
  const evidence: Evidence[] = [];
  const own = trace.votes.find((vote) => vote.nodes.includes(chosen.id));
  const total = trace.votes.reduce((sum, vote) => sum + vote.count, 0);
  if (own !== undefined && total > 1) {
    const others = trace.votes
      .filter((vote) => vote !== own)
      .slice(0, 3)
      .map((vote) => `${vote.count} ${vote.count === 1 ? "says" : "say"} ${vote.answer}`);
    evidence.push({
      kind: "agreement",
      holds: own.count * 2 > total,
      text: [`${own.count} of ${total} trajectories agree`, ...others].join("; "),
    });
  } else evidence.push({ kind: "agreement", holds: false, text: "only one trajectory reached an answer" });
  const programs = new Set(own?.nodes.map((id) => programOf(trace, id)));
  if (programs.size > 1)
    evidence.push({
      kind: "second-program",
      holds: true,
      text: `${programs.size} different programs give it`,
    });
  const { reference } = trace.problem;
  if (reference !== null)
    switch (chosen.graded) {
      case "equal":
        evidence.push({ kind: "reference", holds: true, text: "equals the given answer" });
        break;
      case "different":
        evidence.push({
          kind: "reference",
          holds: false,
          text: `differs from the given answer ${reference}`,
        });
        break;
      case "undecided":
      case null:
        evidence.push({
          kind: "reference",
          holds: false,
          text: `could not be compared with the given answer ${reference}`,
        });
        break;
      default:
        chosen.graded satisfies never;
    }
  return evidence;
}

/** The code without its comments: two programs that differ only in words are one. */
function programOf(trace: Trace, id: number): string {
  return pathTo(trace.nodes, id)
    .flatMap((node) => node.code.split("\n"))
    .filter((line) => !line.trimStart().startsWith("#") && line.trim() !== "")
    .join("\n");
}
