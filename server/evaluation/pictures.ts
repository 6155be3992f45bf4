/** The pictures of a report, as SVG that is legible on light and dark backgrounds and without colour. */
import type { Markish, PlotOptions, text as plotText } from "@observablehq/plot";
import type { EvaluationReport } from "./report-schema.ts";
import { COLOURS, openDrawing } from "./drawing.ts";
import { caption, type Picture } from "./markdown.ts";
import { percent } from "./statistics.ts";

/** A picture and its content. */
export interface DrawnPicture extends Picture {
  readonly svg: string;
}

const SYMBOLS = [
  "circle",
  "square",
  "triangle",
  "diamond",
  "star",
  "cross",
  "wye",
  "asterisk",
  "plus",
  "times",
  "hexagon",
] as const;

const WIDTH = 760;

/** A mark of a curve: one row. */
interface Point {
  readonly method: string;
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** Draws what there is to draw of a report. */
export async function drawPictures(report: EvaluationReport): Promise<DrawnPicture[]> {
  const { Plot, draw: drawFile } = await openDrawing();
  const methods = [...new Set(report.rows.map(({ method }) => method))];
  const colours = methods.map((_, index) => `var(--c${index % COLOURS})`);
  const color = { domain: methods, range: colours };
  const symbol = {
    domain: methods,
    range: methods.map((_, index) => SYMBOLS[index % SYMBOLS.length] ?? "circle"),
  };
  const base = { width: WIDTH, className: "plot", color, symbol };
  const draw = (options: Omit<PlotOptions, "document">): string =>
    drawFile(options, methods.length, caption(report));
  const share = { label: "strict accuracy", tickFormat: "%", grid: true, nice: true } as const;

  const curve = (points: readonly Point[], x: string): string => {
    const drawn = points.filter((point) => point.x > 0);
    return draw({
      ...base,
      height: 420,
      marginLeft: 56,
      marginRight: 170,
      marginBottom: 44,
      x: { type: "log", label: x, grid: true, tickFormat: (value: number) => String(value) },
      y: share,
      marks: [
        Plot.ruleX(drawn, {
          x: "x",
          y1: "low",
          y2: "high",
          stroke: "method",
          strokeOpacity: 0.45,
        }),
        Plot.line(drawn, { x: "x", y: "y", z: "method", stroke: "method", sort: "x" }),
        Plot.dot(drawn, {
          x: "x",
          y: "y",
          stroke: "method",
          fill: "method",
          symbol: "method",
          r: 4,
        }),
        ...labels(Plot.text, drawn),
      ],
    });
  };

  const points = (x: (index: number) => number): Point[] =>
    report.rows
      .filter(({ problems }) => problems > 0)
      .map((row) => {
        const [low, high] = row.strict.interval;
        return { method: row.method, x: x(report.rows.indexOf(row)), y: row.strict.mean, low, high };
      });
  const rows = report.rows.filter(({ problems }) => problems > 0);
  if (rows.length === 0) return [];

  const bars = rows.flatMap((row) => [
    { row: row.name, method: row.method, kind: "chosen", value: row.strict.mean },
    { row: row.name, method: row.method, kind: "pass@N", value: row.passAtN.mean },
  ]);
  const oracle = draw({
    ...base,
    height: 60 + 26 * rows.length,
    marginLeft: 210,
    marginRight: 60,
    x: {
      ...share,
      label: "chosen answer (filled) and pass@N (outline): share of problems solved",
      domain: [0, 1],
    },
    y: { label: null, domain: rows.map(({ name }) => name) },
    marks: [
      Plot.barX(
        bars.filter(({ kind }) => kind === "pass@N"),
        { x: "value", y: "row", stroke: "method", fill: "none", strokeDasharray: "3 2", inset: 1 },
      ),
      Plot.barX(
        bars.filter(({ kind }) => kind === "chosen"),
        { x: "value", y: "row", fill: "method", inset: 4 },
      ),
      Plot.text(rows, {
        x: (row: (typeof rows)[number]) => Math.max(row.passAtN.mean, row.strict.mean),
        y: "name",
        dx: 6,
        textAnchor: "start",
        text: (row: (typeof rows)[number]) => `${percent(row.strict.mean)} / ${percent(row.passAtN.mean)}`,
      }),
      Plot.ruleX([0]),
    ],
  });

  const pictures: DrawnPicture[] = [
    {
      file: "accuracy-tokens.svg",
      title: "Strict accuracy against generated tokens for a problem",
      svg: curve(
        points((index) => report.rows[index]?.generatedTokens.mean ?? 0),
        "tokens generated for a problem →",
      ),
    },
    ...(report.measured.rows.length === 0
      ? []
      : [
          {
            file: "accuracy-seconds.svg",
            title: "Strict accuracy against seconds for a problem",
            svg: curve(
              points((index) => report.measured.rows[index]?.seconds ?? 0),
              "seconds for a problem →",
            ),
          },
        ]),
    {
      file: "pass-at-n.svg",
      title: "What was chosen beside what any trajectory found (pass@N)",
      svg: oracle,
    },
  ];
  const levels = rows.flatMap((row) =>
    row.byLevel
      .filter(({ problems }) => problems > 0)
      .map(({ level, strict }) => ({ row: row.name, method: row.method, level, value: strict.mean })),
  );
  if (levels.length === 0) return pictures;
  const byLevel = draw({
    ...base,
    height: 60 + 26 * rows.length,
    marginLeft: 210,
    marginRight: 20,
    fx: { label: "level" },
    x: { tickFormat: "%", label: "strict accuracy", domain: [0, 1], ticks: [0, 0.5] },
    y: { label: null, domain: rows.map(({ name }) => name) },
    marks: [
      Plot.barX(levels, { fx: "level", x: "value", y: "row", fill: "method", inset: 3 }),
      Plot.text(levels, {
        fx: "level",
        x: "value",
        y: "row",
        dx: 4,
        textAnchor: "start",
        text: (one: (typeof levels)[number]) => percent(one.value),
      }),
      Plot.ruleX([0]),
    ],
  });
  return [...pictures, { file: "by-level.svg", title: "Strict accuracy by level", svg: byLevel }];
}

/** Names the curves, the names moved apart where they would lie on each other. */
function labels(text: typeof plotText, points: readonly Point[]): Markish[] {
  const edge = Math.max(...points.map(({ x }) => x));
  // Curves are named at the right edge, where there is room; a single point where it stands.
  const last = new Map<string, Point>();
  for (const method of new Set(points.map((point) => point.method))) {
    const own = points.filter((point) => point.method === method).sort((a, b) => a.x - b.x);
    const end = own.at(-1);
    if (end !== undefined) last.set(method, own.length === 1 ? end : { ...end, x: edge });
  }
  const span = Math.max(
    0.02,
    Math.max(...points.map(({ high }) => high)) - Math.min(...points.map(({ low }) => low)),
  );
  const gap = (span * 13) / 340;
  let below = Infinity;
  return [...last.values()]
    .sort((a, b) => b.y - a.y)
    .map((point) => {
      below = Math.min(point.y, below - gap);
      return text([{ ...point, y: below }], {
        x: "x",
        y: "y",
        text: "method",
        fill: "method",
        dx: 9,
        textAnchor: "start",
        fontWeight: 600,
      });
    });
}
