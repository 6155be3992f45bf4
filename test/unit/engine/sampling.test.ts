/** Draws follow the distribution that the filters leave, depend on seed and step alone, and report exact log-probabilities. */
import { describe, expect, it } from "vitest";
import type { Logits } from "../../../server/engine/backend.ts";
import { drawToken, windowFor } from "../../../server/engine/sampling.ts";
import type { SamplingOptions } from "../../../server/services.ts";

const plain: SamplingOptions = { temperature: 1, topP: 1 };
const five: Logits = { tokens: [10, 11, 12, 13, 14], logits: [2, 1.5, 1, 0, -3] };

function softmax(logits: readonly number[]): number[] {
  const weights = logits.map((logit) => Math.exp(logit));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

function counts(logits: Logits, sampling: SamplingOptions, draws: number): number[] {
  const seen = logits.tokens.map(() => 0);
  for (let seed = 0; seed < draws; seed++) {
    const at = logits.tokens.indexOf(drawToken(logits, sampling, seed, seed % 17).token);
    seen[at] = (seen[at] ?? 0) + 1;
  }
  return seen;
}

/** Pearson's statistic against these probabilities; tokens that cannot come must not come. */
function chiSquare(seen: readonly number[], probabilities: readonly number[]): number {
  const draws = seen.reduce((a, b) => a + b, 0);
  return probabilities.reduce((sum, probability, index) => {
    const expected = probability * draws;
    const difference = (seen[index] ?? 0) - expected;
    if (expected === 0) return sum + (difference === 0 ? 0 : Infinity);
    return sum + difference ** 2 / expected;
  }, 0);
}

describe("drawToken", () => {
  it("draws from the softmax of the logits", () => {
    // 18.5 is passed once in a thousand with 4 degrees of freedom; the draws are the same in every run.
    expect(chiSquare(counts(five, plain, 4000), softmax(five.logits))).toBeLessThan(18.5);
  });

  it("divides by the temperature", () => {
    const hot = { temperature: 2, topP: 1 };
    const expected = softmax(five.logits.map((logit) => logit / 2));
    expect(chiSquare(counts(five, hot, 4000), expected)).toBeLessThan(18.5);
  });

  it("keeps the smallest nucleus with at least top-p, chosen before the temperature", () => {
    // Probabilities at temperature 1: 0.46, 0.28, 0.17, 0.06, 0.003; the first two have 0.74.
    const cool = { temperature: 0.5, topP: 0.7 };
    const expected = [...softmax([4, 3]), 0, 0, 0];
    expect(chiSquare(counts(five, cool, 4000), expected)).toBeLessThan(13.8);
  });

  it("keeps the k likeliest and those within min-p of the likeliest", () => {
    const expected = [...softmax([2, 1.5]), 0, 0, 0];
    expect(chiSquare(counts(five, { ...plain, topK: 2 }, 4000), expected)).toBeLessThan(13.8);
    expect(chiSquare(counts(five, { ...plain, minP: 0.5 }, 4000), expected)).toBeLessThan(13.8);
  });

  it("is greedy at temperature 0, with the lower token on a tie, whatever the order", () => {
    const tie: Logits = { tokens: [9, 3, 5], logits: [1, 1, 0] };
    expect(drawToken(tie, { temperature: 0, topP: 0.1 }, 1, 0).token).toBe(3);
  });

  it("depends on seed and step, not on the order in which the tokens come", () => {
    const reversed: Logits = { tokens: five.tokens.toReversed(), logits: five.logits.toReversed() };
    const of = (logits: Logits, step: number): number[] =>
      Array.from({ length: 50 }, (_, seed) => drawToken(logits, plain, seed, step).token);
    expect(of(reversed, 0)).toEqual(of(five, 0));
    expect(of(five, 1)).not.toEqual(of(five, 0));
    expect(new Set(of(five, 0)).size).toBeGreaterThan(1);
  });

  it("reports the log-probability without filters and temperature", () => {
    const cold = { temperature: 0.3, topP: 0.5, topK: 1 };
    const [first = 0] = softmax(five.logits);
    const draw = drawToken(five, cold, 4, 2);
    expect(draw.token).toBe(10);
    expect(draw.logProb).toBeCloseTo(Math.log(first));
  });

  it("takes every unsigned 32-bit seed", () => {
    for (const seed of [0, 1, 0x7fff_ffff, 0xffff_ffff]) {
      expect(five.tokens).toContain(drawToken(five, plain, seed, 0).token);
    }
  });
});

describe("windowFor", () => {
  it("widens with the temperature and never narrows below that of temperature 1", () => {
    expect(windowFor({ temperature: 2, topP: 1 })).toBeGreaterThan(windowFor(plain));
    expect(windowFor({ temperature: 0.1, topP: 1 })).toBe(windowFor(plain));
  });
});
