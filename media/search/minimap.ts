/** The whole tree in a narrow strip, with the window on it: drawn on a canvas, so 10,000 nodes cost no elements. */
import { h } from "../shared/dom.ts";
import type { Window } from "./cull.ts";
import type { Layout } from "./layout.ts";
import { paintTree } from "./paint-tree.ts";
import type { TreeModel } from "./tree-model.ts";

const WIDTH = 76;
const PADDING = 6;

/** Only for pointers: the keyboard moves through the tree itself, so the strip is hidden from screen readers. */
export class Minimap {
  readonly element: HTMLElement;
  readonly #canvas = h("canvas");
  readonly #frame = h("div", "frame");
  readonly #scroll: (left: number, top: number) => void;
  #scale = { x: 1, y: 1 };
  #window: Window = { left: 0, top: 0, width: 0, height: 0 };
  #painted: { layout: Layout; tree: TreeModel; height: number; theme: string } | null = null;

  constructor(scroll: (left: number, top: number) => void) {
    this.#scroll = scroll;
    this.element = h(
      "div",
      { class: "minimap", attributes: { "aria-hidden": "true" } },
      this.#canvas,
      this.#frame,
    );
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      this.#moveTo(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (event.buttons === 1) this.#moveTo(event);
    });
  }

  /** Shows the strip if the window does not show all of a tree; the picture is painted anew only when it changed. */
  show(layout: Layout, tree: TreeModel, window: Window): void {
    this.#window = window;
    const isNeeded =
      layout.kind === "tree" && (layout.height > window.height * 1.2 || layout.width > window.width * 2);
    this.element.classList.toggle("shown", isNeeded);
    if (!isNeeded) return;
    const height = this.element.clientHeight - 2 * PADDING;
    this.#scale = {
      x: (WIDTH - 2 * PADDING) / layout.width,
      y: Math.min(height / layout.height, 0.5),
    };
    const theme = `${document.body.className} ${document.documentElement.style.cssText.length}`;
    const last = this.#painted;
    if (last?.layout !== layout || last.tree !== tree || last.height !== height || last.theme !== theme) {
      this.#painted = { layout, tree, height, theme };
      paintTree(this.#canvas, layout, tree, {
        width: WIDTH - 2 * PADDING,
        height: Math.min(height, layout.height * this.#scale.y),
      });
    }
    const style = this.#frame.style;
    style.setProperty("left", `${PADDING + window.left * this.#scale.x - 2}px`);
    style.setProperty("top", `${PADDING + window.top * this.#scale.y - 2}px`);
    style.setProperty("width", `${Math.min(WIDTH - 2 * PADDING, window.width * this.#scale.x) + 4}px`);
    style.setProperty("height", `${Math.min(height, window.height * this.#scale.y) + 4}px`);
  }

  #moveTo(event: PointerEvent): void {
    const box = this.element.getBoundingClientRect();
    this.#scroll(
      (event.clientX - box.left - PADDING) / this.#scale.x - this.#window.width / 2,
      (event.clientY - box.top - PADDING) / this.#scale.y - this.#window.height / 2,
    );
  }
}
