/** Which nodes and links of a layout a window on it shows: their number follows the window, not the tree. Pure. */
import type { Layout, Placed } from "./layout.ts";

/** A rectangle of the drawing. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What is to be drawn. */
export interface Visible {
  /** In reading order. */
  readonly nodes: readonly Placed[];
  /** The lower ends of the links to draw. */
  readonly links: readonly Placed[];
}

/** Rows and columns drawn beyond each edge, so that a little scrolling shows no gap. */
const BEYOND = 120;

/**
 * What the window shows. `always` are nodes drawn wherever they are (the one with the keyboard's focus).
 *
 * A link can cross the window though both its ends are outside. In a tidy tree the children of one parent are
 * neighbours in their column, so the nearest node above the window and the nearest below carry every such link.
 */
export function cull(layout: Layout, window: Window, always: readonly number[] = []): Visible {
  const { size } = layout;
  const nodes = new Set<Placed>();
  const links = new Set<Placed>();
  for (const [depth, column] of layout.columns.entries()) {
    if (layout.kind === "tree" && !meets(depth, layout, window)) continue;
    const first = lowerBound(column, window.top - BEYOND - size.height);
    const last = lowerBound(column, window.top + window.height + BEYOND);
    for (const node of column.slice(first, last)) nodes.add(node);
    if (layout.kind === "tree")
      for (const node of column.slice(Math.max(0, first - 1), last + 1)) links.add(node);
  }
  for (const id of always) {
    const node = layout.byId.get(id);
    if (node !== undefined) nodes.add(node);
  }
  return {
    nodes: [...nodes].sort((a, b) => a.order - b.order),
    links: [...links].filter((node) => node.parent !== null),
  };
}

/** Whether a column, or the links that lead into it, reach into the window. */
function meets(depth: number, { columns, size }: Layout, window: Window): boolean {
  const x = columns[depth]?.[0]?.x ?? 0;
  return x + size.width + BEYOND >= window.left && x - size.gapX - BEYOND <= window.left + window.width;
}

/** Index of the first node of a column whose upper edge is at `y` or below. */
function lowerBound(column: readonly Placed[], y: number): number {
  let [low, high] = [0, column.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((column[middle]?.y ?? Infinity) < y) low = middle + 1;
    else high = middle;
  }
  return low;
}
