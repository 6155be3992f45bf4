/** The searches that run now, from what the server tells of them. */
import * as vscode from "vscode";
import type { SearchProgress } from "../server/protocol/events.ts";
import type { SearchNews, SearchRate } from "../server/protocol/solving.ts";
import type { Server } from "./server.ts";

/** One running search. */
export interface RunningSearch {
  readonly traceId: string;
  readonly uri: string;
  readonly problemHash: string;
  readonly progress: SearchProgress | null;
  readonly rate: SearchRate | null;
  /** From the moment that a stop was asked for. */
  readonly stopping: boolean;
}

/** All of them, in the order in which they began. */
export class Searches implements vscode.Disposable {
  readonly #running = new Map<string, RunningSearch>();
  readonly #news = new vscode.EventEmitter<SearchNews>();
  readonly #changed = new vscode.EventEmitter<void>();
  /** What happened in a search, as it comes. */
  readonly onNews = this.#news.event;
  /** The set of searches, or how far one is, changed. */
  readonly onDidChange = this.#changed.event;

  constructor(server: Server) {
    server.on("search", (news) => this.#hear(news));
    server.onDidChangeState((state) => {
      if (state === "running" || state === "starting" || this.#running.size === 0) return;
      this.#running.clear();
      this.#changed.fire();
    });
  }

  dispose(): void {
    this.#news.dispose();
    this.#changed.dispose();
  }

  get all(): readonly RunningSearch[] {
    return [...this.#running.values()];
  }

  /** Marks a search, or all of them, as asked to stop, so that this shows at once. */
  stopping(traceId?: string): void {
    for (const [id, search] of this.#running)
      if (traceId === undefined || id === traceId) this.#running.set(id, { ...search, stopping: true });
    this.#changed.fire();
  }

  #hear(news: SearchNews): void {
    const { traceId, uri, problemHash, rate } = news;
    const before = this.#running.get(traceId);
    let progress = before?.progress ?? null;
    let ended = news.ended === true;
    for (const event of news.events) {
      if (event.kind === "progress" || event.kind === "finished") progress = event.progress;
      ended ||= event.kind === "finished";
    }
    if (ended) this.#running.delete(traceId);
    else
      this.#running.set(traceId, {
        ...{ traceId, uri, problemHash, progress, rate },
        stopping: before?.stopping ?? false,
      });
    this.#news.fire(news);
    this.#changed.fire();
  }
}
