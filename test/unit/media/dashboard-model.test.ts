/** How messages change the dashboard, its estimates and its intervals. */
import { describe, expect, it } from "vitest";
import {
  activityOf,
  curvesOf,
  EMPTY_DASHBOARD,
  gateShares,
  receive,
  secondsLeft,
  shareOf,
  standingOf,
  type DashboardModel,
} from "../../../media/dashboard/dashboard-model.ts";
import { metricsOf, reportOf, RUNS, stateIn } from "../../media/evolution-run.ts";
import type { Stage } from "../../../server/protocol/evolution.ts";
import { ToDashboard } from "../../../server/protocol/view.ts";

function opened(stage: Stage): DashboardModel {
  const message = ToDashboard.parse({
    kind: "run",
    state: stateIn(stage),
    reports: [reportOf(2), reportOf(1)],
    metrics: [metricsOf(3, "policy", 20)],
  });
  return receive({ ...EMPTY_DASHBOARD, runs: RUNS }, message, 0);
}

function runOf(model: DashboardModel) {
  if (model.run === null) throw new Error("no run is shown");
  return model.run;
}

describe("the dashboard's model", () => {
  it("says what is being prepared as long as there are no steps to count", () => {
    const said = opened("train-policy");
    expect(activityOf(runOf(said))).toBeNull();
    const stage = {
      kind: "stage",
      at: stateIn("search").createdAt,
      stage: "export",
      message: "Writing.",
    } as const;
    const metrics = { round: 3, role: "policy" as const, lines: [stage] };
    const after = runOf(receive(said, { kind: "metrics", run: "run-1", metrics }, 0));
    expect(activityOf(after)).toBe("Writing.");
    expect(activityOf({ ...after, state: stateIn("train-policy", { status: "stopped" }) })).toBeNull();
  });

  it("takes a training's estimate from the trainer", () => {
    expect(standingOf(runOf(opened("train-policy")))).toEqual({
      stage: "train-policy",
      done: 20,
      total: 60,
      unit: "steps",
      secondsLeft: 560,
    });
  });

  it("estimates a search from the problems done since it was watched", () => {
    const progress = (done: number, now: number, model: DashboardModel): DashboardModel =>
      receive(
        model,
        { kind: "progress", run: "run-1", progress: { round: 3, stage: "search", done, total: 100 } },
        now,
      );
    const one = progress(10, 0, opened("search"));
    expect(standingOf(runOf(one))?.secondsLeft).toBeNull();
    const two = progress(20, 30_000, one);
    expect(standingOf(runOf(two))?.secondsLeft).toBe(240);
  });

  it("says nothing of a stage that another message belongs to", () => {
    const model = receive(
      opened("search"),
      { kind: "progress", run: "run-1", progress: { round: 2, stage: "search", done: 1, total: 2 } },
      0,
    );
    expect(standingOf(runOf(model))).toBeNull();
  });

  it("estimates the whole run from finished rounds only", () => {
    const run = runOf(opened("train-policy"));
    expect(secondsLeft(run)).toBeGreaterThan(7900);
    // What is behind the run is not counted again: its search took most of each round.
    const { search, training, gate } = reportOf(1).seconds;
    const [first, last] = [runOf(opened("search")), runOf(opened("gate-ppm"))];
    expect((secondsLeft(first) ?? 0) - (secondsLeft(last) ?? 0)).toBe(search + training + gate / 2);
    expect(secondsLeft({ ...run, reports: [] })).toBeNull();
    expect(secondsLeft({ ...run, state: { ...run.state, status: "finished" } })).toBeNull();
  });

  it("appends lines to the training they belong to", () => {
    const model = receive(
      opened("train-policy"),
      {
        kind: "metrics",
        run: "run-1",
        metrics: { round: 3, role: "policy", lines: metricsOf(3, "policy", 21).lines.slice(-1) },
      },
      0,
    );
    const { train, held } = curvesOf(runOf(model).metrics, "policy");
    expect(train).toHaveLength(21);
    expect(held).toHaveLength(2);
    expect(curvesOf(runOf(model).metrics, "ppm").train).toEqual([]);
  });

  it("keeps reports in order and replaces the one of the same round", () => {
    const model = receive(
      opened("search"),
      { kind: "round", run: "run-1", report: { ...reportOf(1), problems: 7 } },
      0,
    );
    expect(runOf(model).reports.map(({ round, problems }) => [round, problems])).toEqual([
      [1, 7],
      [2, 320],
    ]);
  });

  it("keeps a notice until another run is shown", () => {
    const notice = { kind: "notice", severity: "warning", text: "It is gone." } as const;
    const model = receive(opened("search"), notice, 0);
    const state = stateIn("search");
    const run = (id: string) =>
      ToDashboard.parse({ kind: "run", state: { ...state, id }, reports: [], metrics: [] });
    expect(receive(model, run(state.id), 0).notice).toEqual(notice);
    expect(receive(model, run(`${state.id}-2`), 0).notice).toBeNull();
  });

  it("leaves out what belongs to another run", () => {
    const model = opened("search");
    expect(receive(model, { kind: "round", run: "other", report: reportOf(1) }, 0)).toBe(model);
  });
});

describe("intervals", () => {
  it.each([
    [0, 10, 0, 0.278],
    [10, 10, 0.722, 1],
    [50, 100, 0.404, 0.596],
  ])("of %d in %d are Wilson's", (right, all, low, high) => {
    const interval = shareOf(right, all);
    expect(interval.low).toBeCloseTo(low, 3);
    expect(interval.high).toBeCloseTo(high, 3);
  });

  it("say nothing of nothing", () => expect(shareOf(0, 0)).toEqual({ share: 0, low: 0, high: 1 }));

  it("are of the problems each model got right", () => {
    const { policyGate } = reportOf(1);
    if (policyGate === null) throw new Error("no gate");
    expect(gateShares(policyGate).challenger.share).toBe((24 + 12) / 80);
    expect(gateShares(policyGate).incumbent.share).toBe((24 + 3) / 80);
  });
});
