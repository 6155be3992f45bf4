/** What searches cost when several run side by side, and which methods are worth their cost. Pure. */
import type { SearchOutcome } from "./records.ts";
import { mean } from "./statistics.ts";

/**
 * Tokens that greedy generated for a problem, on average: the unit of budgets such as `8x`. Searches that failed do not
 * count; null where none is left.
 */
export function greedyTokens(searches: readonly (SearchOutcome | undefined)[]): number | null {
  const tokens = searches.flatMap((search) =>
    search === undefined || search.stop === "failed" ? [] : [search.cost.generatedTokens],
  );
  return tokens.length === 0 ? null : mean(tokens);
}

/** A search's time: epoch milliseconds of its begin, and how long it took. */
interface Timed {
  readonly begun: number;
  readonly ms: { readonly total: number };
}

/**
 * Divides wall time evenly among the searches under way at each moment: the shares add up to the time during which
 * there was any, and a search's share is what it cost while others ran beside it. In seconds.
 */
export function sharedSeconds<S extends Timed>(
  searches: readonly S[],
): { readonly total: number; readonly shares: ReadonlyMap<S, number> } {
  const events = searches
    .flatMap((search) => [
      { at: search.begun, search, begins: true },
      { at: search.begun + search.ms.total, search, begins: false },
    ])
    .sort((a, b) => a.at - b.at);
  const shares = new Map<S, number>(searches.map((search) => [search, 0]));
  const live = new Set<S>();
  let total = 0;
  let before = 0;
  for (const { at, search, begins } of events) {
    const seconds = (at - before) / 1000;
    if (live.size > 0 && seconds > 0) {
      total += seconds;
      for (const running of live) shares.set(running, (shares.get(running) ?? 0) + seconds / live.size);
    }
    before = at;
    if (begins) live.add(search);
    else live.delete(search);
  }
  return { total, shares };
}

/** Which points no other one beats: as cheap or cheaper, and better; of equals the cheapest counts. */
export function frontier(costs: readonly number[], values: readonly number[]): boolean[] {
  return costs.map((cost, index) => {
    const value = values[index] ?? 0;
    return !costs.some((other, at) => {
      const rival = values[at] ?? 0;
      return at !== index && other <= cost && rival >= value && (other < cost || rival > value);
    });
  });
}
