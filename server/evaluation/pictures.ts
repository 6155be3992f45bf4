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

type Row = EvaluationReport["rows"][number];

/** Draws what there is to draw of a report. */
export async function drawPictures(report: EvaluationReport): Promise<DrawnPicture[]> {
  const canvas = await openCanvas(report);
  const rows = report.rows.filter(({ problems }) => problems > 0);
  if (rows.length === 0) return [];
  const seconds = new Map(report.rows.map((row, index) => [row, report.measured.rows[index]?.seconds ?? 0]));
  const byLevel = drawLevels(canvas, rows);
  return [
    {
      file: "accuracy-tokens.svg",
      title: "Strict accuracy against generated tokens for a problem",
      svg: drawCurve(
        canvas,
        rows.map((row) => pointOf(row, row.generatedTokens.mean)),
        "tokens generated for a problem →",
      ),
    },
    ...(report.measured.rows.length === 0
      ? []
      : [
          {
            file: "accuracy-seconds.svg",
            title: "Strict accuracy against seconds for a problem",
            svg: drawCurve(
              canvas,
              rows.map((row) => pointOf(row, seconds.get(row) ?? 0)),
              "seconds for a problem →",
            ),
          },
        ]),
    {
      file: "pass-at-n.svg",
      title: "What was chosen beside what any trajectory found (pass@N)",
      svg: drawChosenAndFound(canvas, rows),
    },
    ...(byLevel === null ? [] : [{ file: "by-level.svg", title: "Strict accuracy by level", svg: byLevel }]),
  ];
}

/** Draws with the same colour and symbol for a method in all pictures of a report. */
interface Canvas {
  readonly Plot: Awaited<ReturnType<typeof openDrawing>>["Plot"];
  readonly draw: (options: PlotOptions) => string;
}

async function openCanvas(report: EvaluationReport): Promise<Canvas> {
  const { Plot, draw } = await openDrawing();
  const methods = [...new Set(report.rows.map(({ method }) => method))];
  const color = { domain: methods, range: methods.map((_, index) => `var(--c${index % COLOURS})`) };
  const symbol = {
    domain: methods,
    range: methods.map((_, index) => SYMBOLS[index % SYMBOLS.length] ?? "circle"),
  };
  const base = { width: WIDTH, className: "plot", color, symbol };
  return { Plot, draw: (options) => draw({ ...base, ...options }, methods.length, caption(report)) };
}

const SHARE = { label: "strict accuracy", tickFormat: "%", grid: true, nice: true } as const;

function pointOf({ method, strict }: Row, x: number): Point {
  const [low, high] = strict.interval;
  return { method, x, y: strict.mean, low, high };
}

function drawCurve({ Plot, draw }: Canvas, points: readonly Point[], x: string): string {
  const drawn = points.filter((point) => point.x > 0);
  return draw({
    height: 420,
    marginLeft: 56,
    marginRight: 170,
    marginBottom: 44,
    x: { type: "log", label: x, grid: true, tickFormat: (value: number) => String(value) },
    y: SHARE,
    marks: [
      Plot.ruleX(drawn, { x: "x", y1: "low", y2: "high", stroke: "method", strokeOpacity: 0.45 }),
      Plot.line(drawn, { x: "x", y: "y", z: "method", stroke: "method", sort: "x" }),
      Plot.dot(drawn, { x: "x", y: "y", stroke: "method", fill: "method", symbol: "method", r: 4 }),
      ...labels(Plot.text, drawn),
    ],
  });
}

/** A filled bar within an outlined one: what was chosen, and what a perfect choice would have reached. */
function drawChosenAndFound({ Plot, draw }: Canvas, rows: readonly Row[]): string {
  const chosen = rows.map((row) => ({ row: row.name, method: row.method, value: row.strict.mean }));
  const found = rows.map((row) => ({ row: row.name, method: row.method, value: row.passAtN.mean }));
  return draw({
    height: 60 + 26 * rows.length,
    marginLeft: 210,
    marginRight: 60,
    x: {
      ...SHARE,
      label: "chosen answer (filled) and pass@N (outline): share of problems solved",
      domain: [0, 1],
    },
    y: { label: null, domain: rows.map(({ name }) => name) },
    marks: [
      Plot.barX(found, {
        x: "value",
        y: "row",
        stroke: "method",
        fill: "none",
        strokeDasharray: "3 2",
        inset: 1,
      }),
      Plot.barX(chosen, { x: "value", y: "row", fill: "method", inset: 4 }),
      Plot.text(rows, {
        x: (row: Row) => Math.max(row.passAtN.mean, row.strict.mean),
        y: "name",
        dx: 6,
        textAnchor: "start",
        text: (row: Row) => `${percent(row.strict.mean)} / ${percent(row.passAtN.mean)}`,
      }),
      Plot.ruleX([0]),
    ],
  });
}

/** Null where no problem says how hard it is. */
function drawLevels({ Plot, draw }: Canvas, rows: readonly Row[]): string | null {
  const levels = rows.flatMap((row) =>
    row.byLevel
      .filter(({ problems }) => problems > 0)
      .map(({ level, strict }) => ({ row: row.name, method: row.method, level, value: strict.mean })),
  );
  if (levels.length === 0) return null;
  return draw({
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
