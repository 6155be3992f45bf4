/** Stored searches for the search view and the list: fetch, list, export, delete. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type * as z from "zod";
import { messageOf } from "../errors.ts";
import type { EditOutcome } from "../protocol/places.ts";
import { isSamePath } from "../protocol/paths.ts";
import type { REQUESTS, ResultOf, TraceSelection } from "../protocol/requests.ts";
import type { Trace } from "../protocol/trace.ts";
import type { Session } from "./session.ts";

/** `rstar/trace`: a running search as far as it is, else what is stored. */
export async function fetchTrace(
  session: Session,
  traceId: string,
): Promise<ResultOf<typeof REQUESTS.trace>> {
  const running = session.searches.find(traceId)?.snapshot?.();
  if (running !== undefined) return { kind: "trace", trace: running, running: true };
  const trace = await session.library.find(traceId);
  return trace === null
    ? {
        kind: "missing",
        message: `The search ${traceId} is not stored on this machine. It may have been deleted, or made on another one.`,
      }
    : { kind: "trace", trace, running: false };
}

/** `rstar/traces`: newest first. */
export async function listTraces(
  session: Session,
  problemHash: string | undefined,
): Promise<ResultOf<typeof REQUESTS.traces>> {
  const { library } = session;
  await library.refresh();
  const traces = problemHash === undefined ? library.all : library.searchesOf(problemHash);
  return {
    traces: traces
      .toReversed()
      .map(({ id, createdAt, problem, strategy, answer, graded, nodes, generatedTokens }) => ({
        ...{ id, createdAt, problem, strategy, answer, graded, nodes, generatedTokens },
      })),
    unreadable: library.unreadable,
  };
}

/** `rstar/exportTraces`: over an existing file only where the person agreed, and never over the store's own. */
export async function exportTraces(
  session: Session,
  { selection, path: target, overwrite }: z.output<typeof REQUESTS.exportTraces.params>,
): Promise<EditOutcome> {
  const { store, folder } = await session.library.files();
  const isOwn = isSamePath(path.dirname(path.resolve(target)), folder);
  const { traces, bad } = await store.query();
  const picked = traces.filter(selects(selection));
  try {
    const lines = picked.map((trace) => `${JSON.stringify(trace)}\n`);
    await writeFile(target, lines, { flag: overwrite && !isOwn ? "w" : "wx" });
  } catch (error) {
    const detail = messageOf(error);
    return {
      kind: "not-done",
      message: `${target} was not written: ${detail}. Choose another file; the traces are untouched.`,
    };
  }
  const unread = bad.length === 0 ? "" : ` ${bad.length} lines of the store could not be read.`;
  return { kind: "done", message: `${picked.length} traces written to ${target}.${unread}` };
}

/** `rstar/deleteTraces`: for good; `all` takes the lines that cannot be read too. */
export async function deleteTraces(session: Session, selection: TraceSelection): Promise<EditOutcome> {
  const removed = await session.library.remove(selects(selection));
  for (const uri of session.documents.uris()) session.changed(uri);
  return removed === 0
    ? { kind: "not-done", message: "No stored search was picked, so none was deleted." }
    : { kind: "done", message: `${removed} deleted.` };
}

/** Whether a trace is meant, or (null) a line that cannot be read. */
function selects(selection: TraceSelection): (trace: Trace | null) => boolean {
  switch (selection.kind) {
    case "all":
      return () => true;
    case "ids": {
      const ids = new Set(selection.ids);
      return (trace) => (trace === null ? selection.unreadable === true : ids.has(trace.id));
    }
    default:
      return selection satisfies never;
  }
}
