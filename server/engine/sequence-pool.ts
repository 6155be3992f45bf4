/** Moves KV state between sequences: gives a task the longest cached prefix, saves what is worth it, closes gaps. */
import type { BatchBackend } from "./backend.ts";
import { PrefixLog, SequenceTable, type Sequence } from "./sequences.ts";

/** State of fewer tokens than this is evaluated again when it is needed rather than copied to save it. */
const WORTH_COPYING = 16;

/** The sequences of a backend and what they hold. Methods must not overlap: the decoder's loop calls them in turn. */
export class SequencePool {
  readonly #backend: BatchBackend;
  readonly #table: SequenceTable;
  readonly #log = new PrefixLog();
  #turn = 0;
  #forks = 0;

  constructor(backend: BatchBackend) {
    this.#backend = backend;
    this.#table = new SequenceTable(backend.sequences);
  }

  /** How many times state was copied. */
  get forks(): number {
    return this.#forks;
  }

  /** Begins a new turn: what is used from now on was used more recently than all before. */
  nextTurn(): void {
    this.#turn++;
  }

  /** How many of the first `limit` tokens of a target some sequence holds. */
  known(target: readonly number[], limit: number): number {
    return this.#table.longestPrefix(target, limit)?.length ?? 0;
  }

  /**
   * Takes the lowest idle sequence and makes it hold as much of the target as is known, at most all but its last token:
   * that one is always evaluated, since its logits are what the caller is after.
   *
   * @returns the sequence, now busy; null when all are.
   * @throws when the native side fails; the sequence is then empty and idle.
   */
  async take(target: readonly number[]): Promise<Sequence | null> {
    const place = this.#table.lowestIdle();
    if (place === null) return null;
    try {
      await this.#prepare(place, target);
    } catch (error) {
      await this.forget(place);
      throw error;
    }
    place.busy = true;
    place.usedAt = this.#turn;
    return place;
  }

  /**
   * The `count` sequences right above the busy ones, each with room for one more token, to fill up a batch with; none
   * where there are not so many.
   */
  async fillers(count: number): Promise<readonly Sequence[]> {
    const first = this.#table.all.findLastIndex(({ busy }) => busy) + 1;
    const found = this.#table.all.slice(first, first + count);
    if (found.length < count) return [];
    for (const sequence of found)
      if (sequence.tokens.length >= this.#backend.cells) await this.forget(sequence);
    return found;
  }

  /** Leaves a sequence to the cache. */
  release(sequence: Sequence): void {
    sequence.busy = false;
  }

  /** Notes that tokens were evaluated; says how many of them had been evaluated before after the same prefix. */
  append(sequence: Sequence, tokens: readonly number[]): number {
    const from = sequence.tokens.length;
    for (const token of tokens) sequence.tokens.push(token);
    sequence.usedAt = this.#turn;
    return this.#log.record(sequence.tokens, from);
  }

  /**
   * Moves the highest busy sequences into the idle places between the others, so that a batch has no gaps. A gap that
   * cannot be closed stays: it costs time only.
   *
   * @param moved Told of each move before the next one.
   */
  async closeGaps(moved: (from: Sequence, to: Sequence) => void): Promise<void> {
    for (let gap = this.#table.gap(); gap !== null; gap = this.#table.gap()) {
      const { hole, last } = gap;
      try {
        await this.#save(hole, () => true);
        await this.#fork(last, hole);
      } catch {
        await this.forget(hole);
        return;
      }
      hole.busy = true;
      last.busy = false;
      moved(last, hole);
      await this.forget(last);
    }
  }

  /** Drops what a sequence holds from `length` on. */
  async truncate(sequence: Sequence, length: number): Promise<void> {
    if (sequence.tokens.length <= length) return;
    await this.#backend.truncate(sequence.id, length);
    sequence.tokens.length = length;
  }

  /** Empties a sequence even if the native side no longer plays along. */
  async forget(sequence: Sequence): Promise<void> {
    sequence.tokens = [];
    try {
      await this.#backend.truncate(sequence.id, 0);
    } catch {
      // Nothing is read from it before something is written; that will fail on its own request.
    }
  }

  /** Empties every idle sequence. */
  async forgetIdle(): Promise<void> {
    for (const sequence of this.#table.all) if (!sequence.busy) await this.forget(sequence);
  }

  async #prepare(place: Sequence, target: readonly number[]): Promise<void> {
    const found = this.#table.longestPrefix(target, target.length - 1);
    const length = found?.length ?? 0;
    if (found?.sequence === place) {
      // It is taken over where it stands; what it holds beyond the prefix is saved when it is worth a copy.
      if (place.tokens.length >= length + WORTH_COPYING) await this.#save(place, () => true);
    } else {
      await this.#save(place, (other) => other !== found?.sequence);
      if (found !== null) await this.#fork(found.sequence, place);
    }
    await this.truncate(place, length);
  }

  /** Copies an idle sequence's content to where something less valuable lies, if there is such a place. */
  async #save(sequence: Sequence, allowed: (other: Sequence) => boolean): Promise<void> {
    if (this.#table.isRedundant(sequence)) return;
    // Below the highest busy one, the place would be needed for the next lane at once.
    const above = this.#table.all.findLastIndex((other) => other.busy || other === sequence);
    const victim = this.#table.victim((other) => other.id > above && allowed(other));
    if (victim === null || (!this.#table.isRedundant(victim) && victim.usedAt >= sequence.usedAt)) return;
    const { usedAt } = sequence;
    await this.#fork(sequence, victim);
    victim.usedAt = usedAt;
  }

  async #fork(from: Sequence, to: Sequence): Promise<void> {
    this.#forks++;
    await this.#backend.fork(from.id, to.id);
    from.usedAt = this.#turn;
    to.tokens = [...from.tokens];
    to.usedAt = this.#turn;
  }
}
