/** The few statistics that ratios of repeated measurements need. */

/** The middle value; the mean of the two middle ones when there are two. @throws when there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error("no values");
  return (upper + lower) / 2;
}
