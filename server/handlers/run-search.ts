/** One search from its place in the queue to its stored trace, whatever ends it. */
import { fileURLToPath } from "node:url";
import { codeOf, messageOf } from "../errors.ts";
import { formatBytes } from "../protocol/text.ts";
import type { SolveOutcome } from "../protocol/solving.ts";
import { namesOn } from "../protocol/surface.ts";
import type { Trace } from "../protocol/trace.ts";
import type { SearchConfig } from "../search/config.ts";
import type { Earlier } from "../search/continuation.ts";
import type { SearchProblem } from "../search/services.ts";
import { startSearch, type RunningSearch } from "../search/solve.ts";
import type { TraceFiles } from "../traces/files.ts";
import { Notebook } from "./notebook.ts";
import {
  beginProgress,
  percentageOf,
  progressText,
  sendPartial,
  type Display,
  type Tokens,
} from "./progress.ts";
import type { SearchEntry } from "./searches.ts";
import type { Session } from "./session.ts";

/** How often the display says that it is alive. */
const HEARTBEAT_MS = 1000;

/** What is to be searched, and for whom. */
export interface SearchTask {
  readonly problem: SearchProblem;
  readonly config: SearchConfig;
  readonly earlier: Earlier | null;
  /** The document's; empty for none. */
  readonly uri: string;
  readonly source: string | null;
  readonly title: string;
  readonly tokens: Tokens;
  readonly signal: AbortSignal;
}

/**
 * A trace in the store and where its document is now, or why nothing was searched. A `note` says in a sentence why it
 * could not be stored, and is empty where it was.
 */
export type SearchResult =
  | { readonly kind: "trace"; readonly trace: Trace; readonly uri: string; readonly note: string }
  | Extract<SolveOutcome, { kind: "not-started" | "cancelled" }>;

/** Runs a search. Never throws for what happens to people: a stopped search ends as its trace says. */
export async function runSearch(session: Session, task: SearchTask): Promise<SearchResult> {
  if (!session.client.trusted)
    return {
      kind: "not-started",
      reason: "untrusted",
      message:
        "This workspace is not trusted, so nothing is run in it. Stored solutions can be read. Trust the workspace to solve.",
    };
  const traceId = session.services.newTraceId();
  const identity = { traceId, uri: task.uri, problemHash: task.problem.id };
  // In the list at once: while the client makes a progress display the problem could be asked for again.
  return await session.searches.run(identity, task.signal, async (entry, inTurn) => {
    const display = await beginProgress(session, task.tokens, task.title);
    display.signal.addEventListener("abort", () => entry.controller.abort(display.signal.reason), {
      once: true,
    });
    display.report(0, "opening the model");
    try {
      return await session.runtime.withRuntime(entry.controller.signal, async (opening) => {
        if (opening.kind === "failed")
          return {
            kind: "not-started",
            reason:
              opening.missing !== undefined
                ? "model-missing"
                : opening.wantsKey === true
                  ? "key-missing"
                  : "model-failed",
            message: opening.missing === undefined ? opening.message : notHere(opening.missing),
            ...(opening.missing === undefined ? {} : { model: opening.missing }),
          };
        const { services } = opening.runtime;
        display.report(0, "waiting for its turn");
        return inTurn(async () => {
          const document = task.uri.startsWith("file:") ? fileURLToPath(task.uri) : task.uri;
          // The folder may be another one before the search has ended.
          const files = await session.library.files();
          const training = await files.trainingMark(document);
          const createdAt = session.services.now().toISOString();
          // Written by a timer, so that the search is there by then.
          const notebook: Notebook = new Notebook(
            () => search.snapshot(),
            (trace) => writeDown(session, files, trace),
          );
          const search: RunningSearch = startSearch(
            task.problem,
            task.config,
            services,
            { id: traceId, createdAt, source: task.source, training },
            entry.controller.signal,
            (event) => {
              session.searches.tell(entry, event);
              if (event.kind !== "progress") return;
              show(session, task.tokens, display, entry);
              notebook.grown();
            },
            task.earlier,
          );
          entry.snapshot = search.snapshot;
          const trace = await watched(session, entry, display, search, notebook);
          return { kind: "trace", trace, uri: entry.uri, note: await keep(session, files, trace) };
        });
      });
    } catch (error) {
      if (!entry.controller.signal.aborted) throw error;
      return {
        kind: "cancelled",
        traceId: null,
        best: null,
        message: "Stopped before the search began. Nothing was changed.",
      };
    } finally {
      display.done();
    }
  });
}

/** Waits for the search; meanwhile the display says that it is alive. */
async function watched(
  session: Session,
  entry: SearchEntry,
  display: Display,
  search: RunningSearch,
  notebook: Notebook,
): Promise<Trace> {
  const tokensBefore = session.runtime.generatedTokens;
  const heart = setInterval(() => {
    const written = session.runtime.generatedTokens - tokensBefore;
    if (entry.progress === null)
      display.report(undefined, `the first candidates are being written (${written} tokens)`);
  }, HEARTBEAT_MS);
  try {
    return await search.done;
  } finally {
    clearInterval(heart);
    await notebook.close();
  }
}

/** In the journal, in case the process is killed. */
async function writeDown(session: Session, { journal }: TraceFiles, trace: Trace): Promise<void> {
  try {
    await journal.write(trace);
  } catch (error) {
    session.connection.console.warn(`The search ${trace.id} could not be written down: ${String(error)}`);
  }
}

/** Stores the trace; what went wrong with that and what to do, else nothing. */
async function keep(session: Session, { journal }: TraceFiles, trace: Trace): Promise<string> {
  try {
    await session.library.append(trace);
  } catch (error) {
    if (codeOf(error) === "") throw error;
    return `The search could not be stored (${messageOf(error)}): once the editor is closed or reloaded, it cannot be looked at or gone on with. Free some space or change ${namesOn().dataFolder} before the next one.`;
  }
  try {
    await journal.forget(trace.id);
  } catch (error) {
    // The next process finds it in the store and forgets it then.
    if (codeOf(error) === "") throw error;
  }
  return "";
}

function show(session: Session, tokens: Tokens, display: Display, entry: SearchEntry): void {
  const { progress, rate, traceId, uri, problemHash } = entry;
  if (progress === null) return;
  display.report(percentageOf(progress), progressText(progress, rate));
  sendPartial(session, tokens, { traceId, uri, problemHash, progress, rate });
}

function notHere({ id, bytes }: { readonly id: string; readonly bytes: number }): string {
  return `The model ${id} (${formatBytes(bytes)}) is not on this machine yet. Download it once and solve again: no network is needed from then on. Nothing was downloaded or changed.`;
}
