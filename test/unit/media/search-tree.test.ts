/** The pure parts of the search view: the tree's model, layout, culling and keyboard. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cull } from "../../../media/search/cull.ts";
import { find, move } from "../../../media/search/keyboard.ts";
import { layoutOutline, layoutTree, type Layout } from "../../../media/search/layout.ts";
import { linkPath } from "../../../media/search/link-path.ts";
import { EMPTY_TREE, grow, qOf, type TreeModel } from "../../../media/search/tree-model.ts";
import type { TraceNode } from "../../../server/protocol/trace.ts";
import { bestAnswerBelow } from "../../../server/protocol/trace-path.ts";

function node(id: number, parent: number, changes: Partial<TraceNode> = {}): TraceNode {
  const root = EMPTY_TREE.nodes.get(0);
  if (root === undefined) throw new Error("no root");
  return { ...root, id, parent, kind: "step", reason: `step ${id}`, visits: 1, sum: 0.5, ...changes };
}

const candidate = (made: TraceNode) => ({ kind: "candidate" as const, problemId: "p", node: made });

/** A tree from each node's parent: the n-th entry is the parent of node n + 1. */
function treeOf(parents: readonly number[]): TreeModel {
  return grow(
    EMPTY_TREE,
    parents.map((parent, index) => candidate(node(index + 1, parent))),
  );
}

/** Any tree of up to 60 nodes, parents before children. */
const anyTree = fc
  .array(fc.nat(), { maxLength: 60 })
  .map((draws) => treeOf(draws.map((draw, index) => draw % (index + 1))));

const ALL = { left: -1e6, top: -1e6, width: 2e6, height: 2e6 };

describe("a growing tree", () => {
  it("puts every candidate below its parent and keeps the newest state of each", () => {
    const tree = grow(treeOf([0, 1, 1]), [candidate(node(2, 1, { visits: 9 }))]);
    expect(tree.children.get(1)).toEqual([2, 3]);
    expect(tree.nodes.get(2)?.visits).toBe(9);
  });

  it("draws a node whose parent comes later once the parent is there", () => {
    const orphan = grow(EMPTY_TREE, [candidate(node(2, 1))]);
    expect(layoutTree(orphan, new Set(), "compact").byId.has(2)).toBe(false);
    const whole = grow(orphan, [candidate(node(1, 0))]);
    expect(layoutTree(whole, new Set(), "compact").byId.has(2)).toBe(true);
  });

  it("marks the path to the best answer so far", () => {
    const progress = {
      generatedTokens: 10,
      budget: 100,
      candidates: 3,
      rejected: 0,
      trajectories: 1,
      started: 1,
      planned: 4,
      best: { answer: "7", support: 1 },
    };
    const tree = grow(treeOf([0, 0]), [
      candidate(node(3, 2, { kind: "answer", answer: "7" })),
      { kind: "progress", problemId: "p", progress },
    ]);
    expect([...tree.chosen].sort()).toEqual([0, 2, 3]);
    expect(tree.progress?.trajectories).toBe(1);
  });

  it("shows what is being written until it has become candidates", () => {
    const draft = (text: string) => ({ kind: "draft" as const, problemId: "p", parent: 1, draft: 0, text });
    const writing = grow(treeOf([0]), [draft("# Step 2: Add"), draft("# Step 2: Add them")]);
    expect(writing.nodes.size).toBe(3);
    const [id] = writing.children.get(1) ?? [];
    expect(writing.nodes.get(id ?? 0)?.reason).toBe("Add them");
    const told = {
      kind: "progress" as const,
      problemId: "p",
      progress: {
        generatedTokens: 1,
        budget: 2,
        candidates: 2,
        rejected: 0,
        trajectories: 0,
        started: 1,
        planned: 1,
        best: null,
      },
    };
    const written = grow(writing, [candidate(node(2, 1)), told]);
    expect([...written.nodes.keys()]).toEqual([0, 1, 2]);
    expect(written.children.get(1)).toEqual([2]);
  });

  it("has no Q before the first visit, and Q = sum / N after it", () => {
    expect(qOf({ sum: 0, visits: 0 })).toBeNull();
    expect(qOf({ sum: -1, visits: 4 })).toBe(-0.25);
  });

  it("finds the best answer below a step, never a rejected one", () => {
    const tree = grow(treeOf([0, 1]), [
      candidate(node(3, 2, { kind: "answer", answer: "a", sum: 0.2 })),
      candidate(node(4, 1, { kind: "answer", answer: "b", sum: 0.9, status: "rejected" })),
    ]);
    expect(bestAnswerBelow(tree, 1)?.answer).toBe("a");
    expect(bestAnswerBelow(tree, 4)).toBeNull();
  });
});

describe("layout", () => {
  it("places every node once, children right of their parents, no two on the same spot", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const layout = layoutTree(tree, new Set(), "compact");
        expect(layout.placed).toHaveLength(tree.nodes.size);
        for (const placed of layout.placed) {
          const parent = layout.byId.get(placed.parent ?? -1);
          if (parent !== undefined) expect(placed.x).toBeGreaterThan(parent.x + layout.size.width);
        }
        for (const column of layout.columns)
          for (const [index, placed] of column.entries()) {
            const above = column[index - 1];
            if (above !== undefined) expect(placed.y - above.y).toBeGreaterThanOrEqual(layout.size.height);
          }
      }),
    );
  });

  it("leaves out what is below a closed node, and says that it is closed", () => {
    const tree = treeOf([0, 1, 2, 0]);
    for (const layout of [layoutTree(tree, new Set([1]), "compact"), layoutOutline(tree, new Set([1]))]) {
      expect(layout.byId.has(2)).toBe(false);
      expect(layout.byId.get(1)?.isOpen).toBe(false);
      expect(layout.byId.get(4)?.isOpen).toBeNull();
    }
  });

  it("counts siblings for screen readers", () => {
    const layout = layoutTree(treeOf([0, 0, 0]), new Set(), "compact");
    expect(layout.placed.slice(1).map(({ position, siblings }) => [position, siblings])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
  });

  it("lays out a chain of 10,000 steps", () => {
    const chain = treeOf(Array.from({ length: 9999 }, (_, index) => index));
    expect(layoutTree(chain, new Set(), "overview").placed).toHaveLength(10_000);
    expect(layoutOutline(chain, new Set()).placed).toHaveLength(9999);
  });
});

describe("culling", () => {
  const shown = (layout: Layout, top: number, left = 0) =>
    cull(layout, { left, top, width: 800, height: 600 });

  it("shows everything in a window that holds everything", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const layout = layoutTree(tree, new Set(), "compact");
        const visible = cull(layout, ALL);
        expect(visible.nodes.map(({ id }) => id)).toEqual(layout.placed.map(({ id }) => id));
        expect(visible.links).toHaveLength(layout.placed.length - 1);
      }),
    );
  });

  it("never leaves out a node that touches the window", () => {
    fc.assert(
      fc.property(
        anyTree,
        fc.integer({ min: -200, max: 2000 }),
        fc.integer({ min: 0, max: 4000 }),
        (tree, top, left) => {
          const layout = layoutTree(tree, new Set(), "detailed");
          const ids = new Set(shown(layout, top, left).nodes.map(({ id }) => id));
          for (const { id, x, y } of layout.placed) {
            const touches =
              x <= left + 800 &&
              x + layout.size.width >= left &&
              y <= top + 600 &&
              y + layout.size.height >= top;
            if (touches) expect(ids).toContain(id);
          }
        },
      ),
    );
  });

  it("draws a few dozen of 10,000 nodes, wherever the window is", () => {
    const wide = treeOf(Array.from({ length: 9999 }, (_, index) => Math.floor(index / 3)));
    const layout = layoutTree(wide, new Set(), "compact");
    for (const share of [0, 0.25, 0.5, 0.9]) {
      const visible = shown(layout, share * layout.height, 400);
      expect(visible.nodes.length).toBeLessThan(200);
      expect(visible.links.length).toBeLessThan(220);
    }
  });

  it("keeps the link that crosses the window between a far parent and its children", () => {
    const fan = treeOf(Array.from({ length: 2000 }, () => 0));
    const layout = layoutTree(fan, new Set(), "compact");
    expect(shown(layout, layout.height * 0.1).links.length).toBeGreaterThan(0);
  });

  it("always shows the node that has the focus", () => {
    const layout = layoutTree(treeOf(Array.from({ length: 500 }, () => 0)), new Set(), "compact");
    const far = layout.placed.at(-1)?.id ?? 0;
    expect(
      cull(layout, { left: 0, top: 0, width: 100, height: 100 }, [far]).nodes.map(({ id }) => id),
    ).toContain(far);
  });
});

describe("keyboard", () => {
  const tree = treeOf([0, 0, 1, 1, 2]);
  const outline = layoutOutline(tree, new Set());
  const drawing = layoutTree(tree, new Set(), "compact");

  it("walks the outline in reading order", () => {
    expect(move(outline, 1, "ArrowDown", 5)).toEqual({ kind: "focus", id: 3 });
    expect(move(outline, 4, "ArrowDown", 5)).toEqual({ kind: "focus", id: 2 });
    expect(move(outline, 2, "ArrowUp", 5)).toEqual({ kind: "focus", id: 4 });
    expect(move(outline, 3, "End", 5)).toEqual({ kind: "focus", id: 5 });
  });

  it("closes an open node of the outline before it leaves it", () => {
    expect(move(outline, 1, "ArrowLeft", 5)).toEqual({ kind: "close", id: 1 });
    expect(move(outline, 3, "ArrowLeft", 5)).toEqual({ kind: "focus", id: 1 });
  });

  it("goes where the arrow points in the drawing", () => {
    expect(move(drawing, 1, "ArrowDown", 5)).toEqual({ kind: "focus", id: 2 });
    expect(move(drawing, 2, "ArrowRight", 5)).toEqual({ kind: "focus", id: 5 });
    expect(move(drawing, 5, "ArrowLeft", 5)).toEqual({ kind: "focus", id: 2 });
    expect(move(drawing, 0, "ArrowLeft", 5)).toEqual({ kind: "nothing" });
  });

  it("opens a closed node", () => {
    const closed = layoutTree(tree, new Set([1]), "compact");
    expect(move(closed, 1, "ArrowRight", 5)).toEqual({ kind: "open", id: 1 });
    expect(move(closed, 1, "+", 5)).toEqual({ kind: "open", id: 1 });
    expect(move(drawing, 1, "-", 5)).toEqual({ kind: "close", id: 1 });
  });

  it("finds the next node by its first letters, round the end", () => {
    const words = (id: number) => ["problem", "add", "take", "add more", "print", "answer"][id] ?? "";
    expect(find(drawing, 0, "a", words)).toBe(1);
    expect(find(drawing, 1, "a", words)).toBe(3);
    expect(find(drawing, 5, "a", words)).toBe(1);
    expect(find(drawing, 0, "x", words)).toBeUndefined();
  });

  it("reaches every node of any tree from the root with Right and Down alone", () => {
    fc.assert(
      fc.property(anyTree, (any) => {
        const layout = layoutTree(any, new Set(), "compact");
        const reached = new Set([0]);
        const open = [0];
        for (let id = open.pop(); id !== undefined; id = open.pop())
          for (const key of ["ArrowRight", "ArrowDown", "ArrowUp"]) {
            const made = move(layout, id, key, 5);
            if (made.kind !== "focus" || reached.has(made.id)) continue;
            reached.add(made.id);
            open.push(made.id);
          }
        expect(reached.size).toBe(layout.placed.length);
      }),
    );
  });
});

describe("links", () => {
  const size = { width: 100, height: 20, gapX: 30, gapY: 5 };

  it("is a straight line on one height and turns twice otherwise", () => {
    expect(linkPath({ x: 0, y: 0 }, { x: 130, y: 0 }, size)).toBe("M100 10H130");
    const bent = linkPath({ x: 0, y: 0 }, { x: 130, y: 100 }, size);
    expect(bent.match(/Q/gu)).toHaveLength(2);
    expect(bent).toMatch(/^M100 10H.*H130$/u);
  });
});
