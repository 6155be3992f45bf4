/** Knows which tokens every sequence of a context holds: finds the longest cached prefix and chooses what to evict. */

/** One sequence of the context. `tokens` are exactly the tokens whose KV state its cells hold, in order. */
export interface Sequence {
  readonly id: number;
  tokens: number[];
  /** A lane is extending it; it may be forked from but not overwritten. */
  busy: boolean;
  /** When it was last extended or forked from, in turns of the decoder. */
  usedAt: number;
}

/** How many tokens two runs have in common from the start. */
export function commonLength(a: readonly number[], b: readonly number[], limit = Infinity): number {
  const end = Math.min(a.length, b.length, limit);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}

/**
 * The prefix tree of KV state, held as one path per sequence: without a unified KV cache every sequence has cells of its
 * own, so an inner node of the tree exists as the common start of the sequences below it. A few dozen paths of a few
 * hundred tokens are searched in microseconds, so there is no index beside them that could disagree with them.
 */
export class SequenceTable {
  readonly all: readonly Sequence[];

  constructor(count: number) {
    this.all = Array.from({ length: count }, (_, id) => ({ id, tokens: [], busy: false, usedAt: 0 }));
  }

  /** The sequence sharing most of the first `limit` tokens of `target`; of equals, the most recently used. */
  longestPrefix(
    target: readonly number[],
    limit: number,
  ): { readonly sequence: Sequence; readonly length: number } | null {
    let best: { sequence: Sequence; length: number } | null = null;
    for (const sequence of this.all) {
      const length = commonLength(sequence.tokens, target, limit);
      if (length === 0) continue;
      if (
        best === null ||
        length > best.length ||
        (length === best.length && sequence.usedAt > best.sequence.usedAt)
      ) {
        best = { sequence, length };
      }
    }
    return best;
  }

  /**
   * The idle sequence whose content is worth least: an empty one, else one whose content is also the start of another's,
   * else the least recently used. Highest number first among equals, since lanes sit at the low numbers.
   *
   * @param allowed Which sequences may be overwritten.
   */
  victim(allowed: (sequence: Sequence) => boolean): Sequence | null {
    const idle = this.all.filter((sequence) => !sequence.busy && allowed(sequence)).reverse();
    return (
      idle.find((sequence) => sequence.tokens.length === 0) ??
      idle.find((sequence) => this.isRedundant(sequence)) ??
      idle.reduce<Sequence | null>(
        (oldest, sequence) => (oldest === null || sequence.usedAt < oldest.usedAt ? sequence : oldest),
        null,
      )
    );
  }

  /** The lowest number that no lane uses: filling it keeps the lanes' numbers without gaps. */
  lowestIdle(): Sequence | null {
    return this.all.find((sequence) => !sequence.busy) ?? null;
  }

  /** A gap among the lanes' numbers and the highest lane, which can close it; null when there is no gap. */
  gap(): { readonly hole: Sequence; readonly last: Sequence } | null {
    const hole = this.lowestIdle();
    const last = this.all.findLast((sequence) => sequence.busy);
    return hole !== null && last !== undefined && hole.id < last.id ? { hole, last } : null;
  }

  /** Whether a sequence's content is lost without loss: it is empty, or another sequence starts with it. */
  isRedundant(sequence: Sequence): boolean {
    if (sequence.tokens.length === 0) return true;
    return this.all.some(
      (other) =>
        other !== sequence &&
        other.tokens.length >= sequence.tokens.length &&
        // Of two equal ones only the higher number is redundant, or both would go.
        (other.tokens.length > sequence.tokens.length || other.id < sequence.id) &&
        commonLength(other.tokens, sequence.tokens) === sequence.tokens.length,
    );
  }
}

/** Remembers which prefixes were ever evaluated, to tell how many tokens are evaluated again. */
export class PrefixLog {
  readonly #seen = new Set<number>();
  readonly #capacity: number;

  /** @param capacity The most prefixes remembered (about 40 bytes each); the oldest are forgotten first. */
  constructor(capacity = 400_000) {
    this.#capacity = capacity;
  }

  /** Records the prefixes of `tokens` that end at `from` or later; says how many of them were known. */
  record(tokens: readonly number[], from: number): number {
    let high = 0x811c9dc5;
    let low = 0x9e3779b9;
    let known = 0;
    for (const [index, token] of tokens.entries()) {
      high = Math.imul(high ^ token, 0x01000193);
      low = Math.imul(low ^ (token + index), 0x85ebca6b);
      low ^= low >>> 15;
      if (index < from) continue;
      const key = (high >>> 0) * 0x20_0000 + ((low >>> 0) & 0x1f_ffff);
      if (this.#seen.has(key)) known++;
      else this.#seen.add(key);
    }
    for (const key of this.#seen) {
      if (this.#seen.size <= this.#capacity) break;
      this.#seen.delete(key);
    }
    return known;
  }
}
