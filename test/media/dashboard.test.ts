/** The evolution dashboard in Chromium: curves, rounds, time left, what it asks of the extension, every theme. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FromDashboard } from "../../server/protocol/view.ts";
import { metricsOf, reportOf, RUNS, stateIn } from "./evolution-run.ts";
import { seriousFindings } from "./findings.ts";
import { THEMES, type ThemeName } from "./themes.ts";
import { ViewBrowser, type OpenOptions, type ViewPage } from "./view-page.ts";

let browser: ViewBrowser;
let view: ViewPage;
beforeAll(async () => {
  browser = await ViewBrowser.start();
});
afterAll(() => browser.close());
afterEach(async () => {
  expect(view.troubles).toEqual([]);
  await view.close();
});

async function show(options: OpenOptions = {}, state = stateIn("train-policy")): Promise<void> {
  view = await browser.open("dashboard", options);
  await view.send({ kind: "runs", runs: RUNS, mayRun: true });
  await view.send({
    kind: "run",
    state,
    reports: [reportOf(1), reportOf(2)],
    metrics: [metricsOf(1, "policy", 60), metricsOf(2, "ppm", 60), metricsOf(3, "policy", 30)],
  });
  await view.page.locator(".standing-part").waitFor();
}

it("draws the curves while it trains, and says how long still", async () => {
  await show();
  expect(await view.page.locator(".chart").count()).toBe(5);
  await view.page.getByText("30 of 60 steps").waitFor();
  const more = metricsOf(3, "policy", 31).lines.slice(-1);
  await view.send({ kind: "metrics", run: "run-1", metrics: { round: 3, role: "policy", lines: more } });
  await view.page.getByText("31 of 60 steps · about 7 min left in this stage").waitFor();
});

it("shows each round's coverage and why a model was adopted or not", async () => {
  await show();
  const rounds = await view.page.locator(".rounds").innerText();
  expect(rounds).toContain("better on 12 problems and worse on 3");
  expect(rounds).toContain("Too few pairs");
  expect(rounds).toContain("kept aside");
  // The chip says it; the reason does not say it again.
  expect(rounds).not.toContain("kept aside:");
});

it("says with every chart's table what the chart shows, and leaves an opened table open", async () => {
  await show();
  await view.page.getByText("Show as table").first().click();
  await view.send({ kind: "state", state: stateIn("gate-policy") });
  await view.page.locator(".stage.now", { hasText: "Compare policy" }).waitFor();
  expect(await view.page.locator(".chart details").first().getAttribute("open")).not.toBeNull();
  expect(await view.page.locator(".chart table").count()).toBe(5);
});

it("keeps focus and place when it is made anew, and what is pressed until it is let go", async () => {
  await show();
  const redrawn = async (done: number): Promise<void> => {
    const lines = metricsOf(3, "policy", done).lines.slice(-1);
    await view.send({ kind: "metrics", run: "run-1", metrics: { round: 3, role: "policy", lines } });
  };
  const summary = view.page.locator("summary").first();
  await summary.click();
  const rows = view.page.locator(".chart .table-scroll").first();
  await rows.evaluate((element) => element.scrollTo(0, 40));
  await redrawn(31);
  await view.page.getByText("31 of 60 steps").waitFor();
  expect(await summary.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await rows.evaluate((element) => element.scrollTop)).toBe(40);
  await view.page.getByRole("button", { name: "Open Folder" }).hover();
  await view.page.clock.install();
  await view.page.mouse.down();
  await redrawn(32);
  await view.page.clock.runFor(60_000);
  await view.page.mouse.up();
  await view.page.clock.runFor(60_000);
  await view.page.getByText("32 of 60 steps").waitFor();
  expect((await view.posted()).filter(({ kind }) => kind === "reveal")).toHaveLength(1);
});

it("leaves the focus where it is while the person is elsewhere in the editor", async () => {
  await show();
  const summary = view.page.locator("summary").first();
  await summary.click();
  await view.page.evaluate(() => {
    document.hasFocus = () => false;
  });
  const lines = metricsOf(3, "policy", 31).lines.slice(-1);
  await view.send({ kind: "metrics", run: "run-1", metrics: { round: 3, role: "policy", lines } });
  await view.page.getByText("31 of 60 steps").waitFor();
  expect(await view.page.evaluate(() => document.activeElement === document.body)).toBe(true);
});

it("stops, resumes, opens and starts through the extension", async () => {
  await show();
  await view.page.getByRole("button", { name: "Stop and Keep" }).click();
  await view.page.getByRole("button", { name: "Stopping…" }).waitFor();
  await view.send({ kind: "runs", runs: RUNS.map((run) => ({ ...run, status: "stopped" })), mayRun: true });
  await view.send({ kind: "state", state: stateIn("train-policy", { status: "stopped" }) });
  await view.page.getByRole("button", { name: "Resume" }).click();
  await view.page.getByRole("button", { name: "Start a Run…" }).click();
  await view.page.getByRole("button", { name: "first try" }).click();
  const sent = await view.posted();
  expect(sent.map(({ kind }) => kind)).toEqual(["ready", "open-run", "stop", "resume", "start", "open-run"]);
  for (const message of sent) expect(FromDashboard.safeParse(message).success).toBe(true);
});

it("offers to train now while it searches, and where a search was stopped; not where none is under way", async () => {
  await show();
  const button = view.page.getByRole("button", { name: "Train Now" });
  await view.send({ kind: "state", state: stateIn("search") });
  await button.click();
  await view.send({ kind: "runs", runs: RUNS.map((run) => ({ ...run, status: "stopped" })), mayRun: true });
  await view.send({ kind: "state", state: stateIn("search", { status: "stopped" }) });
  await view.page.getByRole("button", { name: "Resume" }).waitFor();
  await button.click();
  await view.send({ kind: "state", state: stateIn("select") });
  await button.waitFor({ state: "detached" });
  const run = stateIn("search").id;
  expect((await view.posted()).filter(({ kind }) => kind === "train-now")).toEqual([
    { kind: "train-now", run },
    { kind: "train-now", run },
  ]);
});

it("gives the command that begins the same run in a terminal", async () => {
  await show();
  await view.page.getByRole("region", { name: "The same run in a terminal" }).getByRole("button").click();
  await expect
    .poll(async () => (await view.posted()).at(-1))
    .toEqual({ kind: "copy", text: "rstar evolve --problems sums.jsonl --rounds 4" });
});

it("says why a run failed, and what an empty dashboard is for", async () => {
  await show({}, stateIn("train-ppm", { status: "failed", failure: "The disk is full. Nothing is lost." }));
  await view.page.getByText("The disk is full. Nothing is lost.").waitFor();
  await view.close();
  view = await browser.open("dashboard");
  await view.send({ kind: "runs", runs: [], mayRun: false });
  await view.page.getByText("No run yet.").waitFor();
  await expect.poll(() => view.page.getByRole("button").count()).toBe(0);
});

it("asks after a reload for the run that was shown", async () => {
  view = await browser.open("dashboard", { state: { version: 1, run: "run-0" } });
  await view.send({ kind: "runs", runs: RUNS, mayRun: true });
  await expect.poll(async () => (await view.posted()).at(-1)).toEqual({ kind: "open-run", run: "run-0" });
});

it("refuses messages of the wrong shape", async () => {
  await show();
  for (const message of [{ kind: "run" }, { kind: "metrics", run: "run-1", metrics: { round: 0 } }, 5])
    await view.send(message);
  await view.send({ kind: "notice", severity: "warning", text: "Still here" });
  await view.page.getByText("Still here").waitFor();
  expect(await view.page.locator(".chart").count()).toBe(5);
});

describe.each(Object.keys(THEMES) as ThemeName[])("in the %s theme", (theme) => {
  it("axe-core finds nothing serious", async () => {
    await show({ theme });
    expect(await seriousFindings(view.page)).toEqual([]);
  });
});
