/** The files of a user's searches: the store, the journal of those under way, and whether either changed. */
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Trace } from "../protocol/trace.ts";
import type { TraceStore } from "../services.ts";
import { readConsent, trainingMark } from "./consent.ts";
import { createJournal, type Journal } from "./journal.ts";
import { createTraceStore, lineOf } from "./store.ts";

export interface TraceFiles {
  /** Where they are, and the decision on training beside them. */
  readonly folder: string;
  readonly store: TraceStore;
  readonly journal: Journal;
  /** Differs from what it was when some process changed the store. */
  readonly revision: () => Promise<string>;
  /** The revision after such an append to the store at `before`; null where another process changed it too. */
  readonly revisionWith: (before: string, trace: Trace) => Promise<string | null>;
  /** What a new trace of a problem in this file says about training on it. */
  trainingMark(document: string): Promise<NonNullable<Trace["training"]>>;
}

/** The files around one store. Nothing is read or made yet. */
export function openTraceFiles(file: string): TraceFiles {
  const look = (): Promise<Stats | null> => stat(file).catch(() => null);
  return {
    folder: path.dirname(file),
    store: createTraceStore(file),
    journal: createJournal(path.join(path.dirname(file), "running")),
    revision: async () => toRevision(await look()),
    revisionWith: async (before, trace) => {
      const found = await look();
      const size = (found?.size ?? 0) - lineOf(trace).length;
      return size === sizeAt(before) ? toRevision(found) : null;
    },
    trainingMark: async (document) => trainingMark(await readConsent(path.dirname(file)), document),
  };
}

function toRevision(found: Stats | null): string {
  return found === null ? "none" : `${found.size} ${found.mtimeMs}`;
}

function sizeAt(revision: string): number {
  return revision === "none" ? 0 : Number.parseInt(revision, 10);
}
