/** The pictures of a report, as SVG that is legible on light and dark backgrounds and without colour. */
import type { Markish, PlotOptions, text as plotText } from "@observablehq/plot";
import type { EvaluationReport } from "./report-schema.ts";
import { caption, type Picture } from "./markdown.ts";

/** A picture and its content. */
export interface DrawnPicture extends Picture {
  readonly svg: string;
}

/** Okabe and Ito's colours, told apart by most eyes; darker and lighter where a background asks for it. */
const LIGHT = [
  "#0072b2",
  "#d55e00",
  "#007a5a",
  "#b0478d",
  "#8a6d00",
  "#2b7da8",
  "#6b4fbb",
  "#444444",
  "#a83232",
  "#3f7d20",
  "#8c5a2b",
];
const DARK = [
  "#56b4e9",
  "#ff8c42",
  "#2fd6a3",
  "#e69ac9",
  "#f0e442",
  "#8fd3ff",
  "#b3a1ff",
  "#d0d0d0",
  "#ff8f8f",
  "#9be27a",
  "#e0b080",
];
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
  // Loaded when there is something to draw: no other command needs them.
  const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), linkedom()]);
  const methods = [...new Set(report.rows.map(({ method }) => method))];
  const colours = methods.map((_, index) => `var(--c${index % LIGHT.length})`);
  const { document } = parseHTML("<html><body></body></html>");
  const color = { domain: methods, range: colours };
  const symbol = {
    domain: methods,
    range: methods.map((_, index) => SYMBOLS[index % SYMBOLS.length] ?? "circle"),
  };
  const base = { width: WIDTH, className: "plot", color, symbol };
  const draw = (options: Omit<PlotOptions, "document">): string =>
    finish(
      (Plot.plot({ ...options, document }) as unknown as Drawn).outerHTML,
      methods.length,
      caption(report),
    );
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
    {
      file: "accuracy-seconds.svg",
      title: "Strict accuracy against seconds for a problem",
      svg: curve(
        points((index) => report.measured.rows[index]?.seconds ?? 0),
        "seconds for a problem →",
      ),
    },
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

/** What is needed of a drawing, and of a document to draw in: the types of the DOM are no part of a server's. */
interface Drawn {
  readonly outerHTML: string;
}

async function linkedom(): Promise<{
  readonly parseHTML: (html: string) => { readonly document: unknown };
}> {
  return await import("linkedom");
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

/** Room for the line below a drawing that says what it is of. */
const CAPTION = 22;

/** A whole SVG file: a background and colours of its own for light and for dark, and a line that says what it is of. */
function finish(svg: string, methods: number, about: string): string {
  const variables = (colours: readonly string[], ink: string, paper: string): string =>
    `${Array.from({ length: methods }, (_, index) => `--c${index}:${colours[index % colours.length] ?? ink};`).join("")}--ink:${ink};--paper:${paper};`;
  const style = [
    `svg{${variables(LIGHT, "#1f2328", "#ffffff")}color:var(--ink);}`,
    `@media (prefers-color-scheme: dark){svg{${variables(DARK, "#e6edf3", "#0d1117")}}}`,
  ].join("");
  const start = /^<svg viewBox="0 0 (\d+) (\d+)" height="\d+" width="\d+"([^>]*)>/u.exec(svg);
  if (start === null) throw new Error("the drawing is not an SVG");
  const [head, width = "", drawn = "", rest = ""] = start;
  const height = Number(drawn) + CAPTION;
  const line = `<text x="8" y="${height - 8}" text-anchor="start" font-size="9" opacity="0.8">${escape(about)}</text>`;
  const body = svg.slice(head.length, svg.lastIndexOf("</svg>"));
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"${rest}><style>${style}</style><rect width="100%" height="100%" style="fill:var(--paper)"/>${body}${line}</svg>\n`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
