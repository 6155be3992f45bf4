/** A whole search tree as indented text: every candidate with its verdict, Q, visits and PPM; `*` marks the chosen path. */
import type { Trace, TraceNode } from "../protocol/trace.ts";
import { pathTo } from "../protocol/trace-path.ts";
import { printable } from "./printable.ts";
import { signed } from "./render.ts";

/** The tree of a trace, with its problem and votes. */
export function treeText(trace: Trace): string {
  const chosen = new Set(
    trace.chosen === null ? [] : pathTo(trace.nodes, trace.chosen).map((node) => node.id),
  );
  const children = new Map<number, TraceNode[]>();
  for (const node of trace.nodes)
    if (node.parent !== null) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  const lines = [trace.problem.text, ""];
  const walk = (node: TraceNode, depth: number): void => {
    if (node.kind !== "root") lines.push(nodeLine(node, depth, chosen.has(node.id)));
    for (const child of children.get(node.id) ?? []) walk(child, node.kind === "root" ? 0 : depth + 1);
  };
  const root = trace.nodes[0];
  if (root !== undefined) walk(root, 0);
  lines.push("");
  for (const vote of trace.votes)
    lines.push(`${vote.answer}: ${vote.count} trajectories, weight ${vote.weight.toFixed(2)}`);
  lines.push(
    `${trace.stop}${trace.failure === null ? "" : `: ${trace.failure}`}; ${trace.cost.generatedTokens} tokens in ${(trace.ms.total / 1000).toFixed(1)} s (policy ${share(trace, "policy")}, PPM ${share(trace, "ppm")}, sandbox ${share(trace, "sandbox")}, grading ${share(trace, "grading")})`,
  );
  return printable(`${lines.join("\n")}\n`);
}

function nodeLine(node: TraceNode, depth: number, isChosen: boolean): string {
  const label =
    node.kind === "answer"
      ? `answer ${node.answer ?? ""}`
      : node.reason || node.code.split("\n")[0] || "(empty)";
  const q = node.visits === 0 ? "  –  " : signed(node.sum / node.visits);
  const verdict = node.rejection === null ? "" : `  ✗ ${node.rejection.kind}: ${node.rejection.message}`;
  const grade = node.graded === null ? "" : `  (${node.graded})`;
  const ppm = node.ppm === null ? "" : ` PPM ${signed(node.ppm)}`;
  return `${isChosen ? "*" : " "} ${"  ".repeat(depth)}[${node.id}] Q ${q} N ${node.visits}${ppm}  ${label}${grade}${verdict}`.slice(
    0,
    200,
  );
}

function share(trace: Trace, part: "policy" | "ppm" | "sandbox" | "grading"): string {
  return trace.ms.total === 0 ? "–" : `${Math.round((100 * trace.ms[part]) / trace.ms.total)}%`;
}
