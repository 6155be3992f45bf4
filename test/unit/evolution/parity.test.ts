/** What lets an adapter pass and what does not. */
import { describe, expect, it } from "vitest";
import {
  comparePrompts,
  type DistributionReader,
  parityPrompts,
  type Reference,
} from "../../../server/evolution/parity.ts";

const forever = new AbortController().signal;
const prompts = [["a", "b"], ["c"]];

/** Two prompts, three positions, each with two likely tokens; the adapter moved them by half a nat. */
const reference: Reference = {
  prompts: [
    { tokens: [1, 2], positions: [position(-0.2, -1.8), position(-0.4, -1.2)] },
    { tokens: [3], positions: [position(-0.1, -2.4)] },
  ],
  ends: [9],
};

function position(first: number, second: number) {
  return { tokens: [5, 6], logProbs: [first, second], plain: [first - 0.5, second + 0.5] };
}

/** An engine that says what the reference says, moved by `shift` nats, after `change`. */
function engine(
  shift = 0,
  changes: { from?: "logProbs" | "plain"; tokens?: number[]; swap?: boolean; ends?: number } = {},
): DistributionReader {
  const { from = "logProbs", tokens, swap = false, ends = 9 } = changes;
  return {
    read: (prefixes) =>
      Promise.resolve(
        prefixes.map((prefix) => {
          const prompt = prefix[0] === "a" ? 0 : 1;
          const expected = reference.prompts[prompt];
          const at = expected?.positions[prefix.length - 1];
          const [first = 0, second = 0] = at?.[from] ?? [];
          const logProbs = new Map([
            [5, (swap ? second : first) + shift],
            [6, (swap ? first : second) + shift],
          ]);
          return { tokens: tokens ?? expected?.tokens ?? [], logProbs };
        }),
      ),
    isEndOfText: (token) => token === ends,
  };
}

describe("comparePrompts", () => {
  it("passes an engine that says the same, give or take", async () => {
    const { report, faults } = await comparePrompts(prompts, reference, engine(0.05), forever);
    expect(faults).toEqual([]);
    expect(report).toMatchObject({
      prompts: 2,
      sameTokens: true,
      sameFirst: 1,
      sameStops: true,
      passed: true,
    });
    expect(report.meanDifference).toBeCloseTo(0.05);
    expect(report.maxDifference).toBeCloseTo(0.05);
  });

  it.each([
    ["other tokens", engine(0, { tokens: [7] }), /other tokens/u],
    ["another end of text", engine(0, { ends: 8 }), /end at other tokens/u],
    ["an adapter that is not applied", engine(0, { from: "plain" }), /as if the adapter were not there/u],
    ["probabilities that are off", engine(-2), /differ by 2\.00 on average/u],
    ["another first token", engine(0, { swap: true }), /likeliest token is the same at 0%/u],
  ])("fails on %s", async (_, wrong, words) => {
    const { report, faults } = await comparePrompts(prompts, reference, wrong, forever);
    expect(report.passed).toBe(false);
    expect(faults.join()).toMatch(words);
  });
});

describe("parityPrompts", () => {
  it("end in the suffix of a PPM", () => {
    expect(parityPrompts("\nRight?").map((prompt) => prompt.at(-1))).toEqual(Array(4).fill("\nRight?"));
    expect(parityPrompts(null).flat().join("")).toContain("<|im_end|>");
  });
});
