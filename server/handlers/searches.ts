/** The searches under way and waiting: their progress, what they tell the client, and how they are stopped. */
import type { SearchEvent, SearchProgress } from "../protocol/events.ts";
import type { SearchNews, SearchRate } from "../protocol/solving.ts";
import type { Trace } from "../protocol/trace.ts";
import { Stopped, Turns } from "../turns.ts";

/** How often news is sent, at most. */
const NEWS_EVERY_MS = 100;

/** One search, from the moment it was asked for. */
export interface SearchEntry {
  readonly traceId: string;
  /** Changes when the file is renamed meanwhile; empty for a search that belongs to no document. */
  uri: string;
  readonly problemHash: string;
  readonly controller: AbortController;
  state: "queued" | "searching";
  progress: SearchProgress | null;
  rate: SearchRate | null;
  /** What it has so far; null until it began. */
  snapshot: (() => Trace) | null;
  /** When it began, in milliseconds of the clock. */
  begun: number;
  readonly pending: SearchEvent[];
  /** Whether it told of its beginning and not yet of its end. */
  isOpen: boolean;
}

/** Where news goes. */
export interface SearchListener {
  news(news: SearchNews): void;
  /** A search began, ended, or has another best answer. */
  changed(entry: SearchEntry): void;
}

export class Searches {
  readonly #turns: Turns;
  readonly #listener: SearchListener;
  readonly #clock: () => number;
  readonly #entries = new Map<string, SearchEntry>();
  #isSending = false;

  constructor(limit: () => number, listener: SearchListener, clock: () => number) {
    this.#turns = new Turns(limit);
    this.#listener = listener;
    this.#clock = clock;
  }

  get all(): readonly SearchEntry[] {
    return [...this.#entries.values()];
  }

  find(traceId: string): SearchEntry | undefined {
    return this.#entries.get(traceId);
  }

  /** The search of a document's problem; the latest, should there be several. */
  of(uri: string, problemHash: string): SearchEntry | undefined {
    return this.all.findLast((entry) => entry.uri === uri && entry.problemHash === problemHash);
  }

  /** Runs a search when it is its turn. It is in the list from now on, and its signal ends with `signal`. */
  async run<T>(
    identity: Pick<SearchEntry, "traceId" | "uri" | "problemHash">,
    signal: AbortSignal,
    work: (entry: SearchEntry, inTurn: <R>(search: () => Promise<R>) => Promise<R>) => Promise<T>,
  ): Promise<T> {
    const entry: SearchEntry = {
      ...identity,
      controller: new AbortController(),
      state: "queued",
      progress: null,
      rate: null,
      snapshot: null,
      begun: 0,
      pending: [],
      isOpen: false,
    };
    const stop = (): void => entry.controller.abort(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#entries.set(entry.traceId, entry);
    this.#listener.changed(entry);
    try {
      return await work(entry, (search) =>
        this.#turns.take(entry.controller.signal, () => {
          entry.state = "searching";
          entry.begun = this.#clock();
          this.#listener.changed(entry);
          return search();
        }),
      );
    } finally {
      signal.removeEventListener("abort", stop);
      this.#end(entry);
      this.#entries.delete(entry.traceId);
      this.#listener.changed(entry);
    }
  }

  /** Takes what a search tells; the client hears of it in bundles. */
  tell(entry: SearchEntry, event: SearchEvent): void {
    entry.pending.push(event);
    entry.isOpen = event.kind !== "finished";
    if (event.kind === "progress" || event.kind === "finished") {
      const before = entry.progress?.best;
      entry.progress = event.progress;
      entry.rate = rateOf(event.progress, this.#clock() - entry.begun);
      const { best } = event.progress;
      if (before?.answer !== best?.answer || before?.support !== best?.support) this.#listener.changed(entry);
    }
    if (this.#isSending) return;
    this.#isSending = true;
    setTimeout(() => {
      this.#isSending = false;
      for (const each of this.#entries.values()) this.#flush(each);
    }, NEWS_EVERY_MS);
  }

  /** Whether there was one to stop. */
  stop(traceId: string): boolean {
    const entry = this.#entries.get(traceId);
    entry?.controller.abort(new Stopped("stopped"));
    return entry !== undefined;
  }

  /** Stops all, the waiting ones first so that none takes a place that gets free. Returns how many. */
  stopAll(): number {
    const all = this.all;
    for (const entry of all.toSorted(
      (a, b) => Number(a.state === "searching") - Number(b.state === "searching"),
    ))
      entry.controller.abort(new Stopped("all stopped"));
    return all.length;
  }

  /** A file, or the folder that it is in, has another name now. */
  rename(from: string, to: string): void {
    for (const entry of this.#entries.values())
      if (entry.uri === from || entry.uri.startsWith(`${from}/`))
        entry.uri = `${to}${entry.uri.slice(from.length)}`;
  }

  /** The last news. A search that broke off could not tell of its end itself. */
  #end(entry: SearchEntry): void {
    this.#flush(entry);
    const { traceId, uri, problemHash, rate, isOpen } = entry;
    if (isOpen) this.#listener.news({ traceId, uri, problemHash, events: [], rate, ended: true });
  }

  #flush(entry: SearchEntry): void {
    if (entry.pending.length === 0) return;
    const { traceId, uri, problemHash, rate } = entry;
    const events = withoutOldDrafts(entry.pending.splice(0));
    this.#listener.news({ traceId, uri, problemHash, events, rate });
  }
}

/** Over the whole search so far: candidates arrive in waves, so that a shorter time says little. */
function rateOf({ generatedTokens, budget }: SearchProgress, ms: number): SearchRate | null {
  if (generatedTokens === 0 || ms <= 0) return null;
  const tokensPerSecond = (1000 * generatedTokens) / ms;
  return { tokensPerSecond, secondsLeft: Math.max(0, budget - generatedTokens) / tokensPerSecond };
}

/** Of each draft only its longest text: the ones before are a part of it. */
function withoutOldDrafts(events: readonly SearchEvent[]): SearchEvent[] {
  const latest = new Map<string, SearchEvent>();
  const key = (event: SearchEvent): string =>
    event.kind === "draft" ? `${event.parent} ${event.draft}` : "";
  for (const event of events) latest.set(key(event), event);
  return events.filter((event) => event.kind !== "draft" || latest.get(key(event)) === event);
}
