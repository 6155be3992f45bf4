/** Paints a tree's shape on a canvas, for the minimap and the comparison: values by colour, the chosen path by a line. */
import type { Layout } from "./layout.ts";
import { qOf, type TreeModel } from "./tree-model.ts";

/** Paints the layout, scaled into `width` x `height` CSS pixels, in the colours that the theme gives the canvas. */
export function paintTree(
  canvas: HTMLCanvasElement,
  layout: Layout,
  tree: TreeModel,
  { width, height }: { readonly width: number; readonly height: number },
): void {
  const density = devicePixelRatio;
  canvas.width = Math.max(1, Math.round(width * density));
  canvas.height = Math.max(1, Math.round(height * density));
  canvas.style.setProperty("width", `${width}px`);
  canvas.style.setProperty("height", `${height}px`);
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(name).trim() || style.color;
  const colours = {
    link: colour("--link-line"),
    chosen: colour("--chosen"),
    good: colour("--q-good"),
    bad: colour("--q-bad"),
    neutral: colour("--q-neutral"),
    rejected: colour("--rejected"),
  };
  context.scale(density, density);
  const [sx, sy] = [width / layout.width, height / layout.height];
  const middle = (id: number): readonly [number, number, number] | null => {
    const at = layout.byId.get(id);
    if (at === undefined) return null;
    return [at.x * sx, (at.x + layout.size.width) * sx, (at.y + layout.size.height / 2) * sy];
  };
  const links = (wanted: boolean, colourOfLine: string, lineWidth: number): void => {
    context.beginPath();
    for (const placed of layout.placed) {
      if (placed.parent === null || tree.chosen.has(placed.id) !== wanted) continue;
      const [from, to] = [middle(placed.parent), middle(placed.id)];
      if (from === null || to === null) continue;
      const trunk = (from[1] + to[0]) / 2;
      context.moveTo(from[1], from[2]);
      context.lineTo(trunk, from[2]);
      context.lineTo(trunk, to[2]);
      context.lineTo(to[0], to[2]);
    }
    context.strokeStyle = colourOfLine;
    context.lineWidth = lineWidth;
    context.stroke();
  };
  links(false, colours.link, 0.5);
  const bar = Math.max(1, Math.min(4, layout.size.height * sy));
  for (const placed of layout.placed) {
    const node = tree.nodes.get(placed.id);
    const at = middle(placed.id);
    if (node === undefined || at === null) continue;
    const q = qOf(node);
    context.globalAlpha = tree.chosen.has(placed.id) ? 1 : 0.4 + 0.5 * Math.abs(q ?? 0);
    context.fillStyle = tree.chosen.has(placed.id)
      ? colours.chosen
      : node.status === "rejected"
        ? colours.rejected
        : q === null || q === 0
          ? colours.neutral
          : q > 0
            ? colours.good
            : colours.bad;
    context.fillRect(at[0], at[2] - bar / 2, Math.max(1.5, at[1] - at[0]), bar);
  }
  context.globalAlpha = 1;
  links(true, colours.chosen, 1.5);
}
