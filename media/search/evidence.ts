/** What speaks for a step or an answer and what against it, for the inspector. Pure. */
import type { Trace, TraceNode } from "../../server/protocol/trace.ts";
import { answerFacts, type Verdict, type Weight } from "../../server/protocol/trace-path.ts";
import { decimal, t } from "../shared/l10n.ts";
import type { TreeModel } from "./tree-model.ts";

/** One piece of evidence. `weight` says how much it is worth: that code ran is not that it is right. */
export interface Evidence {
  readonly weight: Weight;
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
  const { agreement, programs, grade } = answerFacts(tree, node, trace?.problem.reference ?? null);
  const evidence: Evidence[] = [];
  if (agreement !== null) {
    const { weight, support, total, rivals } = agreement;
    evidence.push({
      weight,
      text:
        weight === "neutral"
          ? t("It is the only solution that reached an answer")
          : t("{0} of {1} solutions agree", support, total),
    });
    if (programs !== null)
      evidence.push({ weight: programs.weight, text: t("{0} different programs give it", programs.count) });
    for (const { weight, answer, count } of rivals)
      evidence.push({ weight, text: t("{0} of {1} give {2} instead", count, total, answer) });
  }
  if (grade !== null) evidence.push({ weight: grade.weight, text: gradeText(grade.verdict) });
  return evidence;
}

function gradeText(verdict: Verdict): string {
  switch (verdict) {
    case "equal":
      return t("Equals the given answer");
    case "different":
      return t("Differs from the given answer");
    case "undecided":
      return t("Could not be compared with the given answer");
    default:
      return verdict satisfies never;
  }
}
