/** What is said of a node: its line in the tree, and what a screen reader says. Pure. */
import type { TraceNode } from "../../server/protocol/trace.ts";
import type { IconName } from "../shared/icons.ts";
import { signed, t, whole } from "../shared/l10n.ts";
import { isDraft, qOf, type TreeModel } from "./tree-model.ts";

/** The node in a few words: its reason, or what stands for it. */
export function titleOf(node: TraceNode): string {
  switch (node.kind) {
    case "root":
      return t("Problem");
    case "answer":
      return node.answer === null ? t("No answer") : node.answer;
    case "step":
      return node.reason.trim() || firstLine(node.code) || firstLine(node.text) || t("(empty step)");
    default:
      return node.kind satisfies never;
  }
}

/** The second line of a detailed node: what went wrong, what it printed, or its code. */
export function detailOf(node: TraceNode): {
  readonly kind: "error" | "output" | "code";
  readonly text: string;
} {
  if (node.rejection !== null) return { kind: "error", text: node.rejection.message };
  const printed = firstLine(node.output) || node.value;
  if (node.kind === "step" && printed) return { kind: "output", text: printed };
  return { kind: "code", text: node.code.split("\n").find((line) => /^\s*[^\s#]/u.test(line)) ?? "" };
}

/** The shape that says what the node is. */
export function iconOf(node: TraceNode, isChosen: boolean): IconName {
  if (node.kind === "root") return "root";
  if (node.status === "rejected") return "rejected";
  if (node.kind === "answer")
    return node.graded === "equal" ? "equal" : node.graded === "different" ? "different" : "answer";
  return isChosen ? "chosen" : "step";
}

/** All of it in one sentence for a screen reader. */
export function labelOf(node: TraceNode, depth: number, tree: TreeModel): string {
  return `${leadOf(node, depth)} ${titleOf(node)}${restOf(node, tree)}`;
}

/** What a screen reader says before the title. */
export function leadOf(node: TraceNode, depth: number): string {
  if (isDraft(node.id)) return t("Being written:");
  switch (node.kind) {
    case "root":
      return "";
    case "answer":
      return t("Answer");
    case "step":
      return t("Step {0}:", depth);
    default:
      return node.kind satisfies never;
  }
}

/** What it says after the title: everything that the drawing says by shape, place and colour. */
export function restOf(node: TraceNode, tree: TreeModel): string {
  const parts: string[] = [];
  if (node.kind === "root") parts.push(t("{0} candidates", whole(tree.nodes.size - 1)));
  if (node.rejection !== null) parts.push(t("rejected: {0}", node.rejection.message));
  if (node.graded === "equal") parts.push(t("equals the given answer"));
  if (node.graded === "different") parts.push(t("differs from the given answer"));
  const q = qOf(node);
  if (q !== null) parts.push(t("Q {0}, visits {1}", signed(q), whole(node.visits)));
  if (node.ppm !== null) parts.push(t("PPM {0}", signed(node.ppm)));
  if (node.samples > 1) parts.push(t("drawn {0} times", node.samples));
  if (node.kind !== "root" && tree.chosen.has(node.id)) parts.push(t("on the chosen path"));
  return parts.map((part) => `, ${part}`).join("");
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]?.trim() ?? "";
}
