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
  /** Rows computed after them and dropped again, so that the batch consists of whole groups of rows. */
  readonly padding: number;
}

/** How large a batch may be, in tokens. */
export interface BatchLimits {
  /** The most prefill beyond the first token of each lane, while some lane decodes. */
  readonly beside: number;
  /** The most prefill while none does. */
  readonly alone: number;
  /** The most in the batch; at least the number of lanes, in whole groups. */
  readonly size: number;
  /** Rows that are computed together (`BatchBackend.rowGroup`). */
  readonly group: number;
}

/**
 * While some lane decodes, every lane gets at least one token, so that decoding never starves and the sequence numbers
 * of the batch have no gaps (llama.cpp splits a batch at each gap); what is left of the prefill budget goes to the
 * oldest request first. While none does, the batch holds the oldest requests only, each with as much as fits: a single
 * token of each other lane would be computed apart and read all weights once more.
 *
 * llama.cpp computes the first token of all lanes together, then what those that have more still have: so with whole
 * groups beyond the first tokens every part that is computed together consists of whole groups, if the lanes do.
 */
export function planBatch(
  lanes: readonly PlannedLane[],
  { beside, alone, size, group }: BatchLimits,
): readonly PlannedItem[] {
  const decoding = lanes.some(({ remaining }) => remaining === 1);
  const least = decoding ? 1 : 0;
  const most = decoding ? Math.min(beside, size - wholeGroups(lanes.length, group)) : Math.min(alone, size);
  let budget = most - (most % group);
  const items: PlannedItem[] = [];
  for (const { sequence, remaining } of [...lanes].sort(
    (a, b) => a.order - b.order || a.sequence - b.sequence,
  )) {
    const rows = Math.max(0, Math.min(wholeGroups(remaining - least, group), budget));
    budget -= rows;
    const extra = Math.min(remaining - least, rows);
    if (least + extra > 0) items.push({ sequence, count: least + extra, padding: rows - extra });
  }
  return items.sort((a, b) => a.sequence - b.sequence);
}

/** An item of a batch as its rows are laid out: `read` is the row whose logits are wanted, null for none. */
export interface ItemRows {
  readonly rows: number;
  readonly read: number | null;
}

/**
 * The rows whose logits have to be computed, for each item: those wanted, and as many beside them as make whole groups of
 * what is computed together, since the last layer and the output matrix see only these rows.
 */
export function outputRows(items: readonly ItemRows[], group: number): readonly (readonly number[])[] {
  const isBeside = items.some(({ rows }) => rows === 1);
  const first = items.filter(({ rows, read }) => rows === 1 && read !== null).length;
  let missing = isBeside ? wholeGroups(first, group) - first : 0;
  return items.map(({ rows, read }) => {
    if (rows === 1 && read !== null) return [0];
    const marked: number[] = [];
    if (missing > 0) {
      marked.push(0);
      missing--;
    }
    if (read !== null)
      for (let row = Math.max(marked.length, Math.min(read, rows - group)); row < rows; row++)
        if (group > 1 || row === read) marked.push(row);
    return marked;
  });
}

/** The least number of rows that holds `rows` and consists of whole groups. */
export function wholeGroups(rows: number, group: number): number {
  return Math.ceil(rows / group) * group;
}
