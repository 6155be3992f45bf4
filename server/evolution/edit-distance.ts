/** Whether two texts are far enough apart to learn from the difference. */

/**
 * Whether at least `least` characters must be inserted, deleted or replaced to make one text of the other (Levenshtein).
 * Looks only at the band of the table that can still decide it, so long texts cost little.
 */
export function differByAtLeast(a: string, b: string, least: number): boolean {
  if (least <= 0) return true;
  if (Math.abs(a.length - b.length) >= least) return true;
  let above = new Array<number>(b.length + 1).fill(least);
  for (let column = 0; column <= Math.min(b.length, least - 1); column++) above[column] = column;
  for (let row = 1; row <= a.length; row++) {
    const current = new Array<number>(b.length + 1).fill(least);
    const from = Math.max(0, row - least + 1);
    const to = Math.min(b.length, row + least - 1);
    let best = least;
    for (let column = from; column <= to; column++) {
      const replaced =
        column === 0 ? least : (above[column - 1] ?? least) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const deleted = (above[column] ?? least) + 1;
      const inserted = column === 0 ? least : (current[column - 1] ?? least) + 1;
      const distance = Math.min(least, replaced, deleted, inserted);
      current[column] = distance;
      best = Math.min(best, distance);
    }
    if (best >= least) return true;
    above = current;
  }
  return (above[b.length] ?? least) >= least;
}
