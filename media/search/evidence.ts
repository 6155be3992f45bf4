/** What speaks for a step or an answer and what against it, for the inspector. Pure. */
import type { Trace, TraceNode } from "../../server/protocol/trace.ts";
import { decimal, t } from "../shared/l10n.ts";
import { pathTo, type TreeModel } from "./tree-model.ts";

/** One piece of evidence. `weight` says how much it is worth: that code ran is not that it is right. */
export interface Evidence {
  readonly weight: "for" | "against" | "neutral";
  readonly text: string;
}

/** The evidence on one node. Votes need the stored trace; while a search runs there is none. */
export function evidenceFor(node: TraceNode, tree: TreeModel, trace: Trace | null): Evidence[] {
  if (node.status === "rejected")
    return [{ weight: "against", text: node.rejection?.message ?? t("It was rejected.") }];
  return node.kind === "answer" ? answerEvidence(node, tree, trace) : stepEvidence(node);
}

function stepEvidence(node: TraceNode): Evidence[] {
  const ms = node.cost.sandboxMs;
  const evidence: Evidence[] = [
    {
      weight: "neutral",
      text:
        ms < 0.1 ? t("Ran without error in under 0.1 ms") : t("Ran without error in {0} ms", decimal(ms, 1)),
    },
  ];
  if (node.assertions > 0)
    evidence.push({
      weight: "for",
      text:
        node.assertions === 1
          ? t("Its own assertion held")
          : t("Its {0} own assertions held", node.assertions),
    });
  return evidence;
}

function answerEvidence(node: TraceNode, tree: TreeModel, trace: Trace | null): Evidence[] {
  const evidence: Evidence[] = [];
  const own = trace?.votes.find((vote) => vote.nodes.includes(node.id));
  const total = trace?.votes.reduce((sum, vote) => sum + vote.count, 0) ?? 0;
  if (own !== undefined) {
    evidence.push({
      weight: total === 1 ? "neutral" : own.count * 2 > total ? "for" : "against",
      text:
        total === 1
          ? t("It is the only solution that reached an answer")
          : t("{0} of {1} solutions agree", own.count, total),
    });
    const programs = new Set(
      own.nodes.map((id) =>
        pathTo(tree, id)
          .map((step) => step.code)
          .join("\n"),
      ),
    );
    if (programs.size > 1)
      evidence.push({ weight: "for", text: t("{0} different programs give it", programs.size) });
    const others = trace?.votes.filter((vote) => vote !== own).slice(0, 3) ?? [];
    for (const vote of others)
      evidence.push({
        weight: "against",
        text: t("{0} of {1} give {2} instead", vote.count, total, vote.answer),
      });
  }
  switch (node.graded) {
    case "equal":
      evidence.push({ weight: "for", text: t("Equals the given answer") });
      break;
    case "different":
      evidence.push({ weight: "against", text: t("Differs from the given answer") });
      break;
    case "undecided":
      evidence.push({ weight: "neutral", text: t("Could not be compared with the given answer") });
      break;
    case null:
      break;
    default:
      node.graded satisfies never;
  }
  return evidence;
}
