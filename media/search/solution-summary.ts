/** What the inspector shows of the problem itself: the answer, what speaks for it, and the chosen steps to walk through. */
import type { Trace } from "../../server/protocol/trace.ts";
import { h } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { signed, t, whole } from "../shared/l10n.ts";
import { line } from "../shared/prose.ts";
import { evidenceFor } from "./evidence.ts";
import { evidenceList, part } from "./parts.ts";
import type { NodeActions } from "./node-actions.ts";
import { pathTo, qOf } from "./tree-model.ts";
import type { ViewModel } from "./view-model.ts";
import { iconOf, titleOf } from "./words.ts";

/** The parts, top to bottom. */
export function solutionSummary(model: ViewModel, actions: NodeActions): HTMLElement[] {
  const { tree, trace } = model;
  const answer = tree.answer === null ? undefined : tree.nodes.get(tree.answer);
  if (answer === undefined) return [h("h2", {}, t("Solution")), h("p", "note", nothingYet(model))];
  const steps = pathTo(tree, answer.id).map((node, index) => {
    const q = qOf(node);
    return h(
      "li",
      {},
      h(
        "button",
        {
          class: "step-row",
          attributes: { type: "button", "data-key": `step-${node.id}` },
          on: { click: () => actions.select(node.id) },
        },
        node.kind === "answer"
          ? h("span", "badge", icon(iconOf(node, true)))
          : h("span", "badge number", String(index + 1)),
        h("span", "title", node.kind === "answer" ? t("Answer: {0}", titleOf(node)) : line(titleOf(node))),
        q === null ? null : h("span", { class: q < 0 ? "meter negative" : "meter", var: { "--q": q } }),
        q === null ? null : h("span", "figure", signed(q)),
      ),
    );
  });
  return [
    h("h2", {}, model.running === "idle" ? t("Solution") : t("Best so far")),
    h("p", "answer-text", line(titleOf(answer))),
    ...(trace === null ? [] : [evidenceList(evidenceFor(answer, tree, trace))]),
    part(t("Steps"), h("ol", "step-list", ...steps)),
    ...(trace === null ? [] : [settings(trace)]),
  ];
}

function nothingYet({ running, trace }: ViewModel): string {
  if (running !== "idle") return t("No solution has reached an answer yet.");
  if (trace === null) return t("This problem has not been solved yet.");
  return (
    trace.failure ??
    t("The search ended without an answer. A larger budget or another strategy may find one.")
  );
}

/** How the trace was made, so that two of them can be compared and one can be made again. */
function settings({ models, settings: used }: Trace): HTMLElement {
  const rows: [string, string][] = [
    [t("Strategy"), String(used["strategy"] ?? "")],
    [t("Policy"), [models.policy.id, models.policy.adapter?.id].filter((id) => id !== undefined).join(" + ")],
    [t("PPM"), models.ppm?.id ?? t("none; values come from agreement")],
    [t("Seed"), String(used["seed"] ?? "")],
    [t("Budget"), t("{0} tokens", whole(Number(used["budgetTokens"] ?? 0)))],
  ];
  return part(
    t("How"),
    h(
      "dl",
      "figures-list",
      ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}
