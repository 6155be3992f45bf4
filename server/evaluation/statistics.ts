/** Statistics of paired results: seeded bootstrap intervals, exact tests (McNemar's, sign flips), Holm's correction. Pure. */

/** A closed interval. */
export type Interval = readonly [low: number, high: number];

/** Resamples of a bootstrap. The ends of a 95% interval then move by well under a point from one seed to the next. */
const RESAMPLES = 10_000;

/** Every bootstrap of a report starts from this seed: reports differ when results do, and only then. */
export const BOOTSTRAP_SEED = 20250108;

/** Pseudo-random numbers in [0, 1) from a 32-bit seed (mulberry32): the same seed gives the same intervals anywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Arithmetic mean; 0 of nothing. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A share as reports write it: `42.5%`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

/**
 * 95% percentile-bootstrap interval of the mean (Efron). One value per problem: where a problem was searched under
 * several seeds its value is the mean over them, so that problems are what is resampled and not seeds. The percentiles
 * are the 2.5th and 97.5th in the sense of "nearest rank".
 */
export function bootstrapMean(values: readonly number[], seed: number, resamples = RESAMPLES): Interval {
  const n = values.length;
  if (n === 0) return [0, 0];
  const own = Float64Array.from(values);
  const drawn = draws(n, seed, resamples);
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    const end = (resample + 1) * n;
    for (let at = resample * n; at < end; at++) sum += own[drawn[at] ?? 0] ?? 0;
    means[resample] = sum / n;
  }
  means.sort();
  return [nearestRank(means, 0.025), nearestRank(means, 0.975)];
}

/** The draws of the last few sizes: a report asks for hundreds of intervals over the same problems. */
const KNOWN_DRAWS = new Map<string, Uint32Array>();
const REMEMBERED = 8;

/** Positions drawn with replacement from `n`, for all resamples one after another. */
function draws(n: number, seed: number, resamples: number): Uint32Array {
  const key = `${n} ${seed} ${resamples}`;
  const known = KNOWN_DRAWS.get(key);
  if (known !== undefined) return known;
  const random = randomNumbers(seed);
  const drawn = Uint32Array.from({ length: resamples * n }, () => Math.floor(random() * n));
  KNOWN_DRAWS.set(key, drawn);
  const [oldest] = KNOWN_DRAWS.keys();
  if (KNOWN_DRAWS.size > REMEMBERED && oldest !== undefined) KNOWN_DRAWS.delete(oldest);
  return drawn;
}

/** The percentile of sorted values in the sense of "nearest rank"; 0 of nothing. */
export function nearestRank(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? 0;
}

/** What two methods did on the same problems: `onlyFirst` were right by the first alone, and so on. */
export interface PairedCounts {
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
}

/** Counts pairs of results; the lists belong together by position. */
export function pairedCounts(first: readonly boolean[], second: readonly boolean[]): PairedCounts {
  const counts = { both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 };
  for (const [index, a] of first.entries()) {
    const b = second[index] ?? false;
    counts[a ? (b ? "both" : "onlyFirst") : b ? "onlySecond" : "neither"]++;
  }
  return counts;
}

/**
 * McNemar's exact test: how likely a split of the discordant pairs at least this uneven is when each of them falls
 * either way with probability one half. 1 when nothing is discordant. `two-sided` asks whether the methods differ,
 * `first` whether the first is better: the chance that a first no better than the second would look at least this good.
 */
export function mcNemarExact(
  { onlyFirst, onlySecond }: PairedCounts,
  side: "two-sided" | "first" = "two-sided",
): number {
  const n = onlyFirst + onlySecond;
  const fewer = side === "first" ? onlySecond : Math.min(onlyFirst, onlySecond);
  // Sums of logarithms, because 2^-n is zero in floating point long before the tail is.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= fewer; k++) {
    logTerm += Math.log((n - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  // Six digits: what exponentials and logarithms leave in the last ones is noise.
  return Math.min(1, Number(((side === "first" ? 1 : 2) * tail).toPrecision(6)));
}

/**
 * The exact two-sided sign-flip test (Fisher's, a paired permutation test) of whether differences lie around zero: how
 * likely a sum at least this far from it is when each of them falls either way with probability one half. They are
 * whole numbers, so that the chances of all sums can be counted. Of ones alone it is McNemar's exact test.
 */
export function signFlipExact(differences: readonly number[]): number {
  const side = (sign: 1 | -1): number =>
    differences.reduce((sum, difference) => sum + Math.max(0, sign * difference), 0);
  const fewer = Math.min(side(1), side(-1));
  // How likely each sum of what falls to one side is, as far as the smaller side's.
  const chances = new Float64Array(fewer + 1);
  chances[0] = 1;
  for (const size of differences.map(Math.abs).filter((one) => one > 0))
    for (let sum = fewer; sum >= 0; sum--)
      chances[sum] = ((chances[sum] ?? 0) + (chances[sum - size] ?? 0)) / 2;
  const tail = chances.reduce((sum, chance) => sum + chance, 0);
  return Math.min(1, Number((2 * tail).toPrecision(6)));
}

/** Holm's step-down correction: the same p-values, in their order, made safe against looking at many of them. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p || a.index - b.index);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let least = 0;
  for (const [rank, { p, index }] of order.entries()) {
    least = Math.max(least, Math.min(1, p * (pValues.length - rank)));
    adjusted[index] = least;
  }
  return adjusted;
}
