/** Where every node of the tree is drawn, as a tree from left to right or as an indented outline. Pure. */
import { hierarchy, tree as tidyTree, type HierarchyNode, type HierarchyPointNode } from "d3-hierarchy";
import type { SearchViewState } from "../../server/protocol/view.ts";
import { childrenAt, ROOT, type TreeModel } from "./tree-model.ts";

export type Density = SearchViewState["density"];

/** Sizes in CSS pixels at a font size of 13 px. */
export interface Size {
  readonly width: number;
  readonly height: number;
  /** Space to the next column, and between two rows. */
  readonly gapX: number;
  readonly gapY: number;
}

const SIZES: Readonly<Record<Density, Size>> = {
  detailed: { width: 260, height: 52, gapX: 34, gapY: 8 },
  compact: { width: 224, height: 28, gapX: 30, gapY: 6 },
  overview: { width: 18, height: 10, gapX: 20, gapY: 5 },
};
const OUTLINE: Size = { width: 0, height: 30, gapX: 18, gapY: 0 };

/** A node and its place. */
export interface Placed {
  readonly id: number;
  readonly parent: number | null;
  /** Left upper corner. */
  readonly x: number;
  readonly y: number;
  readonly depth: number;
  /** Position in reading order (parents first), which is the order in the page. */
  readonly order: number;
  /** Null for a leaf. */
  readonly isOpen: boolean | null;
  /** How many siblings there are, itself included, and which of them it is (1-based). */
  readonly siblings: number;
  readonly position: number;
}

/** All places, and what culling and the keyboard need of them. */
export interface Layout {
  readonly kind: "tree" | "outline";
  readonly size: Size;
  /** In reading order. */
  readonly placed: readonly Placed[];
  readonly byId: ReadonlyMap<number, Placed>;
  /** By depth, each from top to bottom. The outline has one column. */
  readonly columns: readonly (readonly Placed[])[];
  readonly width: number;
  readonly height: number;
}

/** Space around the drawing. */
const MARGIN = 16;

/** The tree from left to right: one column for each step, tidy (Reingold and Tilford, by d3-hierarchy). */
export function layoutTree(
  tree: TreeModel,
  collapsed: ReadonlySet<number>,
  density: Density,
  scale = 1,
): Layout {
  const size = scaled(SIZES[density], scale);
  const root = tidyTree<number>()
    .nodeSize([size.height + size.gapY, size.width + size.gapX])
    .separation(() => 1)(visible(tree, collapsed));
  let top = Infinity;
  root.each((node) => (top = Math.min(top, node.x)));
  return assemble("tree", size, tree, collapsed, root, (node) => ({
    x: MARGIN + node.y,
    y: MARGIN + node.x - top,
  }));
}

/** The tree as rows, indented by depth. The root has no row: its children are the first level. */
export function layoutOutline(tree: TreeModel, collapsed: ReadonlySet<number>, scale = 1): Layout {
  const size = scaled(OUTLINE, scale);
  const root = visible(tree, new Set([...collapsed].filter((id) => id !== ROOT)));
  return assemble("outline", size, tree, collapsed, root, (node, order) => ({
    x: Math.max(0, node.depth - 1) * size.gapX,
    y: (order - 1) * size.height,
  }));
}

function visible(tree: TreeModel, collapsed: ReadonlySet<number>): HierarchyNode<number> {
  return hierarchy(ROOT, (id) => (collapsed.has(id) ? [] : childrenAt(tree, id)));
}

function assemble<N extends HierarchyNode<number> | HierarchyPointNode<number>>(
  kind: Layout["kind"],
  size: Size,
  tree: TreeModel,
  collapsed: ReadonlySet<number>,
  root: N,
  place: (node: N, order: number) => { readonly x: number; readonly y: number },
): Layout {
  const placed: Placed[] = [];
  const columns: Placed[][] = [];
  let [width, height, order] = [0, 0, 0];
  root.eachBefore((node) => {
    const id = node.data;
    const at = place(node as N, order);
    const made: Placed = {
      id,
      parent: node.parent?.data ?? null,
      ...at,
      depth: node.depth,
      order: order++,
      isOpen: childrenAt(tree, id).length === 0 ? null : !collapsed.has(id),
      siblings: node.parent?.children?.length ?? 1,
      position: 1,
    };
    if (kind === "outline" && id === ROOT) return;
    placed.push(made);
    (columns[kind === "tree" ? node.depth : 0] ??= []).push(made);
    width = Math.max(width, at.x + size.width);
    height = Math.max(height, at.y + size.height);
  });
  const margin = kind === "tree" ? MARGIN : 0;
  return {
    kind,
    size,
    placed: numbered(placed),
    columns,
    byId: new Map(placed.map((node) => [node.id, node])),
    width: width + margin,
    height: height + margin,
  };
}

/** Gives every node its position among its siblings. */
function numbered(placed: Placed[]): Placed[] {
  const seen = new Map<number | null, number>();
  for (const node of placed) {
    const position = (seen.get(node.parent) ?? 0) + 1;
    seen.set(node.parent, position);
    (node as { position: number }).position = position;
  }
  return placed;
}

function scaled(size: Size, scale: number): Size {
  const of = (pixels: number): number => Math.round(pixels * scale);
  return { width: of(size.width), height: of(size.height), gapX: of(size.gapX), gapY: of(size.gapY) };
}
