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
 * Every lane gets at least one token, so that decoding never starves and the sequence numbers of the batch have no
 * gaps (llama.cpp splits a batch at each gap); what is left of the prefill budget goes to the oldest request first.
 *
 * @param prefill The most prefill tokens beyond the first of each lane.
 * @param batchSize The most tokens in the batch; at least the number of lanes.
 */
export function planBatch(
  lanes: readonly PlannedLane[],
  prefill: number,
  batchSize: number,
): readonly PlannedItem[] {
  const counts = new Map(lanes.map((lane) => [lane.sequence, 1]));
  let budget = Math.min(prefill, batchSize - lanes.length);
  for (const lane of [...lanes].sort((a, b) => a.order - b.order || a.sequence - b.sequence)) {
    const extra = Math.max(0, Math.min(lane.remaining - 1, budget));
    budget -= extra;
    counts.set(lane.sequence, 1 + extra);
  }
  return [...counts]
    .map(([sequence, count]) => ({ sequence, count }))
    .sort((a, b) => a.sequence - b.sequence);
}
