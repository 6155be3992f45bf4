/** The one loop that owns a context: admits waiting tasks, forks their prefixes, evaluates all lanes in one batch a turn. */
import type { BatchBackend, BatchItem, BatchResult, Logits, Readout } from "./backend.ts";
import { planBatch } from "./batch-plan.ts";
import { commonLength, PrefixLog, SequenceTable, type Sequence } from "./sequences.ts";

/** A run of tokens whose KV state must exist, and what to do with the logits after the last of them. */
export interface Task {
  /** The tokens; a task that goes on appends to them. Never empty. */
  readonly target: readonly number[];
  readonly readout: Readout;
  /** Tasks with smaller numbers go first: the number of their request. */
  readonly order: number;
  /** Set when nobody waits for the result any more; the lane is freed before the next batch. */
  readonly cancelled: boolean;
  /** Tells how much of the target was found in the cache when the task got its lane. */
  admitted?(reused: number): void;
  /** Tells that this many of the target's tokens were computed. */
  evaluated?(tokens: number): void;
  /** Takes the logits after the last token; returns the task that goes on in this lane, or null when the lane is free. */
  advance(logits: Logits): Task | null;
  /** The native side could not evaluate this task. */
  fail(reason: string): void;
  /** How many tokens of the target are worth keeping in the cache afterwards; all of them by default. */
  readonly keep?: number;
}

/** What the decoder did so far. Times in milliseconds, the rest in tokens or batches. */
export interface DecoderStats {
  /** Tokens whose KV state was computed, prompt and generated ones. */
  readonly evaluatedTokens: number;
  /** Tokens whose KV state was found when a task got its lane. */
  readonly reusedTokens: number;
  /** Of the evaluated tokens, those whose exact prefix had been evaluated before. */
  readonly evaluatedAgainTokens: number;
  readonly batches: number;
  readonly forks: number;
  readonly decodeMs: number;
  readonly readMs: number;
  readonly sampleMs: number;
  readonly forkMs: number;
  readonly idleMs: number;
}

/** How a decoder is set up. */
export interface DecoderOptions {
  /** The most sequences extended at the same time; the others only cache. At most the backend's number. */
  readonly lanes: number;
  /** Prefill tokens a turn while other lanes are decoding, and while none is. Bounds the time of a batch. */
  readonly prefill: { readonly mixed: number; readonly alone: number };
  /** Runs native work under whatever lock the contexts of a process share. */
  readonly exclusive?: <T>(work: () => Promise<T>) => Promise<T>;
}

interface Lane {
  readonly sequence: Sequence;
  readonly task: Task;
}

/** A shared part shorter than this many tokens is evaluated twice rather than waited for. */
const WORTH_WAITING = 2;

/** State of fewer tokens than this is evaluated again when it is needed rather than copied to save it. */
const WORTH_COPYING = 16;

/** Schedules tasks over the sequences of one backend. */
export class Decoder {
  readonly #backend: BatchBackend;
  readonly #options: DecoderOptions;
  readonly #table: SequenceTable;
  readonly #log = new PrefixLog();
  #lanes: Lane[] = [];
  #waiting: Task[] = [];
  #turn = 0;
  #wake: (() => void) | null = null;
  #closing: string | null = null;
  readonly #finished: Promise<void>;
  readonly #stats = {
    evaluatedTokens: 0,
    reusedTokens: 0,
    evaluatedAgainTokens: 0,
    batches: 0,
    forks: 0,
    decodeMs: 0,
    readMs: 0,
    sampleMs: 0,
    forkMs: 0,
    idleMs: 0,
  };

  constructor(backend: BatchBackend, options: DecoderOptions) {
    this.#backend = backend;
    this.#options = { ...options, lanes: Math.min(options.lanes, backend.sequences, backend.batchSize) };
    this.#table = new SequenceTable(backend.sequences);
    this.#finished = this.#run();
  }

  /** The longest target plus generated text, in tokens. */
  get cells(): number {
    return this.#backend.cells;
  }

  /** A snapshot of the counters. */
  get stats(): DecoderStats {
    return { ...this.#stats };
  }

  /** Whether nothing is waiting or running. */
  get idle(): boolean {
    return this.#lanes.length === 0 && this.#waiting.length === 0;
  }

  /** Queues tasks; the loop reports through them. */
  submit(tasks: readonly Task[]): void {
    if (this.#closing !== null) {
      for (const task of tasks) task.fail(this.#closing);
      return;
    }
    this.#waiting.push(...tasks);
    this.#waiting.sort((a, b) => a.order - b.order);
    this.poke();
  }

  /** Makes the loop look at its tasks again, after one of them was cancelled. */
  poke(): void {
    this.#wake?.();
    this.#wake = null;
  }

  /** Fails what is outstanding with `reason`, waits for the batch under way and frees the context. */
  async dispose(reason = "the engine was closed"): Promise<void> {
    this.#closing ??= reason;
    this.poke();
    await this.#finished;
    await this.#backend.dispose();
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#dropCancelled();
      if (this.#closing !== null) break;
      if (this.idle) {
        const since = performance.now();
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#stats.idleMs += performance.now() - since;
        // Requests made in the same tick, and those that answer a result just given, then share the first batch.
        await new Promise<void>((resolve) => setImmediate(resolve));
        continue;
      }
      this.#turn++;
      await this.#place();
      await this.#step();
    }
    for (const task of [...this.#lanes.map((lane) => lane.task), ...this.#waiting]) task.fail(this.#closing);
    this.#lanes = [];
    this.#waiting = [];
  }

  #dropCancelled(): void {
    this.#waiting = this.#waiting.filter((task) => !task.cancelled);
    this.#lanes = this.#lanes.filter(({ task, sequence }) => {
      if (task.cancelled) sequence.busy = false;
      return !task.cancelled;
    });
  }

  /** Gives lanes to waiting tasks, then closes the gaps that are left between the lanes' sequence numbers. */
  async #place(): Promise<void> {
    const since = performance.now();
    for (const task of [...this.#waiting]) {
      if (this.#lanes.length >= this.#options.lanes) break;
      if (task.cancelled || this.#isWorthWaiting(task)) continue;
      this.#waiting.splice(this.#waiting.indexOf(task), 1);
      const place = this.#table.lowestIdle();
      if (place === null) break;
      try {
        await this.#admit(task, place);
        this.#lanes.push({ sequence: place, task });
      } catch (error) {
        await this.#forget(place);
        task.fail(describe(error));
      }
    }
    await this.#compact();
    this.#stats.forkMs += performance.now() - since;
  }

  /** Whether some lane is about to compute a long part of this task's prefix: then it is forked, not computed twice. */
  #isWorthWaiting(task: Task): boolean {
    const limit = task.target.length - 1;
    const found = this.#table.longestPrefix(task.target, limit)?.length ?? 0;
    return this.#lanes.some((lane) => {
      const shared = commonLength(lane.task.target, task.target, limit);
      return shared >= found + WORTH_WAITING && lane.sequence.tokens.length < shared;
    });
  }

  /** Makes `place` hold the longest known prefix of the task's target, at most all but its last token. */
  async #admit(task: Task, place: Sequence): Promise<void> {
    // The last token is always evaluated: its logits are what the task is after.
    const found = this.#table.longestPrefix(task.target, task.target.length - 1);
    if (found?.sequence === place) {
      // It is taken over where it stands; what it holds beyond the prefix is saved when it is worth a copy.
      if (place.tokens.length >= found.length + WORTH_COPYING) await this.#save(place, () => true);
    } else {
      if (place.tokens.length > 0) await this.#save(place, (other) => other !== found?.sequence);
      if (found === null) await this.#truncate(place, 0);
      else await this.#fork(found.sequence, place);
    }
    await this.#truncate(place, found?.length ?? 0);
    place.busy = true;
    place.usedAt = this.#turn;
    this.#stats.reusedTokens += place.tokens.length;
    task.admitted?.(place.tokens.length);
  }

  /** Copies an idle sequence's content to where something less valuable lies, if there is such a place. */
  async #save(sequence: Sequence, allowed: (other: Sequence) => boolean): Promise<void> {
    if (this.#table.isRedundant(sequence)) return;
    // A hole among the lanes would be needed for the next lane at once.
    const above = Math.max(sequence.id, ...this.#lanes.map((lane) => lane.sequence.id));
    const victim = this.#table.victim((other) => other.id > above && allowed(other));
    if (victim === null || (!this.#table.isRedundant(victim) && victim.usedAt >= sequence.usedAt)) return;
    const { usedAt } = sequence;
    await this.#fork(sequence, victim);
    victim.usedAt = usedAt;
  }

  async #compact(): Promise<void> {
    for (let gap = this.#table.gap(); gap !== null; gap = this.#table.gap()) {
      const { hole, last } = gap;
      const index = this.#lanes.findIndex((lane) => lane.sequence === last);
      const lane = this.#lanes[index];
      if (lane === undefined) return;
      try {
        if (hole.tokens.length > 0) await this.#save(hole, () => true);
        await this.#fork(last, hole);
      } catch {
        return; // A gap only costs time; the batch is right with it too.
      }
      hole.busy = true;
      hole.usedAt = this.#turn;
      last.busy = false;
      this.#lanes[index] = { sequence: hole, task: lane.task };
      await this.#truncate(last, 0);
    }
  }

  async #fork(from: Sequence, to: Sequence): Promise<void> {
    this.#stats.forks++;
    await this.#backend.fork(from.id, to.id);
    from.usedAt = this.#turn;
    to.tokens = [...from.tokens];
    to.usedAt = this.#turn;
  }

  async #truncate(sequence: Sequence, length: number): Promise<void> {
    if (sequence.tokens.length <= length) return;
    await this.#backend.truncate(sequence.id, length);
    sequence.tokens.length = length;
  }

  /** Evaluates one batch and hands its logits to the tasks. */
  async #step(): Promise<void> {
    const lanes = this.#lanes.toSorted((a, b) => a.sequence.id - b.sequence.id);
    if (lanes.length === 0) return;
    const decoding = lanes.some((lane) => remaining(lane) === 1);
    const plan = planBatch(
      lanes.map((lane) => ({
        sequence: lane.sequence.id,
        remaining: remaining(lane),
        order: lane.task.order,
      })),
      decoding ? this.#options.prefill.mixed : this.#options.prefill.alone,
      this.#backend.batchSize,
    );
    const items = lanes.map((lane, index) => toItem(lane, plan[index]?.count ?? 1));
    let outputs: BatchResult["outputs"];
    try {
      outputs = await this.#evaluate(items);
    } catch {
      await this.#evaluateOneByOne(lanes, items);
      return;
    }
    const since = performance.now();
    for (const [index, lane] of lanes.entries()) this.#applied(lane, items[index], outputs[index] ?? null);
    await this.#trim();
    this.#stats.sampleMs += performance.now() - since;
  }

  async #evaluate(items: readonly BatchItem[]): Promise<BatchResult["outputs"]> {
    const run = (): Promise<BatchResult> => this.#backend.evaluate(items);
    const result = await (this.#options.exclusive?.(run) ?? run());
    this.#stats.batches++;
    this.#stats.decodeMs += result.decodeMs;
    this.#stats.readMs += result.readMs;
    return result.outputs;
  }

  /** After a batch failed: forgets all that is only cached, then tries each lane alone, so that one bad task fails alone. */
  async #evaluateOneByOne(lanes: readonly Lane[], items: readonly BatchItem[]): Promise<void> {
    for (const sequence of this.#table.all) {
      if (!sequence.busy) await this.#forget(sequence);
    }
    for (const [index, lane] of lanes.entries()) {
      const item = items[index];
      if (item === undefined) continue;
      try {
        await this.#backend.truncate(lane.sequence.id, item.position);
        this.#applied(lane, item, (await this.#evaluate([item]))[0] ?? null);
      } catch (error) {
        await this.#forget(lane.sequence);
        this.#release(lane);
        lane.task.fail(describe(error));
      }
    }
    await this.#trim();
  }

  /** Empties a sequence even if the native side no longer plays along. */
  async #forget(sequence: Sequence): Promise<void> {
    sequence.tokens = [];
    try {
      await this.#backend.truncate(sequence.id, 0);
    } catch {
      // Nothing is read from it before something is written; that will fail on its own request.
    }
  }

  #applied(lane: Lane, item: BatchItem | undefined, output: Logits | null): void {
    if (item === undefined) return;
    const { sequence, task } = lane;
    const from = sequence.tokens.length;
    for (const token of item.tokens) sequence.tokens.push(token);
    sequence.usedAt = this.#turn;
    this.#stats.evaluatedTokens += item.tokens.length;
    this.#stats.evaluatedAgainTokens += this.#log.record(sequence.tokens, from);
    task.evaluated?.(item.tokens.length);
    if (task.cancelled || output === null) return;
    const next = advance(task, output);
    if (next === task) return;
    const index = this.#lanes.indexOf(lane);
    if (next !== null) this.#lanes[index] = { sequence, task: next };
    else {
      this.#release(lane);
      this.#toTrim.push({ sequence, keep: task.keep ?? Infinity });
    }
  }

  readonly #toTrim: { readonly sequence: Sequence; readonly keep: number }[] = [];

  async #trim(): Promise<void> {
    for (const { sequence, keep } of this.#toTrim.splice(0)) {
      try {
        await this.#truncate(sequence, keep);
      } catch {
        await this.#forget(sequence);
      }
    }
  }

  #release(lane: Lane): void {
    lane.sequence.busy = false;
    this.#lanes = this.#lanes.filter((other) => other !== lane);
  }
}

/** A task that trips over its logits fails alone; the loop must go on for the others. */
function advance(task: Task, output: Logits): Task | null {
  try {
    return task.advance(output);
  } catch (error) {
    task.fail(describe(error));
    return null;
  }
}

function remaining({ sequence, task }: Lane): number {
  return task.target.length - sequence.tokens.length;
}

function toItem(lane: Lane, count: number): BatchItem {
  const { sequence, task } = lane;
  const position = sequence.tokens.length;
  return {
    sequence: sequence.id,
    position,
    tokens: task.target.slice(position, position + count),
    readout: position + count === task.target.length ? task.readout : null,
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
