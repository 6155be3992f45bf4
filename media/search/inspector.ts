/** One step in full: what it says, what ran, the evidence, its values, its alternatives, and what a person can do. */
import type { Trace, TraceNode } from "../../server/protocol/trace.ts";
import { copyButton } from "../shared/copy-button.ts";
import { fill, focusIn, h } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { decimal, signed, t, whole } from "../shared/l10n.ts";
import { line } from "../shared/prose.ts";
import { tokens } from "../shared/python.ts";
import { actionsFor, type Drafts, type NodeActions } from "./node-actions.ts";
import { evidenceFor } from "./evidence.ts";
import { evidenceList, part } from "./parts.ts";
import { solutionSummary } from "./solution-summary.ts";
import { childrenAt, pathTo, qOf, ROOT } from "./tree-model.ts";
import type { ViewModel } from "./view-model.ts";
import { iconOf, titleOf } from "./words.ts";

/** Shows the selected node; made anew when the node, its siblings' values or the running state change. */
export class Inspector {
  readonly element = h("section", {
    class: "inspector",
    attributes: { "aria-label": t("Step"), tabindex: -1 },
  });
  readonly #actions: NodeActions;
  readonly #drafts: Drafts;
  #shown: readonly unknown[] = [];

  /** `drafts` is what was typed before a reload; what is typed is put into it. */
  constructor(actions: NodeActions, drafts: Drafts) {
    this.#actions = actions;
    this.#drafts = drafts;
  }

  /** Whether the form for a step is open. */
  get isEditing(): boolean {
    return this.element.querySelector("form") !== null;
  }

  show(model: ViewModel): void {
    if (model.running !== "idle")
      for (const [place, { isSent }] of this.#drafts) if (isSent) this.#drafts.delete(place);
    const node = model.tree.nodes.get(model.selected) ?? model.tree.nodes.get(ROOT);
    if (node === undefined) return;
    const siblings =
      node.parent === null ? [] : childrenAt(model.tree, node.parent).map((id) => model.tree.nodes.get(id));
    const shown = [
      node,
      model.trace,
      model.tree.answer,
      model.running,
      model.mayRun,
      model.subject,
      ...siblings,
    ];
    if (shown.length === this.#shown.length && shown.every((part, index) => part === this.#shown[index]))
      return;
    const [before, traceBefore] = this.#shown as readonly [TraceNode?, Trace?];
    const isSame = before?.id === node.id;
    // A person may be typing in the form: values that change meanwhile must not throw it away.
    if (this.isEditing && isSame && traceBefore?.id === model.trace?.id) return;
    this.#shown = shown;
    const focused = focusIn(this.element);
    const key = isSame ? focused?.dataset["key"] : undefined;
    const top = isSame ? this.element.scrollTop : 0;
    fill(
      this.element,
      ...(node.kind === "root" ? solutionSummary(model, this.#actions) : this.#step(node, model)),
    );
    this.element.scrollTop = top;
    if (focused === null) return;
    const again =
      key === undefined ? null : this.element.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    // A button that did its work may be gone: the focus stays here and does not fall to the page.
    (again ?? this.element).focus({ preventScroll: true });
  }

  /** Moves the keyboard's focus to what is shown. */
  focus(): void {
    this.element.focus();
  }

  #step(node: TraceNode, model: ViewModel): HTMLElement[] {
    const path = pathTo(model.tree, node.id);
    const isChosen = model.tree.chosen.has(node.id);
    const heading = node.kind === "answer" ? t("Answer") : t("Step {0}", path.length);
    this.element.setAttribute("aria-label", heading);
    const marks = [
      isChosen ? h("span", "chip chosen", t("on the chosen path")) : null,
      node.status === "rejected" ? h("span", "chip rejected", t("rejected")) : null,
      personMark(node, model),
    ];
    return [
      breadcrumbs(path, this.#actions),
      h("h2", node.status, h("span", "badge", icon(iconOf(node, isChosen))), heading, ...marks),
      node.kind === "answer"
        ? h("p", "answer-text", line(titleOf(node)))
        : h("p", "reason", line(titleOf(node))),
      actionsFor(node, model, this.#actions, this.#drafts),
      ...(node.rejection === null ? [] : [rejectionBox(node)]),
      ...(node.code.trim() === "" ? [] : [codeBlock(node, this.#actions)]),
      ...(node.output.trim() === "" && node.value === null ? [] : [outputBlock(node)]),
      ...(node.status === "rejected" ? [] : [evidenceList(evidenceFor(node, model.tree, model.trace))]),
      figureTable(node),
      ...alternatives(node, model, this.#actions),
    ];
  }
}

function breadcrumbs(path: readonly TraceNode[], actions: NodeActions): HTMLElement {
  const crumb = (id: number, label: string, isLast: boolean): HTMLElement =>
    h(
      "li",
      {},
      h(
        "button",
        {
          class: "crumb",
          attributes: { type: "button", "data-key": `crumb-${id}`, "aria-current": isLast ? "true" : null },
          on: { click: () => actions.select(id) },
        },
        label,
      ),
    );
  return h(
    "nav",
    { class: "breadcrumbs", attributes: { "aria-label": t("Path from the problem") } },
    h(
      "ol",
      {},
      crumb(ROOT, t("Problem"), false),
      ...path.map((node, index) =>
        crumb(node.id, node.kind === "answer" ? t("Answer") : String(index + 1), index === path.length - 1),
      ),
    ),
  );
}

function rejectionBox(node: TraceNode): HTMLElement {
  const { rejection } = node;
  const where = rejection?.line == null ? "" : ` ${t("(line {0})", rejection.line)}`;
  return h("p", "rejection", icon("rejected"), `${rejection?.message ?? ""}${where}`);
}

function codeBlock(node: TraceNode, actions: NodeActions): HTMLElement {
  const lines = node.code.trimEnd().split("\n");
  const code = h(
    "code",
    {},
    ...tokens(lines.join("\n")).map(({ kind, text }) => (kind === "plain" ? text : h("span", kind, text))),
  );
  const block = h(
    "pre",
    { class: "code", attributes: { tabindex: 0, role: "region", "aria-label": t("Python code") } },
    code,
  );
  const titled = part(t("Python"), block);
  titled.querySelector("h3")?.append(copyButton("copy", () => actions.copy(node.code)));
  return titled;
}

function outputBlock(node: TraceNode): HTMLElement {
  const text = node.output.trimEnd() || node.value || "";
  return part(
    node.output.trim() === "" ? t("Value") : t("Output"),
    h(
      "pre",
      { class: "output", attributes: { tabindex: 0, role: "region", "aria-label": t("Output") } },
      text,
    ),
  );
}

function figureTable(node: TraceNode): HTMLElement {
  const q = qOf(node);
  const rows: [string, string | HTMLElement][] = [];
  if (q !== null)
    rows.push([
      t("Q-value"),
      h(
        "span",
        "with-meter",
        h("span", { class: q < 0 ? "meter negative" : "meter", var: { "--q": q } }),
        signed(q),
      ),
    ]);
  rows.push([t("Visits"), whole(node.visits)]);
  if (node.ppm !== null)
    rows.push([
      t("PPM score"),
      h(
        "span",
        "with-meter",
        h("span", { class: node.ppm < 0 ? "meter negative" : "meter", var: { "--q": node.ppm } }),
        signed(node.ppm),
      ),
    ]);
  if (node.samples > 1) rows.push([t("Drawn"), t("{0} times", whole(node.samples))]);
  if (node.logProb !== null) rows.push([t("Mean log-probability"), decimal(node.logProb.mean, 2)]);
  rows.push([t("Tokens"), whole(node.cost.generatedTokens)]);
  if (node.kind === "step") rows.push([t("Python ran"), t("{0} ms", decimal(node.cost.sandboxMs, 1))]);
  return part(
    t("Values"),
    h(
      "dl",
      "figures-list",
      ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

/** The candidates for the same step, best first: rank among siblings says more than the value itself. */
function alternatives(node: TraceNode, model: ViewModel, actions: NodeActions): HTMLElement[] {
  if (node.parent === null) return [];
  const siblings = childrenAt(model.tree, node.parent)
    .map((id) => model.tree.nodes.get(id))
    .filter((sibling) => sibling !== undefined)
    .sort((a, b) => rank(b) - rank(a));
  if (siblings.length < 2) return [];
  const most = 50;
  const rows = siblings.slice(0, most).map((sibling) => {
    const q = qOf(sibling);
    const button = h(
      "button",
      {
        class: "link-like",
        attributes: {
          type: "button",
          "data-key": `sibling-${sibling.id}`,
          "aria-current": sibling.id === node.id ? "true" : null,
        },
        on: { click: () => actions.select(sibling.id) },
      },
      line(titleOf(sibling)),
    );
    const why = sibling.rejection === null ? null : h("span", "why", sibling.rejection.message);
    return h(
      "tr",
      `${sibling.status}${sibling.id === node.id ? " current" : ""}`,
      h(
        "td",
        {},
        h(
          "div",
          "candidate",
          h("span", "badge", icon(iconOf(sibling, model.tree.chosen.has(sibling.id)))),
          button,
        ),
        why,
      ),
      h("td", "number", q === null ? "–" : signed(q)),
      h("td", "number", whole(sibling.visits)),
      h("td", "number", sibling.ppm === null ? "–" : signed(sibling.ppm)),
    );
  });
  const head = ["Q", "N", "PPM"].map((name) =>
    h("th", { class: "number", attributes: { scope: "col" } }, name),
  );
  const table = h(
    "table",
    "alternatives",
    h("thead", {}, h("tr", {}, h("th", { attributes: { scope: "col" } }, t("Candidate")), ...head)),
    h("tbody", {}, ...rows),
  );
  const rest = siblings.length - most;
  return [
    part(
      t("Candidates for this step ({0})", whole(siblings.length)),
      table,
      ...(rest > 0 ? [h("p", "note", t("and {0} more in the tree", whole(rest)))] : []),
    ),
  ];
}

function rank(node: TraceNode): number {
  return node.status === "rejected" ? -3 : (qOf(node) ?? -2);
}

function personMark(node: TraceNode, model: ViewModel): HTMLElement | null {
  const preference = model.trace?.preferences?.findLast(
    ({ preferred, rejected }) => preferred === node.id || rejected === node.id,
  );
  if (preference === undefined) return null;
  if (preference.rejected === node.id) return h("span", "chip rejected", t("you rejected it"));
  return h("span", "chip person", preference.kind === "edit" ? t("your step") : t("you pinned it"));
}
