/** The reliability plot of scores: what they say against how often they are right. */
import { openDrawing } from "./drawing.ts";

/** Things whose scores lie close together. */
export interface ScoreBin {
  /** Their mean score, as a probability. */
  readonly meanScore: number;
  /** Share of them that are right. */
  readonly right: number;
  readonly count: number;
}

/** A point for every bin, larger for more; scores that mean what they say lie on the diagonal. */
export async function reliabilityPicture(bins: readonly ScoreBin[], about: string): Promise<string> {
  const { Plot, draw } = await openDrawing();
  const share = { domain: [0, 1], tickFormat: "%", grid: true } as const;
  const drawn = bins.filter(({ count }) => count > 0);
  const options = {
    width: 420,
    height: 420,
    marginLeft: 56,
    marginBottom: 44,
    className: "plot",
    x: { ...share, label: "score, as a probability →" },
    y: { ...share, label: "share right" },
    r: { range: [0, 14], domain: [0, Math.max(1, ...drawn.map(({ count }) => count))] },
    marks: [
      Plot.link([null], { x1: 0, y1: 0, x2: 1, y2: 1, strokeDasharray: "4 3", strokeOpacity: 0.6 }),
      Plot.line(drawn, { x: "meanScore", y: "right", stroke: "var(--c0)" }),
      Plot.dot(drawn, { x: "meanScore", y: "right", r: "count", fill: "var(--c0)", fillOpacity: 0.7 }),
    ],
  };
  return draw(options, 1, about);
}
