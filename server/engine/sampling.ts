/** Draws the next token from raw logits: llama.cpp's filters in llama.cpp's order, seeded per candidate and step. */
import type { SamplingOptions } from "../services.ts";
import type { Logits } from "./backend.ts";

/** A drawn token and its natural log-probability under the unfiltered distribution at temperature 1. */
export interface Draw {
  readonly token: number;
  readonly logProb: number;
}

/**
 * How many nats below the greatest logit a token may lie and still be handed over by the backend. What lies further
 * down has about 0.0003 of the probability on average (measured: 0.006 at the most, in 640 positions of Qwen2.5 0.5B),
 * and handing over the whole vocabulary would cost more than decoding. Sampling hotter needs a wider window.
 */
export function windowFor(sampling: SamplingOptions): number {
  return 14 * Math.max(1, sampling.temperature);
}

/**
 * Draws one token. Given a temperature, the draw adds Gumbel noise keyed by seed, step and token and takes the
 * greatest sum: the exact distribution, and tiny differences of the logits (another batch shape, another processor)
 * change the outcome only on a near tie, whatever order the tokens come in.
 *
 * @param step The candidate's number of tokens so far.
 */
export function drawToken(
  { tokens, logits }: Logits,
  sampling: SamplingOptions,
  seed: number,
  step: number,
): Draw {
  const logTotal = logSumExp(logits);
  let pool = tokens.map((token, index): Entry => {
    const raw = logits[index] ?? -Infinity;
    return { token, raw, logit: raw };
  });
  if (sampling.temperature > 0) {
    pool = filtered(pool, sampling);
    pool = pool.map((entry) => ({
      ...entry,
      logit: entry.logit / sampling.temperature + gumbel(seed, step, entry.token),
    }));
  }
  const best = pool.reduce((a, b) => (precedes(b, a) ? b : a));
  return { token: best.token, logProb: Math.min(0, best.raw - logTotal) };
}

interface Entry {
  readonly token: number;
  readonly raw: number;
  readonly logit: number;
}

/** Greater logit first; ties by token number, so that the order the backend gives never matters. */
function precedes(a: Entry, b: Entry): boolean {
  return a.logit > b.logit || (a.logit === b.logit && a.token < b.token);
}

/** Top-k, then top-p, then min-p, all at temperature 1, as llama.cpp orders them by default. */
function filtered(pool: Entry[], { topK = 0, topP, minP = 0 }: SamplingOptions): Entry[] {
  if (topK <= 0 && topP >= 1 && minP <= 0) return pool;
  let kept = [...pool].sort((a, b) => (precedes(a, b) ? -1 : 1));
  if (topK > 0) kept = kept.slice(0, topK);
  if (topP < 1) {
    const logTotal = logSumExp(kept.map((entry) => entry.logit));
    let mass = 0;
    const end = kept.findIndex((entry) => (mass += Math.exp(entry.logit - logTotal)) >= topP);
    if (end >= 0) kept = kept.slice(0, end + 1);
  }
  if (minP > 0) {
    const least = (kept[0]?.logit ?? 0) + Math.log(minP);
    kept = kept.filter((entry, index) => index === 0 || entry.logit >= least);
  }
  return kept;
}

/** `log(sum(exp(logits)))`, without overflow. */
export function logSumExp(logits: readonly number[]): number {
  let greatest = -Infinity;
  for (const logit of logits) if (logit > greatest) greatest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - greatest);
  return greatest + Math.log(sum);
}

/** Standard Gumbel noise that is a function of its arguments only. */
function gumbel(seed: number, step: number, token: number): number {
  const hash = mix(mix(mix(seed) ^ Math.imul(step + 1, 0x9e3779b1)) ^ Math.imul(token + 1, 0x85ebca77));
  return -Math.log(-Math.log((hash + 0.5) / 0x1_0000_0000));
}

/** MurmurHash3's finaliser: every bit of the input changes half of the output's. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
