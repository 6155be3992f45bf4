/** The dashboard's page: the runs, where the one shown stands, its curves, its rounds. */
import { STAGES, type Stage } from "../../server/protocol/evolution.ts";
import { copyButton } from "../shared/copy-button.ts";
import { fill, h } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { duration, moment, t, whole } from "../shared/l10n.ts";
import { accuracyChart, coverageChart, heldOutChart, lossChart } from "./charts.ts";
import {
  activityOf,
  curvesOf,
  secondsLeft,
  standingOf,
  type DashboardModel,
  type RunView,
} from "./dashboard-model.ts";
import { roundsTable } from "./rounds-table.ts";

/** What the page asks of the extension. */
export interface DashboardActions {
  openRun(run: string): void;
  start(): void;
  stop(run: string): void;
  resume(run: string): void;
  trainNow(run: string): void;
  reveal(run: string): void;
  rollBack(): void;
  copy(text: string): void;
}

/** Fills the page. Focus and opened tables are kept by the caller's keys. */
export function dashboardPage(element: HTMLElement, model: DashboardModel, actions: DashboardActions): void {
  const { run, notice } = model;
  fill(
    element,
    h(
      "header",
      "title-row",
      h("h1", {}, t("Self-Evolution")),
      h("div", "actions", ...buttons(model, actions)),
    ),
    h(
      "div",
      { attributes: { role: "status" } },
      notice === null ? null : h("p", `notice ${notice.severity}`, icon("warning"), notice.text),
    ),
    model.runs.length === 0 && run === null
      ? h(
          "p",
          "note empty",
          t(
            "No run yet. A run searches problems that have an answer, trains the policy and the PPM on what it found, and adopts them only when they are better on problems that never train.",
          ),
        )
      : h(
          "div",
          "columns",
          runList(model, actions),
          h("div", "run", ...(run === null ? [h("p", "note", t("Choose a run."))] : runParts(run, actions))),
        ),
  );
}

function buttons({ run, mayRun, runs }: DashboardModel, actions: DashboardActions): HTMLElement[] {
  const button = (key: string, label: string, kind: string, click: () => void): HTMLElement =>
    h("button", { class: kind, attributes: { type: "button", "data-key": key }, on: { click } }, label);
  const made: HTMLElement[] = [];
  const isBusy = runs.some(({ status }) => status === "running");
  if (run !== null) {
    const { id, status, stage } = run.state;
    const mayGoOn = (status === "stopped" || status === "failed") && mayRun && !isBusy;
    if (stage === "search" && (status === "running" || mayGoOn))
      made.push(button("train-now", t("Train Now"), "secondary", () => actions.trainNow(id)));
    if (status === "running")
      made.push(
        button("stop", run.stopping ? t("Stopping…") : t("Stop and Keep"), "secondary", () =>
          actions.stop(id),
        ),
      );
    if (mayGoOn) made.push(button("resume", t("Resume"), "primary", () => actions.resume(id)));
    made.push(button("reveal", t("Open Folder"), "secondary", () => actions.reveal(id)));
  }
  if (mayRun) made.push(button("roll-back", t("Roll Back…"), "secondary", () => actions.rollBack()));
  if (mayRun && !isBusy) made.push(button("start", t("Start a Run…"), "primary", () => actions.start()));
  return made;
}

function statusWords(status: RunView["state"]["status"]): string {
  switch (status) {
    case "running":
      return t("running");
    case "stopped":
      return t("stopped");
    case "failed":
      return t("failed");
    case "finished":
      return t("finished");
    default:
      return status satisfies never;
  }
}

function runList({ runs, run }: DashboardModel, actions: DashboardActions): HTMLElement {
  return h(
    "nav",
    { class: "runs", attributes: { "aria-label": t("Runs") } },
    h("h2", {}, t("Runs")),
    h(
      "ul",
      {},
      ...runs.map((one) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              class: "run-row",
              attributes: {
                type: "button",
                "data-key": `run-${one.id}`,
                "aria-current": one.id === run?.state.id ? "true" : null,
              },
              on: { click: () => actions.openRun(one.id) },
            },
            h("span", "run-name", one.name, h("span", `chip ${one.status}`, statusWords(one.status))),
            h(
              "span",
              "note",
              `${one.base} · ${t("{0} of {1} rounds done", one.round, one.rounds)} · ${t("{0} problems", whole(one.problems))}`,
            ),
            h("span", "note", moment(one.createdAt)),
          ),
        ),
      ),
    ),
  );
}

function runParts(run: RunView, actions: DashboardActions): HTMLElement[] {
  const { reports, metrics } = run;
  const [policy, ppm] = [curvesOf(metrics, "policy"), curvesOf(metrics, "ppm")];
  const charts = [
    ...(policy.train.length > 0 ? [lossChart(t("Policy: loss"), policy.train, policy.held)] : []),
    ...(ppm.train.length > 0 ? [lossChart(t("PPM: loss"), ppm.train, ppm.held)] : []),
    ...(ppm.held.length > 0 ? [accuracyChart(t("PPM: held-out pairs in the right order"), ppm.held)] : []),
    ...(reports.length > 0 ? [coverageChart(reports)] : []),
    ...(reports.some(({ policyGate, ppmGate }) => policyGate !== null || ppmGate !== null)
      ? [heldOutChart(reports)]
      : []),
  ];
  return [
    standingPart(run),
    ...(charts.length > 0
      ? [h("section", { class: "charts", attributes: { "aria-label": t("Curves") } }, ...charts)]
      : []),
    ...(charts.length > 0 ? [legend()] : []),
    ...(reports.length > 0 ? [roundsTable(reports)] : []),
    ...(run.state.command === undefined ? [] : [commandPart(run.state.command, actions)]),
  ];
}

/** What begins the same run in a terminal. */
function commandPart(command: string, actions: DashboardActions): HTMLElement {
  return h(
    "section",
    { class: "command", attributes: { "aria-label": t("The same run in a terminal") } },
    h(
      "h3",
      {},
      t("The same run in a terminal"),
      copyButton("copy-command", () => actions.copy(command)),
    ),
    h("pre", { class: "code", attributes: { tabindex: 0, "data-key": "command" } }, h("code", {}, command)),
  );
}

function stageWords(stage: Stage): string {
  switch (stage) {
    case "search":
      return t("Search problems");
    case "select":
      return t("Select data");
    case "train-policy":
      return t("Train policy");
    case "gate-policy":
      return t("Compare policy");
    case "train-ppm":
      return t("Train PPM");
    case "gate-ppm":
      return t("Compare PPM");
    default:
      return stage satisfies never;
  }
}

/** Which round and stage, how far, how long still. */
function standingPart(run: RunView): HTMLElement {
  const { state } = run;
  const standing = standingOf(run);
  const rounds = state.settings.rounds.length;
  const isDone = state.status === "finished";
  const left = secondsLeft(run);
  const activity = activityOf(run);
  const at = STAGES.indexOf(state.stage);
  const share = standing === null || standing.total === 0 ? 0 : standing.done / standing.total;
  const stages = STAGES.flatMap((stage, index) => {
    // Traces that were given need no search.
    if (stage === "search" && state.settings.traces === "given") return [];
    const phase = isDone || index < at ? "done" : index === at ? "now" : "later";
    return [
      h(
        "li",
        { class: `stage ${phase}`, attributes: { "aria-current": phase === "now" ? "step" : null } },
        h("span", "dot", phase === "done" ? icon("for") : null),
        h("span", {}, stageWords(stage)),
      ),
    ];
  });
  const words =
    standing === null
      ? null
      : [
          standing.unit === "steps"
            ? t("{0} of {1} steps", whole(standing.done), whole(standing.total))
            : t("{0} of {1} problems", whole(standing.done), whole(standing.total)),
          standing.secondsLeft === null
            ? null
            : t("about {0} left in this stage", duration(standing.secondsLeft)),
          left === null ? null : t("about {0} left in all", duration(left)),
        ]
          .filter((part) => part !== null)
          .join(" · ");
  return h(
    "section",
    "standing-part",
    h(
      "h2",
      {},
      isDone
        ? rounds === 1
          ? t("The round is done")
          : t("All {0} rounds are done", rounds)
        : t("Round {0} of {1}", Math.min(state.round, rounds), rounds),
      h("span", `chip ${state.status}`, run.stopping ? t("stopping") : statusWords(state.status)),
    ),
    h("ol", { class: "stages", attributes: { "aria-label": t("Stages of the round") } }, ...stages),
    standing === null || state.status !== "running"
      ? null
      : h("div", {
          class: "progress shown",
          attributes: {
            role: "progressbar",
            "aria-label": stageWords(standing.stage),
            "aria-valuemin": 0,
            "aria-valuemax": standing.total,
            "aria-valuenow": standing.done,
          },
          var: { "--share": share },
        }),
    words === null || state.status !== "running" ? null : h("p", "note", words),
    activity === null ? null : h("p", "note", activity),
    state.failure === null ? null : h("p", "notice error", icon("warning"), state.failure),
    h(
      "p",
      "note",
      t("{0} problems train, {1} only compare", whole(state.problems.train), whole(state.problems.held)),
      ` · ${t("policy in use: {0}", state.adopted.policy ?? t("the base"))} · ${t("PPM in use: {0}", state.adopted.ppm ?? t("none"))}`,
    ),
  );
}

function legend(): HTMLElement {
  const entry = (className: string, words: string): HTMLElement =>
    h("li", {}, h("span", `key ${className}`), words);
  return h(
    "ul",
    { class: "legend", attributes: { "aria-label": t("Legend") } },
    entry("train", t("training; policy; all problems")),
    entry("held", t("held-out examples; policy with PPM")),
    entry("earlier", t("earlier rounds; single groups")),
  );
}
