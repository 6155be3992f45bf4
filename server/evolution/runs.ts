/** The runs of a data folder, for people to look at: all of them, one in full, and which may go on. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { jsonBy } from "../json.ts";
import type { DashboardRun, TrainingMetrics } from "../protocol/dashboard.ts";
import type { RoundReport, RunState } from "../protocol/evolution.ts";
import { MetricsLine } from "../protocol/training.ts";
import { isLocked } from "../lock.ts";
import { readReports, readState, runFolder, type RunFolder } from "./run-folder.ts";

/** A run with everything that is known of it. */
export interface RunInFull {
  readonly folder: string;
  readonly state: RunState;
  readonly reports: readonly RoundReport[];
  readonly metrics: readonly TrainingMetrics[];
}

/** Where runs are kept that name no folder of their own; its lock is held by the one that is running. */
export function runsFolder(home: string): string {
  return path.join(home, "evolution");
}

/** The folder of the newest run that is not finished; null where there is none. */
export async function newestUnfinished(home: string): Promise<string | null> {
  const found = (await statesOf(home)).find(({ state }) => state.status !== "finished");
  return found?.folder ?? null;
}

/** Every run that can be read, newest first. `own` is the one that the caller knows to be running. */
export async function listRuns(home: string, own: string | null): Promise<DashboardRun[]> {
  const all = await statesOf(home);
  const running = own ?? (await runningOf(home, all));
  return all.map(({ folder, state }) => listed(folder, told(state, running)));
}

/** A run by its id; null where there is none. */
export async function findRun(home: string, id: string, own: string | null): Promise<RunInFull | null> {
  const all = await statesOf(home);
  const found = all.find(({ state }) => state.id === id);
  if (found === undefined) return null;
  const folder = runFolder(found.folder);
  return {
    folder: found.folder,
    state: told(found.state, own ?? (await runningOf(home, all))),
    reports: await readReports(folder),
    metrics: await readMetrics(folder, found.state),
  };
}

/** Whether some process is working on a run of this data folder. */
export async function isRunning(home: string): Promise<boolean> {
  return await isLocked(runsFolder(home));
}

interface Found {
  readonly folder: string;
  readonly state: RunState;
}

/** The run that another process is working on: the one that was written to last. */
async function runningOf(home: string, all: readonly Found[]): Promise<string | null> {
  if (!(await isRunning(home))) return null;
  const said = all.filter(({ state }) => state.status === "running");
  return said.sort((a, b) => b.state.updatedAt.localeCompare(a.state.updatedAt))[0]?.state.id ?? null;
}

/** A run that a kill ended still says that it is running; one that goes on says so from its next boundary on. */
function told(state: RunState, running: string | null): RunState {
  if (state.id === running) return { ...state, status: "running", failure: null };
  return state.status === "running" ? { ...state, status: "stopped" } : state;
}

/** The line of the list. */
function listed(
  folder: string,
  { id, createdAt, settings, problems, round, status }: RunState,
): DashboardRun {
  const name = path.basename(folder);
  const rounds = settings.rounds.length;
  return {
    ...{ id, name, createdAt, base: settings.base, problems: problems.train, rounds, status },
    round: Math.min(round - 1, rounds),
  };
}

async function statesOf(home: string): Promise<readonly Found[]> {
  const root = runsFolder(home);
  const names = await readdir(root).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const folder = path.join(root, name);
      const state = await readState(runFolder(folder));
      return state.kind === "read" ? [{ folder, state: state.value }] : [];
    }),
  );
  return found.flat().sort((a, b) => b.state.createdAt.localeCompare(a.state.createdAt));
}

/** What the trainings of a run told, oldest first; lines cut off by a kill are left out. */
async function readMetrics(folder: RunFolder, { round }: RunState): Promise<TrainingMetrics[]> {
  const parts: TrainingMetrics[] = [];
  for (let number = 1; number <= round; number++)
    for (const role of ["policy", "ppm"] as const) {
      const file = path.join(folder.round(number).training(role), "metrics.jsonl");
      const text = await readFile(file, "utf8").catch(() => "");
      const lines = text.split("\n").flatMap((line) => {
        const metrics = jsonBy(line, MetricsLine);
        return metrics === null ? [] : [metrics];
      });
      if (lines.length > 0) parts.push({ round: number, role, lines });
    }
  return parts;
}
