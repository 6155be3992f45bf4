/** The tree on the page: draws what its window shows, handles pointer and keyboard, keeps one node focusable. */
import { focusIn, h, svg } from "../shared/dom.ts";
import { cull } from "./cull.ts";
import { find, move } from "./keyboard.ts";
import { layoutOutline, layoutTree, type Layout } from "./layout.ts";
import { linkPath } from "./link-path.ts";
import { Minimap } from "./minimap.ts";
import { dressNode, nodeElement } from "./node-element.ts";
import type { TreeModel } from "./tree-model.ts";
import type { ViewModel } from "./view-model.ts";
import { titleOf } from "./words.ts";

/** What the tree asks of the view around it. */
export interface TreeActions {
  select(id: number): void;
  toggle(id: number): void;
  /** The person wants to read the node in full. */
  inspect(id: number): void;
}

/** Letters typed within this time are one word to look for. */
const TYPING_MS = 700;

export class TreeView {
  readonly element: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #canvas: HTMLElement;
  readonly #links: SVGSVGElement;
  readonly #treeElement: HTMLElement;
  readonly #minimap: Minimap;
  readonly #actions: TreeActions;
  readonly #elements = new Map<number, HTMLElement>();
  #model: ViewModel | null = null;
  #layout: Layout | null = null;
  #drawing = 0;
  #typed = { text: "", at: 0 };

  constructor(label: string, actions: TreeActions) {
    this.#actions = actions;
    this.#links = svg("svg", { class: "links", attributes: { "aria-hidden": "true" } });
    this.#treeElement = h("div", { class: "nodes", attributes: { role: "tree", "aria-label": label } });
    this.#canvas = h("div", "canvas", this.#links, this.#treeElement);
    this.#scroller = h("div", { class: "scroller", on: { scroll: () => this.#drawSoon() } }, this.#canvas);
    this.#minimap = new Minimap((x, y) => this.#scroller.scrollTo({ left: x, top: y }));
    this.element = h("div", "tree-view", this.#scroller, this.#minimap.element);
    this.#treeElement.addEventListener("click", (event) => this.#clicked(event));
    this.#treeElement.addEventListener("dblclick", (event) => this.#doubleClicked(event));
    this.#treeElement.addEventListener("keydown", (event) => this.#pressed(event));
    new ResizeObserver(() => this.#drawSoon()).observe(this.#scroller);
  }

  /** Shows the model. Places are computed anew only when the tree, or what is open in it, has changed. */
  show(model: ViewModel): void {
    const before = this.#model;
    this.#model = model;
    const isOutline = model.page === "outline";
    if (
      before === null ||
      this.#layout === null ||
      before.tree.children !== model.tree.children ||
      before.collapsed !== model.collapsed ||
      before.density !== model.density ||
      (before.page === "outline") !== isOutline
    ) {
      const scale = parseFloat(getComputedStyle(document.body).fontSize) / 13;
      this.#layout = isOutline
        ? layoutOutline(model.tree, model.collapsed, scale)
        : layoutTree(model.tree, model.collapsed, model.density, scale);
      this.element.dataset["layout"] = this.#layout.kind;
      this.element.dataset["density"] = isOutline ? "outline" : model.density;
      this.#canvas.style.setProperty("height", `${this.#layout.height}px`);
      this.#canvas.style.setProperty("width", isOutline ? "100%" : `${this.#layout.width}px`);
      this.#treeElement.style.setProperty("--node-height", `${this.#layout.size.height}px`);
    }
    this.draw();
  }

  /** Scrolls so that a node is in the middle part of the window. */
  reveal(id: number, isSmooth = false): void {
    const placed = this.#layout?.byId.get(id);
    if (placed === undefined || this.#layout === null) return;
    const { clientWidth, clientHeight, scrollLeft, scrollTop } = this.#scroller;
    const { width, height } = this.#layout.size;
    const isInside =
      placed.x >= scrollLeft &&
      placed.x + Math.min(width, clientWidth) <= scrollLeft + clientWidth &&
      placed.y >= scrollTop &&
      placed.y + height <= scrollTop + clientHeight;
    if (isInside) return;
    this.#scroller.scrollTo({
      left: Math.max(0, placed.x - Math.max(16, (clientWidth - width) / 3)),
      top: placed.y - (clientHeight - height) / 2,
      behavior: isSmooth && !isMotionReduced() ? "smooth" : "instant",
    });
    this.draw();
  }

  /** Gives the keyboard's focus to a node. */
  focus(id: number): void {
    this.reveal(id);
    this.#elements.get(id)?.focus({ preventScroll: true });
  }

  #drawSoon(): void {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => this.draw());
  }

  draw(): void {
    const [model, layout] = [this.#model, this.#layout];
    if (model === null || layout === null) return;
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.#scroller;
    const window = { left: scrollLeft, top: scrollTop, width: clientWidth, height: clientHeight };
    // One node must always be reachable by Tab, wherever the window is.
    const focusable = layout.byId.has(model.selected) ? model.selected : (layout.placed[0]?.id ?? 0);
    const visible = cull(layout, window, [focusable]);
    const isOutline = layout.kind === "outline";
    const stay = new Set(visible.nodes.map((placed) => placed.id));
    let isFocusLost = false;
    for (const [id, element] of this.#elements)
      if (!stay.has(id)) {
        isFocusLost ||= focusIn(element) !== null;
        element.remove();
        this.#elements.delete(id);
      }
    let after: Element | null = null;
    for (const placed of visible.nodes) {
      const node = model.tree.nodes.get(placed.id);
      if (node === undefined) continue;
      let element = this.#elements.get(placed.id);
      if (element === undefined) {
        element = nodeElement(placed.id);
        this.#elements.set(placed.id, element);
      }
      dressNode(
        element,
        {
          placed,
          node,
          tree: model.tree,
          isSelected: placed.id === focusable,
          density: isOutline ? "outline" : model.density,
          level: isOutline ? placed.depth : placed.depth + 1,
        },
        isOutline ? Math.max(160, clientWidth - placed.x) : layout.size.width,
      );
      // Moving an element takes its focus away: only what is out of order is moved.
      const place: Element | null =
        after === null ? this.#treeElement.firstElementChild : after.nextElementSibling;
      if (place !== element) this.#treeElement.insertBefore(element, place);
      after = element;
    }
    // A draft that was replaced had it: the keyboard goes on from what is selected.
    if (isFocusLost) this.#elements.get(focusable)?.focus({ preventScroll: true });
    this.#drawLinks(layout, visible.links, model.tree);
    this.#minimap.show(layout, model.tree, window);
  }

  #drawLinks(
    layout: Layout,
    ends: readonly { readonly id: number; readonly parent: number | null }[],
    tree: TreeModel,
  ): void {
    const [plain, chosen]: [SVGPathElement[], SVGPathElement[]] = [[], []];
    for (const { id, parent } of ends) {
      const [from, to] = [layout.byId.get(parent ?? -1), layout.byId.get(id)];
      if (from === undefined || to === undefined) continue;
      const isChosen = tree.chosen.has(id);
      const isRejected = tree.nodes.get(id)?.status === "rejected";
      (isChosen ? chosen : plain).push(
        svg("path", {
          class: isChosen ? "link chosen" : isRejected ? "link rejected" : "link",
          attributes: { d: linkPath(from, to, layout.size) },
        }),
      );
    }
    this.#links.replaceChildren(...plain, ...chosen);
  }

  #clicked(event: MouseEvent): void {
    const id = idOf(event);
    if (id === null) return;
    if (event.target instanceof Element && event.target.closest("[data-twistie]") !== null)
      this.#actions.toggle(id);
    else this.#actions.select(id);
    this.#elements.get(id)?.focus({ preventScroll: true });
  }

  #doubleClicked(event: MouseEvent): void {
    const id = idOf(event);
    if (id !== null) this.#actions.inspect(id);
  }

  #pressed(event: KeyboardEvent): void {
    const [id, layout, model] = [idOf(event), this.#layout, this.#model];
    if (id === null || layout === null || model === null || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const page = Math.max(
      1,
      Math.floor(this.#scroller.clientHeight / (layout.size.height + layout.size.gapY)) - 1,
    );
    const made = move(layout, id, event.key, page);
    switch (made.kind) {
      case "focus":
        this.#actions.select(made.id);
        this.focus(made.id);
        break;
      case "open":
      case "close":
        this.#actions.toggle(made.id);
        break;
      case "inspect":
        this.#actions.inspect(made.id);
        break;
      case "nothing":
        if (!this.#look(event.key, id, layout, model.tree)) return;
        break;
      default:
        made satisfies never;
    }
    event.preventDefault();
  }

  /** Typing goes to the next node that begins so. */
  #look(key: string, id: number, layout: Layout, tree: TreeModel): boolean {
    if (!/^[\p{L}\p{N}]$/u.test(key)) return false;
    const now = performance.now();
    this.#typed = { text: (now - this.#typed.at < TYPING_MS ? this.#typed.text : "") + key, at: now };
    const found = find(layout, id, this.#typed.text, (other) => {
      const node = tree.nodes.get(other);
      return node === undefined ? "" : titleOf(node);
    });
    if (found === undefined) return false;
    this.#actions.select(found);
    this.focus(found);
    return true;
  }
}

function idOf(event: Event): number | null {
  const element = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-id]") : null;
  return element === null ? null : Number(element.dataset["id"]);
}

/** Whether the system, or VS Code by its own setting, asks for no motion. */
function isMotionReduced(): boolean {
  return (
    matchMedia("(prefers-reduced-motion: reduce)").matches ||
    document.body.classList.contains("vscode-reduce-motion")
  );
}
