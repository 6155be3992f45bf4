/** A run of fake models on toy problems: begun, gone on with, and what it leaves. */
import { expect } from "vitest";
import type { EvolutionEvent } from "../../../server/protocol/run-output.ts";
import {
  beginRun,
  continueRun,
  type Continuation,
  type EvolutionOutcome,
  type NewRun,
} from "../../../server/evolution/rounds.ts";
import { runFolder } from "../../../server/evolution/run-folder.ts";
import { inUse, readLineage } from "../../../server/models/adapters.ts";
import type { Lineage } from "../../../server/protocol/evolution.ts";
import type { Trainer } from "../../../server/services.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { fakeTrainer } from "../../support/fake-trainer.ts";
import { BASE_SHA, toyProblems, toyServices, toySettings, type Boundary } from "./worlds.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
/** A signal that nobody aborts. */
export const never = (): AbortSignal => new AbortController().signal;
export const PROBLEMS = toyProblems(10);

/** A run in folders of its own, and what was told of it. */
export interface Run {
  readonly root: string;
  readonly home: string;
  readonly go: (
    boundary?: Boundary,
    signal?: AbortSignal,
    trainer?: Trainer,
    continuation?: Continuation,
  ) => Promise<EvolutionOutcome>;
  readonly events: EvolutionEvent[];
}

/** Begins a run of the toy problems. */
export async function begin(
  changes: Parameters<typeof toySettings>[0] = {},
  more: Partial<NewRun> = {},
): Promise<Run> {
  const root = temporaryFolder();
  const home = temporaryFolder();
  const begun = await beginRun(
    root,
    { id: "toy", settings: toySettings(changes), problems: PROBLEMS, ...more },
    new Date(Date.UTC(2026, 0, 1)),
  );
  expect(begun.kind).toBe("begun");
  const events: EvolutionEvent[] = [];
  return {
    ...{ root, home, events },
    go: (boundary, signal = never(), trainer = fakeTrainer(), continuation = {}) =>
      continueRun(
        root,
        toyServices(home, trainer, boundary),
        signal,
        (event) => events.push(event),
        continuation,
      ),
  };
}

/** What a data folder has of adapters. */
export async function lineageOf(home: string): Promise<Lineage> {
  const reading = await readLineage(home);
  if (reading.kind !== "lineage") throw new Error("the lineage cannot be read");
  return reading.lineage;
}

/** What a run leaves, apart from times: the adapters' bytes, what is in use, and every search once. */
export async function harvest({ root, home }: Run) {
  const lineage = await lineageOf(home);
  const traces = await Promise.all(
    [1, 2].map(async (round) => (await createTraceStore(runFolder(root).round(round).traces).query()).traces),
  );
  return {
    adapters: lineage.entries.map(({ id, sha256, gate }) => ({ id, sha256, adopted: gate?.adopted })),
    policy: inUse(lineage, "policy", BASE_SHA),
    ppm: inUse(lineage, "ppm", BASE_SHA),
    traces: traces.map((own) => own.map(({ id }) => id).sort()),
  };
}
