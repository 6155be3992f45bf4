/** Chooses the number of threads of each batch: llama.cpp's threads wait for each other spinning, so that when another
 * process takes a core, all of them take ten to thirty times as long, and fewer of them would be faster. */

/** A batch this many times dearer than a calm one means that something else wants the processor. */
const CONTENDED = 3;
/** How many batches go by before all threads are tried again; doubles each time that it was too early. */
const FIRST_RETRY = 8;
const LAST_RETRY = 128;
/** Reading the weights costs about as much as computing this many tokens. */
const BASE_TOKENS = 1.5;
/** At the start, this many batches with all threads and then as many with fewer; the first one reads the file, too. */
const PROBE = 2;

/** Watches how long batches take. Calls alternate: `threads` before a batch, `report` after it. */
export class ThreadGovernor {
  readonly #most: number;
  readonly #few: number;
  #batches = 0;
  #calm = Infinity;
  #fewCost = Infinity;
  #contended = false;
  #sinceTry = 0;
  #retryAfter = FIRST_RETRY;

  /** @param most The number of threads for a machine with nothing else to do. */
  constructor(most: number) {
    this.#most = most;
    this.#few = Math.max(1, Math.floor(most / 2));
  }

  /** With how many threads the next batch should be computed. */
  threads(): number {
    if (this.#batches < 2 * PROBE) return this.#batches < PROBE ? this.#most : this.#few;
    return this.#contended && this.#sinceTry < this.#retryAfter ? this.#few : this.#most;
  }

  /**
   * Takes in how long a batch took.
   *
   * @param threads What `threads` said.
   * @param tokens The batch's size.
   */
  report(threads: number, tokens: number, ms: number): void {
    if (this.#few === this.#most) return;
    const cost = ms / (BASE_TOKENS + tokens);
    if (++this.#batches <= 2 * PROBE) {
      this.#probe(threads, cost);
      return;
    }
    if (threads < this.#most) {
      this.#sinceTry++;
      this.#fewCost = Number.isFinite(this.#fewCost) ? 0.7 * this.#fewCost + 0.3 * cost : cost;
      return;
    }
    if (this.#contended) {
      if (cost < this.#fewCost) this.#relax();
      else this.#retryAfter = Math.min(LAST_RETRY, 2 * this.#retryAfter);
      this.#sinceTry = 0;
    } else if (cost > CONTENDED * this.#calm) {
      this.#contended = true;
      this.#sinceTry = 0;
    }
    // Drifts up slowly, so that a lucky first measurement or a longer context does not look like contention for ever.
    this.#calm = Math.min(this.#calm * 1.02, cost);
  }

  #probe(threads: number, cost: number): void {
    if (threads === this.#most) this.#calm = Math.min(this.#calm, cost);
    else this.#fewCost = Math.min(this.#fewCost, cost);
    if (this.#batches < 2 * PROBE) return;
    this.#contended = this.#fewCost < this.#calm;
    // What was measured under contention says nothing about a calm machine.
    if (this.#contended) this.#calm = Infinity;
  }

  #relax(): void {
    this.#contended = false;
    this.#retryAfter = FIRST_RETRY;
    this.#fewCost = Infinity;
  }
}
