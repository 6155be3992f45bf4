/** Small pictures that carry a state by their shape, so that colour is never the only sign. */
import { svg } from "./dom.ts";

/** Paths on a 16 x 16 grid. `fill` draws the area, else the line. */
const ICONS = {
  step: { path: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Z", fill: false },
  chosen: { path: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Z", fill: true },
  rejected: { path: "M4.5 4.5l7 7M11.5 4.5l-7 7", fill: false },
  answer: { path: "M3.5 6h9M3.5 10h9", fill: false },
  equal: { path: "M3 8.5l3.5 3.5L13 4.5", fill: false },
  different: { path: "M3.5 6h9M3.5 10h9M10.5 3l-5 10", fill: false },
  root: { path: "M3 3.5h10M3 8h10M3 12.5h6", fill: false },
  open: { path: "M4.5 6.5L8 10l3.5-3.5", fill: false },
  closed: { path: "M6.5 4.5L10 8l-3.5 3.5", fill: false },
  pin: { path: "M8 1.8l1.9 4 4.3.5-3.2 3 .9 4.3L8 11.4l-3.9 2.2.9-4.3-3.2-3 4.3-.5Z", fill: true },
  for: { path: "M3 8.5l3.5 3.5L13 4.5", fill: false },
  against: { path: "M8 3v6.5M8 12.2v.6", fill: false },
  neutral: { path: "M5 8h6", fill: false },
  warning: { path: "M8 2.5L14.5 13.5h-13ZM8 6.5v3.5M8 11.6v.4", fill: false },
} as const;

export type IconName = keyof typeof ICONS;

/** The picture. It is decoration: its meaning stands in words beside it or in the element's label. */
export function icon(name: IconName): SVGSVGElement {
  const { path, fill } = ICONS[name];
  return svg(
    "svg",
    {
      class: `icon icon-${name}`,
      attributes: { viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    },
    svg("path", { class: fill ? "filled" : "lined", attributes: { d: path } }),
  );
}
