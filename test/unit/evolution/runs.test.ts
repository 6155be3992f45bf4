/** The runs of a data folder as people see them: listed, in full, and honest about what a kill left behind. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { beginRun, continueRun } from "../../../server/evolution/rounds.ts";
import { runFolder } from "../../../server/evolution/run-folder.ts";
import { findRun, listRuns, newestUnfinished, runsFolder } from "../../../server/evolution/runs.ts";
import { summaryOf } from "../../../server/evolution/words.ts";
import { tryWithLock } from "../../../server/lock.ts";
import { fakeTrainer } from "../../support/fake-trainer.ts";
import { toyProblems, toyServices, toySettings } from "./worlds.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const forever = new AbortController().signal;

async function begun(home: string, id: string, day: number): Promise<string> {
  const root = path.join(runsFolder(home), id);
  const run = { id, settings: toySettings(), problems: toyProblems(10) };
  expect((await beginRun(root, run, new Date(Date.UTC(2026, 0, day)))).kind).toBe("begun");
  return root;
}

describe("the runs of a data folder", () => {
  it("are listed newest first; what is no run is left out", async () => {
    const home = temporaryFolder();
    expect(await listRuns(home, null)).toEqual([]);
    await begun(home, "b-second", 2);
    await begun(home, "a-third", 3);
    mkdirSync(path.join(runsFolder(home), "no-run"));
    const damaged = await begun(home, "damaged", 4);
    writeFileSync(runFolder(damaged).state, "{");
    const runs = await listRuns(home, null);
    expect(runs.map(({ id }) => id)).toEqual(["a-third", "b-second"]);
    expect(runs[0]).toMatchObject({ name: "a-third", base: "base", problems: 6, round: 0, rounds: 2 });
    expect(await newestUnfinished(home)).toBe(path.join(runsFolder(home), "a-third"));
  });

  it("are running only while a process works on them", async () => {
    const home = temporaryFolder();
    await begun(home, "killed", 1);
    await begun(home, "current", 2);
    const statuses = async (own: string | null): Promise<string[]> =>
      (await listRuns(home, own)).map(({ status }) => status);
    expect(await statuses(null)).toEqual(["stopped", "stopped"]);
    expect(await statuses("killed")).toEqual(["stopped", "running"]);
    await tryWithLock(runsFolder(home), forever, async () => {
      expect(await statuses(null)).toEqual(["running", "stopped"]);
    });
    expect((await findRun(home, "killed", null))?.state.status).toBe("stopped");
  });

  it("tell in full what they did, without lines that a kill cut off", async () => {
    const home = temporaryFolder();
    const root = await begun(home, "whole", 1);
    const outcome = await continueRun(root, toyServices(home, fakeTrainer()), forever);
    if (outcome.kind !== "finished") throw new Error(outcome.kind);
    const own = runFolder(root).round(1).training("policy");
    const line = { kind: "evaluation", at: "2026-01-01T00:00:00.000Z", step: 1, loss: 2, accuracy: 0.5 };
    appendFileSync(path.join(own, "metrics.jsonl"), `${JSON.stringify(line)}\n{"kind":"eval`);
    const run = await findRun(home, "whole", null);
    expect(run).toMatchObject({ folder: root, state: { status: "finished" } });
    expect(run?.reports.map(({ round }) => round)).toEqual([1, 2]);
    expect(run?.metrics).toEqual([{ round: 1, role: "policy", lines: [line] }]);
    expect(await newestUnfinished(home)).toBeNull();
    expect(await findRun(home, "nobody", null)).toBeNull();
    const summary = summaryOf(run?.reports[0]);
    expect(summary).toMatch(/^Policy (adopted|kept aside): .+\. PPM.+\.$/u);
    expect(summaryOf(undefined)).toContain("No round");
  });
});
