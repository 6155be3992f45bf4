/** The dashboard's charts, by Observable Plot; each has a table that says the same. */
import * as Plot from "@observablehq/plot";
import type { RoundReport } from "../../server/protocol/evolution.ts";
import { h } from "../shared/dom.ts";
import { decimal, percent, t, whole } from "../shared/l10n.ts";
import { gateShares, type Point } from "./dashboard-model.ts";

const SIZE = { width: 340, height: 200, marginLeft: 44, marginBottom: 34, marginRight: 14, marginTop: 22 };
/** Rows of a curve's table; a longer curve is thinned out evenly. */
const ROWS = 40;

/** A chart with its title, its table, and the words that a screen reader gets for the picture. */
function figure(title: string, description: string, plot: Element, table: HTMLElement): HTMLElement {
  // Plot brings a style element, which the page's policy would refuse; dashboard.css has its rules.
  plot.querySelector("style")?.remove();
  // A picture with words of its own: what Plot calls its parts is for the style sheet only.
  for (const part of plot.querySelectorAll("[aria-label]")) {
    part.setAttribute("data-part", part.getAttribute("aria-label") ?? "");
    part.removeAttribute("aria-label");
  }
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${title}. ${description}`);
  return h(
    "figure",
    "chart",
    h("figcaption", {}, title),
    plot,
    h(
      "details",
      { attributes: { "data-key": `table of ${title}` } },
      h("summary", { attributes: { "data-key": `summary of ${title}` } }, t("Show as table")),
      h("div", { class: "table-scroll", attributes: { "data-key": `rows of ${title}` } }, table),
    ),
  );
}

/** The axis of a training's steps: whole numbers only, however few there are. */
function stepAxis(points: readonly Point[]): Plot.ScaleOptions {
  const steps = points.map(({ step }) => step);
  const span = Math.max(...steps) - Math.min(...steps);
  return { label: t("Step"), ticks: Math.min(5, Math.max(1, span)), tickFormat: "d" };
}

/** Training loss as a line, held-out loss as dots; the rounds before the last are faint. */
export function lossChart(title: string, train: readonly Point[], held: readonly Point[]): HTMLElement {
  const last = Math.max(0, ...[...train, ...held].map(({ round }) => round));
  const now = (point: Point): boolean => point.round === last;
  const before = (point: Point): boolean => point.round !== last;
  const plot = Plot.plot({
    ...SIZE,
    className: "plot",
    x: stepAxis([...train, ...held]),
    y: { label: t("Loss"), grid: true, ticks: 5, zero: true },
    marks: [
      Plot.lineY(train.filter(before), { x: "step", y: "loss", z: "round", className: "earlier" }),
      Plot.lineY(train.filter(now), { x: "step", y: "loss", className: "train" }),
      Plot.dot(held.filter(before), { x: "step", y: "loss", r: 2.5, className: "earlier" }),
      Plot.lineY(held.filter(now), { x: "step", y: "loss", className: "held" }),
      Plot.dot(held.filter(now), { x: "step", y: "loss", r: 3.5, className: "held" }),
    ],
  });
  const newest = train.filter(now).at(-1);
  const description = t(
    "Round {0}: training loss {1} at step {2}",
    last,
    decimal(newest?.loss ?? 0, 3),
    whole(newest?.step ?? 0),
  );
  const every = Math.max(1, Math.ceil(train.length / ROWS));
  const rows = train.filter((point, index) => index % every === 0 || point === newest);
  return figure(
    title,
    description,
    plot,
    table(
      [t("Round"), t("Step"), t("Training loss"), t("Held-out loss")],
      rows.map((point) => {
        const near = held.findLast(({ round, step }) => round === point.round && step <= point.step);
        return [
          whole(point.round),
          whole(point.step),
          decimal(point.loss, 3),
          near === undefined ? "–" : decimal(near.loss, 3),
        ];
      }),
    ),
  );
}

/** The axis of a share, from 0 to 1. */
function shareAxis(label: string): Plot.ScaleOptions & { grid: boolean } {
  return { label, grid: true, domain: [0, 1], ticks: 5, tickFormat: (value: number) => percent(value) };
}

/** The axes of a share by round. */
function byRound(reports: readonly RoundReport[], label: string): Pick<Plot.PlotOptions, "x" | "y"> {
  const domain = reports.map(({ round }) => round);
  return { x: { label: t("Round"), domain, type: "point", tickFormat: "d" }, y: shareAxis(label) };
}

/** Share of held-out examples that come out right while the model trains. */
export function accuracyChart(title: string, held: readonly Point[]): HTMLElement {
  const last = Math.max(0, ...held.map(({ round }) => round));
  const points = held.flatMap((point) =>
    point.accuracy === null ? [] : [{ ...point, accuracy: point.accuracy }],
  );
  const plot = Plot.plot({
    ...SIZE,
    className: "plot",
    x: stepAxis(held),
    y: shareAxis(t("Right")),
    marks: [
      Plot.lineY(
        points.filter(({ round }) => round !== last),
        { x: "step", y: "accuracy", z: "round", className: "earlier" },
      ),
      Plot.lineY(
        points.filter(({ round }) => round === last),
        { x: "step", y: "accuracy", className: "held" },
      ),
      Plot.dot(
        points.filter(({ round }) => round === last),
        { x: "step", y: "accuracy", r: 3.5, className: "held" },
      ),
    ],
  });
  const newest = points.at(-1);
  return figure(
    title,
    t("Round {0}: {1}", last, percent(newest?.accuracy ?? 0)),
    plot,
    table(
      [t("Round"), t("Step"), t("Right")],
      points.map((point) => [whole(point.round), whole(point.step), percent(point.accuracy, 1)]),
    ),
  );
}

interface GroupPoint {
  readonly round: number;
  readonly group: string;
  readonly share: number;
}

/** The groups' names where their lines end; those that end in one place share a label. */
function namesAtTheEnd(points: readonly GroupPoint[]): { round: number; share: number; names: string }[] {
  const last = new Map(points.map((point) => [point.group, point]));
  const places = new Map<string, { round: number; share: number; names: string }>();
  for (const { round, group, share } of last.values()) {
    const key = `${round} ${share.toFixed(2)}`;
    const names = places.get(key)?.names;
    places.set(key, { round, share, names: names === undefined ? group : `${names}, ${group}` });
  }
  return [...places.values()];
}

/** Problems solved at least once, by group and round (rStar-Math Table 2). */
export function coverageChart(reports: readonly RoundReport[]): HTMLElement {
  const points = reports.flatMap(({ round, selection }) =>
    selection.coverage.map(({ group, problems, solved }) => ({
      round,
      group,
      problems,
      solved,
      share: problems === 0 ? 0 : solved / problems,
    })),
  );
  const isAll = ({ group }: { group: string }): boolean => group === "all";
  const plot = Plot.plot({
    ...SIZE,
    marginRight: 74,
    className: "plot",
    ...byRound(reports, t("Solved")),
    marks: [
      Plot.lineY(
        points.filter((point) => !isAll(point)),
        { x: "round", y: "share", z: "group", className: "earlier" },
      ),
      Plot.dot(
        points.filter((point) => !isAll(point)),
        { x: "round", y: "share", r: 2.5, className: "earlier" },
      ),
      Plot.lineY(points.filter(isAll), { x: "round", y: "share", className: "train" }),
      Plot.dot(points.filter(isAll), { x: "round", y: "share", r: 3.5, className: "train" }),
      Plot.text(namesAtTheEnd(points), { x: "round", y: "share", text: "names", textAnchor: "start", dx: 8 }),
    ],
  });
  const newest = points.findLast(isAll);
  return figure(
    t("Coverage by round"),
    t("{0} of {1} problems solved", whole(newest?.solved ?? 0), whole(newest?.problems ?? 0)),
    plot,
    table(
      [t("Round"), t("Group"), t("Problems"), t("Solved"), t("Coverage")],
      points.map((point) => [
        whole(point.round),
        point.group,
        whole(point.problems),
        whole(point.solved),
        percent(point.share, 1),
      ]),
    ),
  );
}

/** What the gates measured on held-out problems, with 95% intervals (the shape of Tables 3, 4 and 6). */
export function heldOutChart(reports: readonly RoundReport[]): HTMLElement {
  const points = reports.flatMap(({ round, policyGate, ppmGate }) =>
    [policyGate, ppmGate].flatMap((gate) =>
      gate === null
        ? []
        : [
            {
              round,
              role: gate.role,
              adopted: gate.adopted,
              problems: gate.problems,
              ...gateShares(gate).challenger,
            },
          ],
    ),
  );
  const names = { policy: t("Policy"), ppm: t("Policy with PPM") };
  const marks = (["policy", "ppm"] as const).flatMap((role) => {
    const own = points.filter((point) => point.role === role);
    const className = role === "policy" ? "train" : "held";
    const dx = role === "policy" ? -4 : 4;
    return [
      Plot.ruleX(own, { x: "round", y1: "low", y2: "high", dx, className }),
      Plot.lineY(own, { x: "round", y: "share", dx, className }),
      Plot.dot(own, {
        x: "round",
        y: "share",
        dx,
        r: 3.5,
        symbol: role === "policy" ? "circle" : "square",
        className,
      }),
      Plot.text(
        own,
        Plot.selectLast({
          x: "round",
          y: "share",
          text: () => names[role],
          textAnchor: "start",
          dx: 12,
          // The two may be equally good.
          dy: role === "policy" ? -6 : 6,
        }),
      ),
    ];
  });
  const plot = Plot.plot({
    ...SIZE,
    marginRight: 100,
    className: "plot",
    ...byRound(reports, t("Right")),
    marks,
  });
  const newest = points.at(-1);
  return figure(
    t("Right on held-out problems by round"),
    newest === undefined
      ? ""
      : t("Round {0}: {1} of {2} problems", newest.round, percent(newest.share), whole(newest.problems)),
    plot,
    table(
      [t("Round"), t("Model"), t("Right"), t("95% interval"), t("Adopted")],
      points.map((point) => [
        whole(point.round),
        names[point.role],
        percent(point.share, 1),
        `${percent(point.low, 1)} – ${percent(point.high, 1)}`,
        point.adopted ? t("yes") : t("no"),
      ]),
    ),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): HTMLTableElement {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { attributes: { scope: "col" } }, name)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
  );
}
