/** The stored searches as the handlers ask for them: by id, and the newest of each problem, without reading twice. */
import { summarise, type Trace, type TraceSummary } from "../protocol/trace.ts";
import type { TraceFiles } from "../traces/files.ts";

const KEPT = 32;

export class TraceLibrary {
  readonly #open: () => Promise<TraceFiles>;
  readonly #recovered: (ids: readonly string[]) => void;
  /** The traces last asked for, oldest first. */
  readonly #traces = new Map<string, Trace>();
  /** Those that could not be stored: here is all there is of them, wherever the store is by now. */
  readonly #unstored = new Map<string, Trace>();
  /** Traces that the store did not have, and at which revision. */
  readonly #missing = new Map<string, string>();
  #files: Promise<TraceFiles> | null = null;
  #newest: ReadonlyMap<string, TraceSummary> = new Map();
  #answered: ReadonlyMap<string, TraceSummary> = new Map();
  #summaries: ReadonlyMap<string, TraceSummary> = new Map();
  #unreadable = 0;
  #revision = "";

  /** `recovered` hears which searches a killed process had left behind. */
  constructor(open: () => Promise<TraceFiles>, recovered: (ids: readonly string[]) => void) {
    this.#open = open;
    this.#recovered = recovered;
  }

  /** Forgets what was read, because the store is elsewhere now. */
  reopen(): void {
    this.#files = null;
    this.#traces.clear();
    this.#newest = new Map();
    this.#answered = new Map();
    this.#summaries = new Map();
    this.#unreadable = 0;
    this.#revision = "";
  }

  files(): Promise<TraceFiles> {
    if (this.#files !== null) return this.#files;
    const files = this.#openAndRecover();
    this.#files = files;
    // What failed is tried again by the next who asks.
    files.catch(() => {
      if (this.#files === files) this.#files = null;
    });
    return files;
  }

  async #openAndRecover(): Promise<TraceFiles> {
    const files = await this.#open();
    const ids = await files.journal.recover(files.store);
    if (ids.length > 0) this.#recovered(ids);
    return files;
  }

  async find(id: string): Promise<Trace | null> {
    const known = this.#traces.get(id) ?? this.#unstored.get(id);
    if (known !== undefined) return known;
    const { store, revision } = await this.files();
    const now = await revision();
    if (this.#missing.get(id) === now) return null;
    const [trace] = (await store.query({ exactId: id })).traces;
    if (trace !== undefined) this.#keep(trace);
    else this.#missing.set(id, now);
    return trace ?? null;
  }

  /** Stores a search durably. */
  async append(trace: Trace): Promise<void> {
    // Where it cannot be stored, it can be looked at, inserted and gone on with as long as this process is here.
    this.#unstored.set(trace.id, trace);
    const { store, revisionWith } = await this.files();
    await store.append(trace);
    this.#unstored.delete(trace.id);
    this.#keep(trace);
    // What another process stored at the same moment has still to be read.
    this.#revision = (await revisionWith(this.#revision, trace)) ?? this.#revision;
    const summary = summarise(trace);
    this.#newest = new Map([...this.#newest, [trace.problem.id, summary]]);
    if (summary.answer !== null) this.#answered = new Map([...this.#answered, [trace.problem.id, summary]]);
    this.#summaries = new Map([...this.#summaries, [trace.id, summary]]);
  }

  async remove(isPicked: (trace: Trace | null) => boolean): Promise<number> {
    const { store } = await this.files();
    const removed = await store.remove(isPicked);
    this.#traces.clear();
    this.#revision = "";
    await this.refresh();
    return removed;
  }

  /** The newest search of each problem, by the problem's id, as last read. `refresh` reads. */
  get newest(): ReadonlyMap<string, TraceSummary> {
    return this.#newest;
  }

  /** The newest search of each problem that reached an answer, by the problem's id, as last read. */
  get answered(): ReadonlyMap<string, TraceSummary> {
    return this.#answered;
  }

  /** All stored searches, oldest first, as last read. */
  get all(): readonly TraceSummary[] {
    return [...this.#summaries.values()];
  }

  /** How many lines of the store cannot be read, as last read. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** All stored searches of a problem, oldest first, as last read. */
  searchesOf(problemId: string): readonly TraceSummary[] {
    return this.all.filter((summary) => summary.problemId === problemId);
  }

  /** A stored search by its id, as last read. */
  summary(id: string): TraceSummary | undefined {
    return this.#summaries.get(id);
  }

  /** Reads the store if some process changed it; says whether it did. */
  async refresh(): Promise<boolean> {
    const files = await this.files();
    const revision = await files.revision();
    if (revision === this.#revision) return false;
    const { traces, bad } = await files.store.read(summarise);
    const byProblem = (summaries: readonly TraceSummary[]): ReadonlyMap<string, TraceSummary> =>
      new Map(summaries.map((summary) => [summary.problemId, summary]));
    this.#newest = byProblem(traces);
    this.#answered = byProblem(traces.filter(({ answer }) => answer !== null));
    this.#summaries = new Map(traces.map((summary) => [summary.id, summary]));
    this.#unreadable = bad.length;
    this.#revision = revision;
    return true;
  }

  #keep(trace: Trace): void {
    this.#traces.delete(trace.id);
    this.#traces.set(trace.id, trace);
    const [oldest] = this.#traces.keys();
    if (this.#traces.size > KEPT && oldest !== undefined) this.#traces.delete(oldest);
  }
}
