/** The files of a user's searches: the store, the journal of those under way, and whether either changed. */
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Trace } from "../protocol/trace.ts";
import type { TraceStore } from "../services.ts";
import { readConsent, trainingMark } from "./consent.ts";
import { createJournal, type Journal } from "./journal.ts";
import { createTraceStore } from "./store.ts";

export interface TraceFiles {
  /** Where they are, and the decision on training beside them. */
  readonly folder: string;
  readonly store: TraceStore;
  readonly journal: Journal;
  /** Differs from what it was when some process changed the store. */
  readonly revision: () => Promise<string>;
  /** What a new trace of a problem in this file says about training on it. */
  trainingMark(document: string): Promise<NonNullable<Trace["training"]>>;
}

/** The files around one store. Nothing is read or made yet. */
export function openTraceFiles(file: string): TraceFiles {
  return {
    folder: path.dirname(file),
    store: createTraceStore(file),
    journal: createJournal(path.join(path.dirname(file), "running")),
    revision: async () => {
      const found = await stat(file).catch(() => null);
      return found === null ? "none" : `${found.size} ${found.mtimeMs}`;
    },
    trainingMark: async (document) => trainingMark(await readConsent(path.dirname(file)), document),
  };
}
