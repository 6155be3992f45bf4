/** Chooses the number of threads of each batch: llama.cpp's threads wait for each other spinning, so that when another
 * process takes a core, all of them take ten to thirty times as long, and fewer of them are faster. */
import os from "node:os";

/** A batch this many times dearer than a calm one means that something else wants the processor. */
const CONTENDED = 3;
/** While others use more than this many cores, all threads are not tried again. */
const BUSY = 0.3;
/** How many batches go by before all threads are tried again; doubles each time that it was too early. */
const FIRST_RETRY = 8;
/** After so many batches they are tried in any case: what others use may not slow us down. */
const LAST_RETRY = 256;
/** The first batches, computed with few threads; the very first one reads the model from disk as well. */
const CAREFUL = 2;
/** Reading the weights costs about as much as computing this many tokens (one thread, 0.5B: 34 ms for 1, 600 for 65). */
const BASE_TOKENS = 2.8;
/** A try that is neither clearly better nor clearly contended is looked at for so many batches: one may be unlucky. */
const TRY = 3;

/** Watches how long batches take. Calls alternate: `threads` before a batch, `report` after it. */
export class ThreadGovernor {
  /** With how many threads the next batch should be computed. */
  threads: number;
  readonly #most: number;
  readonly #few: number;
  readonly #others: () => number;
  #batches = 0;
  #calm = Infinity;
  #fewCost = Infinity;
  #sinceTry = 0;
  #tried = 0;
  #retryAfter = FIRST_RETRY;
  /** The number of batches since the last try at which to think of the next one. */
  #checkAt = FIRST_RETRY;

  /**
   * @param most The number of threads for a machine with nothing else to do.
   * @param others How many cores other processes used on average since it was last asked.
   */
  constructor(most: number, others: () => number = coresUsedByOthers()) {
    this.#most = most;
    this.#few = Math.max(1, Math.floor(most / 2));
    this.#others = others;
    this.threads = this.#few;
  }

  /** Takes in how long a batch of so many tokens took, with the number of threads that was asked for. */
  report(tokens: number, ms: number): void {
    if (this.#few === this.#most) return;
    const cost = ms / (BASE_TOKENS + tokens);
    this.#batches++;
    if (this.threads === this.#few) this.#reportFew(cost);
    else this.#reportMost(cost);
  }

  #reportFew(cost: number): void {
    const recent = Number.isFinite(this.#fewCost) ? 0.7 * this.#fewCost + 0.3 * cost : cost;
    this.#fewCost = this.#batches <= CAREFUL ? Math.min(this.#fewCost, cost) : recent;
    this.#sinceTry++;
    if (this.#batches === CAREFUL) this.#checkAt = this.#sinceTry;
    if (this.#batches < CAREFUL || this.#sinceTry < this.#checkAt) return;
    if (this.#sinceTry >= LAST_RETRY || this.#others() <= BUSY) this.threads = this.#most;
    else this.#checkAt = this.#sinceTry + FIRST_RETRY;
  }

  #reportMost(cost: number): void {
    if (Number.isFinite(this.#fewCost)) {
      // It was a try.
      this.#tried++;
      if (cost >= this.#fewCost) {
        if (cost < CONTENDED * this.#fewCost && this.#tried < TRY) return;
        this.#retryAfter = Math.min(LAST_RETRY, 2 * this.#retryAfter);
        this.#giveWay();
        return;
      }
      this.#tried = 0;
      this.#fewCost = Infinity;
      this.#retryAfter = FIRST_RETRY;
    } else if (cost > CONTENDED * this.#calm) {
      this.#others(); // From here on is what matters for the next try.
      this.#giveWay();
    }
    // Drifts up slowly, so that a lucky first measurement or a longer context does not look like contention for ever.
    this.#calm = Math.min(this.#calm * 1.02, cost);
  }

  #giveWay(): void {
    this.threads = this.#few;
    this.#sinceTry = 0;
    this.#tried = 0;
    this.#checkAt = this.#retryAfter;
  }
}

/** Measures, each time it is called, how many cores all other processes used on average since the call before. */
export function coresUsedByOthers(times: () => ProcessorTimes = processorTimes): () => number {
  let last = times();
  return () => {
    const now = times();
    const wall = now.wall - last.wall;
    const used = now.all - last.all - (now.own - last.own);
    last = now;
    return wall <= 0 ? 0 : Math.max(0, used / wall);
  };
}

/** Milliseconds of processor time since some start: of all processes, of this one, and of the clock. */
interface ProcessorTimes {
  readonly all: number;
  readonly own: number;
  readonly wall: number;
}

function processorTimes(): ProcessorTimes {
  const all = os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  const { user, system } = process.cpuUsage();
  return { all, own: (user + system) / 1000, wall: performance.now() };
}
