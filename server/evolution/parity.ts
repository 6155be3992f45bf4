/** Whether the engine computes with an adapter what PyTorch computed when it was trained. */
import * as z from "zod";
import { mean } from "../evaluation/statistics.ts";
import type { ParityReport } from "../protocol/training.ts";
import { CONTINUATION_STOPS, MARK, writeAnswer, writeOutput, writeStep } from "../search/grammar.ts";
import { promptFor } from "../search/prompt.ts";
import type { Prefix } from "../services.ts";

/** The engine's distributions; `engine/logits.ts` is one. */
export interface DistributionReader {
  /** @throws the signal's reason when it is aborted. */
  read(
    prefixes: readonly Prefix[],
    signal: AbortSignal,
  ): Promise<
    readonly { readonly tokens: readonly number[]; readonly logProbs: ReadonlyMap<number, number> }[]
  >;
  isEndOfText(token: number): boolean;
}

/** What `rstar_trainer reference` answers. */
export const Reference = z.object({
  prompts: z.array(
    z.object({
      tokens: z.array(z.int()),
      /** One for each piece: the likeliest tokens after it, most likely first. */
      positions: z.array(
        z.object({
          tokens: z.array(z.int()),
          logProbs: z.array(z.number()),
          /** The same tokens' log-probabilities without the adapter. */
          plain: z.array(z.number()),
        }),
      ),
    }),
  ),
  /** Tokens with which the model says that a text is over. */
  ends: z.array(z.int()),
});
export type Reference = z.infer<typeof Reference>;

/** How many tokens are compared at each position. */
export const TOP_TOKENS = 8;

/**
 * The engine multiplies quantised weights with quantised activations, PyTorch the dequantised ones in float32. Measured:
 * 0.06 nats on average and 0.30 at most with Qwen2.5-Coder 0.5B (Q4_K_M) and a rank 16 adapter, 0.10 and 0.37 with
 * SmolLM2 135M (Q4_1), and the same first token everywhere.
 */
const TOLERANCE: ParityReport["tolerance"] = { mean: 0.2, max: 1, sameFirst: 0.8 };

/**
 * The fixed prompts: every mark of the grammar, LaTeX, numbers, indentation, letters beyond ASCII, and text that looks
 * like a special token and must not be read as one. For a PPM each ends in the suffix after which it is read.
 */
export function parityPrompts(suffix: string | null): Prefix[] {
  const end = suffix === null ? [] : [suffix];
  const step = (text: string, final = false): string => writeStep({ text, final });
  return [
    [
      ...promptFor(
        "Tom has 3 boxes with 12 pens each. He gives away 9 pens. How many pens are left?",
        "bare",
      ),
      step("# Step 1: Count the pens.\npens = 3 * 12"),
      step("# Step 2: Take away the 9 pens and print what is left.\nleft = pens - 9\nprint(left)", true),
      writeOutput("27"),
      writeAnswer("27"),
      ...end,
    ],
    [
      ...promptFor("If $\\frac{x}{2} + \\sqrt{16} = 10^{1}$, what is $x^2 - 3.75x$?", "bare"),
      step(
        "# Step 1: Write the equation.\nfrom sympy import symbols, Eq, sqrt\nx = symbols('x')\nif True:\n    e = Eq(x/2 + sqrt(16), 10)",
      ),
      ...end,
    ],
    [
      ...promptFor("Ünïcode: 日本語, ½ ÷ 3 ≤ π, 😀 and\ttabs.\n\n  1,234,567.89 units?", "bare"),
      step('# Step 1: <|im_end|> <|endoftext|> [INST] </s> are words.\ns = "a\\\\n" * 2'),
      ...end,
    ],
    [...CONTINUATION_STOPS.map((stop) => `x${stop}`), `${MARK.endOfStep}\n`, ...end],
  ];
}

/** A report, and in words what is wrong if anything is. */
export interface Parity {
  readonly report: ParityReport;
  readonly faults: readonly string[];
}

/** Reads the engine where the reference was read, and compares. @throws the signal's reason when it is aborted. */
export async function comparePrompts(
  prompts: readonly Prefix[],
  reference: Reference,
  engine: DistributionReader,
  signal: AbortSignal,
): Promise<Parity> {
  const differences: number[] = [];
  const toPlain: number[] = [];
  let sameTokens = true;
  let sameFirst = 0;
  let positions = 0;
  for (const [index, prompt] of prompts.entries()) {
    const expected = reference.prompts[index];
    if (expected === undefined) throw new Error("the reference has fewer prompts than were asked for");
    const readings = await engine.read(
      prompt.map((_, piece) => prompt.slice(0, piece + 1)),
      signal,
    );
    sameTokens &&= equal(readings.at(-1)?.tokens ?? [], expected.tokens);
    for (const [piece, { logProbs }] of readings.entries()) {
      const likely = expected.positions[piece];
      if (likely === undefined) throw new Error("the reference has fewer positions than were asked for");
      positions++;
      sameFirst += first(logProbs) === likely.tokens[0] ? 1 : 0;
      for (const [rank, token] of likely.tokens.entries()) {
        const theirs = likely.logProbs[rank] ?? -Infinity;
        const plain = likely.plain[rank] ?? -Infinity;
        // What nobody would draw may differ by much and mean nothing.
        if (theirs < NEGLIGIBLE) continue;
        const ours = logProbs.get(token) ?? NEGLIGIBLE - WORST;
        differences.push(Math.abs(ours - theirs));
        toPlain.push(Math.abs(ours - plain));
      }
    }
  }
  const measured = {
    prompts: prompts.length,
    sameTokens,
    maxDifference: Math.max(0, ...differences),
    meanDifference: mean(differences),
    sameFirst: sameFirst / Math.max(1, positions),
    sameStops: reference.ends.length > 0 && reference.ends.every((token) => engine.isEndOfText(token)),
    tolerance: TOLERANCE,
  };
  // An adapter that the engine ignores leaves it at the untouched base; one that changes next to nothing cannot tell.
  const ignored = mean(toPlain) < measured.meanDifference / 2;
  const faults = faultsOf(measured, ignored);
  return { report: { ...measured, passed: faults.length === 0 }, faults };
}

function faultsOf(report: Omit<ParityReport, "passed">, ignored: boolean): string[] {
  const { tolerance, meanDifference, maxDifference } = report;
  const faults: string[] = [];
  if (!report.sameTokens) faults.push("texts are cut into other tokens");
  if (!report.sameStops) faults.push("texts end at other tokens");
  if (ignored) faults.push("it computes as if the adapter were not there");
  if (maxDifference > tolerance.max || meanDifference > tolerance.mean)
    faults.push(
      `log-probabilities differ by ${meanDifference.toFixed(2)} on average and ${maxDifference.toFixed(2)} at most (allowed: ${tolerance.mean} and ${tolerance.max})`,
    );
  if (report.sameFirst < tolerance.sameFirst)
    faults.push(
      `the likeliest token is the same at ${Math.round(100 * report.sameFirst)}% of the positions (at least ${Math.round(100 * tolerance.sameFirst)}% are asked for)`,
    );
  return faults;
}

/** Tokens of less than 0.7% are not compared. */
const NEGLIGIBLE = -5;
/** What a token counts that the engine finds impossible, in nats. */
const WORST = 20;

function first(logProbs: ReadonlyMap<number, number>): number | undefined {
  let best: [number, number] | undefined;
  for (const entry of logProbs) if (best === undefined || entry[1] > best[1]) best = entry;
  return best?.[0];
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
