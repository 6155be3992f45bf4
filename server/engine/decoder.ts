/** The one loop that owns a context: admits waiting tasks, forks their prefixes, evaluates all lanes in one batch a turn. */
import { messageOf } from "../errors.ts";
import type { BatchBackend, BatchItem, BatchResult, Logits, Readout } from "./backend.ts";
import { type BatchLimits, planBatch, type PlannedItem, wholeGroups } from "./batch-plan.ts";
import { SequencePool } from "./sequence-pool.ts";
import { commonLength, type Sequence } from "./sequences.ts";

/** A run of tokens whose KV state must exist, and what to do with the logits after the last of them. */
export interface Task {
  /** The tokens; never empty. The target of the task that goes on starts with them. */
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

/** The counters of a decoder that has done nothing. */
export const NO_DECODING: DecoderStats = {
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

/** How a decoder is set up. */
export interface DecoderOptions {
  /** The most sequences extended at the same time; the others only cache. At most the backend's number. */
  readonly lanes: number;
  /** Prefill tokens a turn while other lanes are decoding, and while none is. */
  readonly prefill: Pick<BatchLimits, "beside" | "alone">;
  /** Runs native work under whatever lock the contexts of a process share. */
  readonly exclusive?: <T>(work: () => Promise<T>) => Promise<T>;
}

interface Lane {
  readonly sequence: Sequence;
  readonly task: Task;
}

/** A shared part shorter than this many tokens is evaluated twice rather than waited for. */
const WORTH_WAITING = 2;

/** Schedules tasks over the sequences of one backend. */
export class Decoder {
  readonly #backend: BatchBackend;
  readonly #options: DecoderOptions;
  readonly #pool: SequencePool;
  /** Sequences whose task is over, and how much of their state is worth keeping. */
  readonly #toTrim: { readonly sequence: Sequence; readonly keep: number }[] = [];
  #lanes: Lane[] = [];
  #waiting: Task[] = [];
  #wake: (() => void) | null = null;
  #closing: string | null = null;
  readonly #finished: Promise<void>;
  readonly #stats: { -readonly [Key in keyof DecoderStats]: DecoderStats[Key] } = { ...NO_DECODING };

  constructor(backend: BatchBackend, options: DecoderOptions) {
    this.#backend = backend;
    this.#options = { ...options, lanes: Math.min(options.lanes, backend.sequences, backend.batchSize) };
    this.#pool = new SequencePool(backend);
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
    try {
      await this.#loop();
    } catch (error) {
      // A mistake in this code: better that every call says so than that they all wait for ever.
      this.#closing = `the decoder stopped: ${messageOf(error)}`;
    }
    for (const task of [...this.#lanes.map((lane) => lane.task), ...this.#waiting]) {
      task.fail(this.#closing ?? "");
    }
    this.#lanes = [];
    this.#waiting = [];
  }

  async #loop(): Promise<void> {
    for (;;) {
      this.#dropCancelled();
      if (this.#closing !== null) return;
      if (this.idle) {
        const since = performance.now();
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#stats.idleMs += performance.now() - since;
        // Requests made in the same tick, and those that answer a result just given, then share the first batch.
        await new Promise<void>((resolve) => setImmediate(resolve));
        continue;
      }
      await this.#exclusively(() => this.#turn());
    }
  }

  /**
   * All native work of a turn is done under the lock: a fork beside another context's batch would wait until that is
   * over, and each fork again for the next one.
   */
  async #turn(): Promise<void> {
    // Much may have happened while the turn was waited for.
    this.#dropCancelled();
    if (this.#closing !== null) return;
    this.#pool.nextTurn();
    await this.#place();
    await this.#step();
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    return this.#options.exclusive?.(work) ?? work();
  }

  #dropCancelled(): void {
    this.#waiting = this.#waiting.filter((task) => !task.cancelled);
    this.#lanes = this.#lanes.filter(({ task, sequence }) => {
      if (task.cancelled) this.#pool.release(sequence);
      return !task.cancelled;
    });
  }

  /** Gives lanes to waiting tasks, then closes the gaps that are left between the lanes' sequence numbers. */
  async #place(): Promise<void> {
    const since = performance.now();
    for (const task of [...this.#waiting]) {
      if (this.#lanes.length >= this.#options.lanes) break;
      if (!task.cancelled && !this.#isWorthWaiting(task) && !(await this.#admit(task))) break;
    }
    await this.#pool.closeGaps((from, to) => {
      this.#lanes = this.#lanes.map((lane) =>
        lane.sequence === from ? { sequence: to, task: lane.task } : lane,
      );
    });
    this.#stats.forks = this.#pool.forks;
    this.#stats.forkMs += performance.now() - since;
  }

  /** Whether some lane is about to compute a part of this task's prefix: then that is forked, not computed twice. */
  #isWorthWaiting(task: Task): boolean {
    const limit = task.target.length - 1;
    const known = this.#pool.known(task.target, limit);
    return this.#lanes.some((lane) => {
      const shared = commonLength(lane.task.target, task.target, limit);
      return shared >= known + WORTH_WAITING && lane.sequence.tokens.length < shared;
    });
  }

  /** Gives a task a lane, or fails it; false when no sequence is free. */
  async #admit(task: Task): Promise<boolean> {
    try {
      const sequence = await this.#pool.take(task.target);
      if (sequence === null) return false;
      this.#lanes.push({ sequence, task });
      this.#stats.reusedTokens += sequence.tokens.length;
      task.admitted?.(sequence.tokens.length);
    } catch (error) {
      task.fail(messageOf(error));
    }
    this.#waiting = this.#waiting.filter((other) => other !== task);
    return true;
  }

  /** Evaluates one batch and hands its logits to the tasks. */
  async #step(): Promise<void> {
    if (this.#lanes.length === 0) return;
    const plan = planBatch(
      this.#lanes.map((lane) => ({
        sequence: lane.sequence.id,
        remaining: remaining(lane),
        order: lane.task.order,
      })),
      { ...this.#options.prefill, size: this.#backend.batchSize, group: this.#backend.rowGroup },
    );
    const planned = plan.flatMap((one) => {
      const lane = this.#lanes.find(({ sequence }) => sequence.id === one.sequence);
      return lane === undefined ? [] : [{ lane, item: toItem(lane, one, this.cells) }];
    });
    const lanes = planned.map(({ lane }) => lane);
    const items = planned.map(({ item }) => item);
    let outputs: BatchResult["outputs"];
    try {
      outputs = await this.#evaluate([...items, ...(await this.#fillers(items))]);
    } catch {
      await this.#evaluateOneByOne(lanes, items);
      return;
    }
    const since = performance.now();
    for (const [index, lane] of lanes.entries()) this.#applied(lane, items[index], outputs[index] ?? null);
    await this.#trim();
    this.#stats.sampleMs += performance.now() - since;
  }

  /** What fills up the tokens that the lanes decode to whole groups: one of padding for each idle sequence that it takes. */
  async #fillers(items: readonly BatchItem[]): Promise<BatchItem[]> {
    const isDecoding = items.some(({ tokens, padding }) => tokens.length + padding === 1);
    const missing = isDecoding ? wholeGroups(items.length, this.#backend.rowGroup) - items.length : 0;
    const fillers = await this.#pool.fillers(missing);
    return fillers.map(({ id: sequence, tokens: { length: position } }) => ({
      sequence,
      position,
      tokens: [],
      readout: null,
      padding: 1,
    }));
  }

  async #evaluate(items: readonly BatchItem[]): Promise<BatchResult["outputs"]> {
    const result = await this.#backend.evaluate(items);
    this.#stats.batches++;
    this.#stats.decodeMs += result.decodeMs;
    this.#stats.readMs += result.readMs;
    return result.outputs;
  }

  /** After a batch failed: forgets all that is only cached, then tries each lane alone, so that one bad task fails alone. */
  async #evaluateOneByOne(lanes: readonly Lane[], items: readonly BatchItem[]): Promise<void> {
    await this.#pool.forgetIdle();
    for (const [index, lane] of lanes.entries()) {
      const item = items[index];
      if (item === undefined) continue;
      try {
        await this.#backend.truncate(lane.sequence.id, item.position);
        this.#applied(lane, item, (await this.#evaluate([item]))[0] ?? null);
      } catch (error) {
        await this.#pool.forget(lane.sequence);
        this.#release(lane);
        lane.task.fail(messageOf(error));
      }
    }
    await this.#trim();
  }

  #applied(lane: Lane, item: BatchItem | undefined, output: Logits | null): void {
    if (item === undefined) return;
    const { sequence, task } = lane;
    this.#stats.evaluatedTokens += item.tokens.length;
    this.#stats.evaluatedAgainTokens += this.#pool.append(sequence, item.tokens);
    task.evaluated?.(item.tokens.length);
    if (task.cancelled || output === null) return;
    const next = advance(task, output);
    const index = this.#lanes.indexOf(lane);
    if (next !== null) this.#lanes[index] = { sequence, task: next };
    else {
      this.#release(lane);
      this.#toTrim.push({ sequence, keep: task.keep ?? Infinity });
    }
  }

  async #trim(): Promise<void> {
    for (const { sequence, keep } of this.#toTrim.splice(0)) {
      try {
        await this.#pool.truncate(sequence, keep);
      } catch {
        await this.#pool.forget(sequence);
      }
    }
  }

  #release(lane: Lane): void {
    this.#pool.release(lane.sequence);
    this.#lanes = this.#lanes.filter((other) => other !== lane);
  }
}

/** A task that trips over its logits fails alone; the loop must go on for the others. */
function advance(task: Task, output: Logits): Task | null {
  try {
    return task.advance(output);
  } catch (error) {
    task.fail(messageOf(error));
    return null;
  }
}

function remaining({ sequence, task }: Lane): number {
  return task.target.length - sequence.tokens.length;
}

function toItem(lane: Lane, { count, padding }: PlannedItem, cells: number): BatchItem {
  const { sequence, task } = lane;
  const position = sequence.tokens.length;
  return {
    // At the very end of a sequence there is no room for it.
    padding: Math.max(0, Math.min(padding, cells - position - count)),
    sequence: sequence.id,
    position,
    tokens: task.target.slice(position, position + count),
    readout: position + count === task.target.length ? task.readout : null,
  };
}
