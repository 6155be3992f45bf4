/** What a key does in the tree (WAI-ARIA's tree pattern; in the drawing, arrows go where they point). Pure. */
import type { Layout, Placed } from "./layout.ts";

/** Where the focus goes, or what opens or closes. */
export type Move =
  | { readonly kind: "focus"; readonly id: number }
  | { readonly kind: "open"; readonly id: number }
  | { readonly kind: "close"; readonly id: number }
  | { readonly kind: "inspect"; readonly id: number }
  | { readonly kind: "nothing" };

const NOTHING: Move = { kind: "nothing" };

/** What `key` does when `id` has the focus. `page` is how many rows a page has. */
export function move(layout: Layout, id: number, key: string, page: number): Move {
  const at = layout.byId.get(id);
  if (at === undefined) return NOTHING;
  switch (key) {
    case "ArrowDown":
      return to(beside(layout, at, 1));
    case "ArrowUp":
      return to(beside(layout, at, -1));
    case "PageDown":
      return to(beside(layout, at, page));
    case "PageUp":
      return to(beside(layout, at, -page));
    case "ArrowRight":
      if (at.isOpen === null) return NOTHING;
      return at.isOpen ? to(middleChild(layout, at)) : { kind: "open", id };
    case "ArrowLeft":
      if (layout.kind === "outline" && at.isOpen === true) return { kind: "close", id };
      return to(at.parent === null ? undefined : layout.byId.get(at.parent));
    case "Home":
      return to(layout.placed[0]);
    case "End":
      return to(layout.placed.at(-1));
    case "-":
      return at.isOpen === true ? { kind: "close", id } : NOTHING;
    case "+":
      return at.isOpen === false ? { kind: "open", id } : NOTHING;
    case "Enter":
    case " ":
      return { kind: "inspect", id };
    default:
      return NOTHING;
  }
}

/** The next node, after `id`, whose words begin with what was typed; round from the end to the beginning. */
export function find(
  layout: Layout,
  id: number,
  typed: string,
  words: (id: number) => string,
): number | undefined {
  const start = layout.byId.get(id)?.order ?? 0;
  const wanted = typed.toLocaleLowerCase();
  // Further letters narrow the search from where it is; a first letter goes on to the next.
  const from = typed.length > 1 ? start : start + 1;
  const turned = [
    ...layout.placed.filter((node) => node.order >= from),
    ...layout.placed.filter((node) => node.order < from),
  ];
  return turned.find((node) => words(node.id).toLocaleLowerCase().startsWith(wanted))?.id;
}

/** `by` nodes further down (or up) the column in the drawing, the list in the outline; stops at its end. */
function beside(layout: Layout, at: Placed, by: number): Placed | undefined {
  const column = layout.columns[layout.kind === "tree" ? at.depth : 0] ?? [];
  const index = column.indexOf(at);
  return column[Math.max(0, Math.min(column.length - 1, index + by))];
}

/** In the drawing the child nearest in height, so that Right and Left lead back and forth; else the first. */
function middleChild(layout: Layout, at: Placed): Placed | undefined {
  const children = (layout.columns[layout.kind === "tree" ? at.depth + 1 : 0] ?? []).filter(
    (node) => node.parent === at.id,
  );
  if (layout.kind === "outline") return children[0];
  return children.reduce<Placed | undefined>(
    (best, node) => (best === undefined || Math.abs(node.y - at.y) < Math.abs(best.y - at.y) ? node : best),
    undefined,
  );
}

function to(node: Placed | undefined): Move {
  return node === undefined ? NOTHING : { kind: "focus", id: node.id };
}
