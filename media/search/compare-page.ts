/** Stored searches of one problem side by side: answer, agreement, tokens, seconds and the tree's shape. */
import type { Trace } from "../../server/protocol/trace.ts";
import { fill, h } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { duration, moment, t, whole } from "../shared/l10n.ts";
import { line } from "../shared/prose.ts";
import { outcomeOf, type Outcome } from "./costs.ts";
import { layoutTree } from "./layout.ts";
import { paintTree } from "./paint-tree.ts";
import { fromTrace } from "./tree-model.ts";
import { canInsert, type ViewModel } from "./view-model.ts";

/** What the page asks of the view around it. */
export interface CompareActions {
  open(traceId: string): void;
  /** Puts the solution of a search into the document. */
  insert(traceId: string): void;
  solve(strategy: string): void;
}

/** The tree's picture on a card, in CSS pixels. */
const PICTURE = { width: 236, height: 120 };

/** The page's content. */
export function comparePage(element: HTMLElement, model: ViewModel, actions: CompareActions): void {
  const traces = model.comparisons.length > 0 ? model.comparisons : model.trace === null ? [] : [model.trace];
  const outcomes = traces.map(outcomeOf);
  const most = {
    tokens: Math.max(1, ...outcomes.map((outcome) => outcome.tokens)),
    seconds: Math.max(1e-9, ...outcomes.map((outcome) => outcome.seconds)),
  };
  const cards = traces.map((trace, index) => {
    const outcome = outcomes[index];
    return outcome === undefined ? null : card(trace, outcome, most, model, actions);
  });
  const missing = model.strategies.filter((name) => !outcomes.some((outcome) => outcome.strategy === name));
  fill(
    element,
    traces.length === 0 ? h("p", "note", t("No search of this problem is stored yet.")) : null,
    model.mayRun && model.running === "idle" && missing.length > 0
      ? h(
          "div",
          { class: "strategies", attributes: { role: "group", "aria-label": t("Compare with") } },
          h("span", "label", t("Compare with")),
          ...missing.map((name) =>
            h(
              "button",
              {
                class: "secondary",
                attributes: { type: "button" },
                on: { click: () => actions.solve(name) },
              },
              name,
            ),
          ),
        )
      : null,
    h("ul", "cards", ...cards),
  );
  // A canvas knows its theme's colours only once it is on the page.
  for (const [index, trace] of traces.entries()) {
    const canvas = element.querySelectorAll("canvas")[index];
    if (canvas === undefined) continue;
    const tree = fromTrace(trace);
    const layout = layoutTree(tree, new Set(), "overview");
    const fit = Math.min(PICTURE.width / layout.width, PICTURE.height / layout.height, 1.6);
    paintTree(canvas, layout, tree, {
      width: Math.max(24, layout.width * fit),
      height: Math.max(6, layout.height * fit),
    });
  }
}

function card(
  trace: Trace,
  outcome: Outcome,
  most: { readonly tokens: number; readonly seconds: number },
  model: ViewModel,
  actions: CompareActions,
): HTMLElement {
  const isShown = trace.id === model.trace?.id;
  const isInserted = trace.id === model.subject?.inserted;
  const picture = t(
    "Tree of {0} candidates, {1} of them rejected",
    whole(outcome.candidates),
    whole(outcome.rejected),
  );
  return h(
    "li",
    isShown ? "card shown" : "card",
    h("h2", {}, outcome.strategy, isShown ? h("span", "chip", t("shown")) : null),
    h("p", "note", [outcome.model, outcome.adapter, outcome.ppm].filter((id) => id !== null).join(" + ")),
    h("div", "picture", h("canvas", { attributes: { role: "img", "aria-label": picture } })),
    h(
      "p",
      "outcome",
      h("span", "answer-text", outcome.answer === null ? t("No answer") : line(outcome.answer)),
      gradeChip(outcome),
      isInserted ? h("span", "chip chosen", t("in the document")) : null,
    ),
    h(
      "dl",
      "bars",
      ...bar(
        t("Agreement"),
        t("{0} of {1}", outcome.support, outcome.answered),
        outcome.answered === 0 ? 0 : outcome.support / outcome.answered,
      ),
      ...bar(t("Tokens"), whole(outcome.tokens), outcome.tokens / most.tokens),
      ...bar(t("Time"), duration(outcome.seconds), outcome.seconds / most.seconds),
    ),
    h("p", "note", `${picture} · ${moment(trace.createdAt)}`),
    h(
      "div",
      "actions",
      isShown
        ? null
        : button(`show ${trace.id}`, t("Show"), t("Show the search by {0}", outcome.strategy), () =>
            actions.open(trace.id),
          ),
      canInsert(model, trace)
        ? button(
            `insert ${trace.id}`,
            t("Insert Solution"),
            t("Insert Solution of the search by {0}", outcome.strategy),
            () => actions.insert(trace.id),
          )
        : null,
    ),
  );
}

/** `name` is what a screen reader says: on a page of cards a button's label says too little. */
function button(key: string, label: string, name: string, run: () => void): HTMLElement {
  return h(
    "button",
    {
      class: "secondary",
      attributes: { type: "button", "data-key": key, "aria-label": name },
      on: { click: run },
    },
    label,
  );
}

function gradeChip({ graded }: Outcome): HTMLElement | null {
  switch (graded) {
    case "equal":
      return h("span", "chip equal", icon("equal"), t("equals the given answer"));
    case "different":
      return h("span", "chip rejected", icon("different"), t("differs from the given answer"));
    case "undecided":
    case null:
      return null;
    default:
      return graded satisfies never;
  }
}

function bar(name: string, value: string, share: number): HTMLElement[] {
  return [
    h("dt", {}, name),
    h(
      "dd",
      {},
      h("span", { class: "bar", var: { "--share": share }, attributes: { "aria-hidden": "true" } }),
      h("span", "value", value),
    ),
  ];
}
