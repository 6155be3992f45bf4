/** The element of one node in the tree or the outline. */
import type { TraceNode } from "../../server/protocol/trace.ts";
import { fill, h, setAttributes, spoken } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { signed, t, whole } from "../shared/l10n.ts";
import { line } from "../shared/prose.ts";
import type { Density, Placed } from "./layout.ts";
import { isDraft, qOf, type TreeModel } from "./tree-model.ts";
import { detailOf, iconOf, labelOf, leadOf, restOf, titleOf } from "./words.ts";

/** How the node is to look now. */
export interface NodeLook {
  readonly placed: Placed;
  readonly node: TraceNode;
  readonly tree: TreeModel;
  readonly isSelected: boolean;
  readonly density: Density | "outline";
  /** Level in the tree as told to a screen reader, from 1. */
  readonly level: number;
}

/** A new element; `dressNode` gives it its content. The tree listens for clicks for all of them. */
export function nodeElement(id: number): HTMLElement {
  return h("div", { class: "node", attributes: { role: "treeitem", "data-id": id } });
}

/** Brings the element up to date. Its content is made anew only when the node itself has changed. */
export function dressNode(element: HTMLElement, look: NodeLook, width: number): void {
  const { placed, node, tree, isSelected, density, level } = look;
  const isChosen = tree.chosen.has(node.id);
  setAttributes(element, {
    "aria-level": level,
    "aria-setsize": placed.siblings,
    "aria-posinset": placed.position,
    "aria-expanded": placed.isOpen === null ? null : String(placed.isOpen),
    "aria-selected": String(isSelected),
    tabindex: isSelected ? 0 : -1,
  });
  element.style.setProperty("transform", `translate(${placed.x}px, ${placed.y}px)`);
  element.style.setProperty("width", `${width}px`);
  const key = [density, isChosen, placed.isOpen, placed.depth, width].join();
  if (shown.get(element)?.node === node && shown.get(element)?.key === key) return;
  shown.set(element, { node, key });
  element.className = [
    "node",
    node.kind,
    node.status,
    density,
    isChosen ? "chosen" : "",
    isDraft(node.id) ? "draft" : "",
  ]
    .join(" ")
    .trim();
  if (node.graded !== null) element.classList.add(`graded-${node.graded}`);
  const q = qOf(node);
  element.style.setProperty("--q", String(q ?? 0));
  if (density === "overview") {
    const label = labelOf(node, placed.depth, tree);
    setAttributes(element, { "aria-label": label, title: label });
    fill(element);
    return;
  }
  setAttributes(element, { "aria-label": null, title: null });
  const [mark, more, values] = [badge(node, placed, isChosen), detail(node), figures(node, q)];
  const twistie =
    placed.isOpen === null
      ? null
      : h(
          "span",
          { class: "twistie", attributes: { "data-twistie": true } },
          icon(placed.isOpen ? "open" : "closed"),
        );
  // Read out are the title and, around it in words, what the rest says to the eye.
  for (const drawn of [mark, more, values, twistie]) drawn?.setAttribute("aria-hidden", "true");
  fill(
    element,
    spoken(leadOf(node, placed.depth)),
    mark,
    h("span", "title", line(titleOf(node))),
    density === "compact" ? null : more,
    values,
    twistie,
    spoken(restOf(node, tree)),
  );
}

const shown = new WeakMap<Element, { readonly node: TraceNode; readonly key: string }>();

function badge(node: TraceNode, placed: Placed, isChosen: boolean): HTMLElement {
  return node.kind === "step" && node.status === "ok"
    ? h("span", "badge number", String(placed.depth))
    : h("span", "badge", icon(iconOf(node, isChosen)));
}

function detail(node: TraceNode): HTMLElement {
  const { kind, text } = detailOf(node);
  return h("span", `detail ${kind}`, text);
}

/** Q as a bar to the left or right of its middle, and the visits. */
function figures(node: TraceNode, q: number | null): HTMLElement | null {
  if (q === null) return null;
  return h(
    "span",
    { class: "figures", attributes: { title: t("Q {0}, visits {1}", signed(q), whole(node.visits)) } },
    h("span", q < 0 ? "meter negative" : "meter"),
    h("span", "visits", whole(node.visits)),
  );
}
