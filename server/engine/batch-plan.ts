/** Decides what goes into the next batch: every lane, in sequence order without gaps, with a bounded share of prefill. */

/** What the planner knows of a lane. */
export interface PlannedLane {
  readonly sequence: number;
  /** Tokens still to be evaluated before anything can be read; at least 1. */
  readonly remaining: number;
  /** Lanes with smaller numbers get their prefill first. */
  readonly order: number;
}

/** How many of a lane's tokens the next batch takes. */
export interface PlannedItem {
  readonly sequence: number;
  readonly count: number;
}

/**
 * While some lane decodes, every lane gets at least one token, so that decoding never starves and the sequence numbers
 * of the batch have no gaps (llama.cpp splits a batch at each gap); what is left of the prefill budget goes to the
 * oldest request first. While none does, the batch holds the oldest requests only, each with as much as fits: a single
 * token of each other lane would be computed apart and read all weights once more.
 *
 * @param prefill The most prefill tokens beyond the first of each lane, while some lane decodes.
 * @param batchSize The most tokens in the batch; at least the number of lanes.
 */
export function planBatch(
  lanes: readonly PlannedLane[],
  prefill: number,
  batchSize: number,
): readonly PlannedItem[] {
  const decoding = lanes.some(({ remaining }) => remaining === 1);
  const least = decoding ? 1 : 0;
  let budget = decoding ? Math.min(prefill, batchSize - lanes.length) : batchSize;
  const counts: PlannedItem[] = [];
  for (const { sequence, remaining } of [...lanes].sort(
    (a, b) => a.order - b.order || a.sequence - b.sequence,
  )) {
    const extra = Math.max(0, Math.min(remaining - least, budget));
    budget -= extra;
    if (least + extra > 0) counts.push({ sequence, count: least + extra });
  }
  return counts.sort((a, b) => a.sequence - b.sequence);
}
