import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  measurePpm,
  prefixesToScore,
  sidesOf,
  withoutPpm,
  type MeasuredProblem,
  type MeasuredTrajectory,
} from "../../../server/evolution/ppm-measures.ts";
import { ppmReport, ppmReportText, problemsOf, scoreAll } from "../../../server/evolution/ppm-report.ts";
import { SELECTION } from "../../../server/evolution/profiles.ts";
import { prefixKey } from "../../../server/search/replay.ts";
import { tablePpm } from "../../support/fakes.ts";
import { search, worlds } from "./searches.ts";

const never = new AbortController().signal;

function trajectory(name: string, group: string, isRight: boolean, count = 1): MeasuredTrajectory {
  return { prefix: ["problem", name], group, isRight, count };
}

/** Majority says 7, twice; the right answer 42 was drawn once. */
const PROBLEM: MeasuredProblem = {
  id: "p-1",
  trajectories: [trajectory("a", "7", false, 2), trajectory("b", "42", true), trajectory("c", "8", false)],
  pairs: [],
};

function scores(table: Record<string, number>): Map<string, number> {
  return new Map(Object.entries(table).map(([name, score]) => [prefixKey(["problem", name]), score]));
}

describe("measuring a PPM", () => {
  it("says what no PPM reaches: majority, chance and pass@N", () => {
    const none = withoutPpm([PROBLEM]);
    expect(none.majority.mean).toBe(0);
    expect(none.single.mean).toBe(0.25);
    expect(none.any.mean).toBe(1);
    expect(none.trajectories).toBe(4);
  });

  it("takes the favourite for best of N, and lets trajectories vote by score and count", () => {
    const favourite = measurePpm([PROBLEM], scores({ a: 0, b: 0.2, c: -1 }));
    expect(favourite.bestOfN.mean).toBe(1);
    // 2 × 0.5 for 7 against 0.6 for 42.
    expect(favourite.weightedVote.mean).toBe(0);
    expect(measurePpm([PROBLEM], scores({ a: -0.8, b: 0.2, c: -1 })).weightedVote.mean).toBe(1);
  });

  it("leaves a trajectory without a score out, and a problem without any", () => {
    const measured = measurePpm([PROBLEM], scores({ c: 1 }));
    expect(measured.bestOfN).toMatchObject({ problems: 1, mean: 0 });
    expect(measurePpm([PROBLEM], new Map()).bestOfN.problems).toBe(0);
  });

  it("finds scores reliable that are right as often as they say", () => {
    // Score 0.5 means a probability of 0.75: three of four are right.
    const quarters = ["a", "b", "c", "d"].map((name, index) => trajectory(name, name, index > 0));
    const measured = measurePpm(
      [{ ...PROBLEM, trajectories: quarters }],
      scores({ a: 0.5, b: 0.5, c: 0.5, d: 0.5 }),
    );
    expect(measured.calibrationError).toBeCloseTo(0);
    expect(measured.auc).toBe(0.5);
    const filled = measured.reliability.filter(({ trajectories }) => trajectories > 0);
    expect(filled).toEqual([{ low: 0.7, high: 0.8, trajectories: 4, meanScore: 0.75, right: 0.75 }]);
    // The ends of the scale have a bin too.
    expect(measurePpm([PROBLEM], scores({ a: 1, b: -1 })).reliability.at(-1)?.trajectories).toBe(2);
  });

  it("orders every pair of real searches when it knows the outcome, none when it is turned round, half when it is mute", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const traces = await Promise.all(
          [1, 2, 3].map((n) =>
            search(world, { id: `p-${n}`, text: `Problem ${n}: what is 0?`, reference: "0" }, n),
          ),
        );
        const problems = problemsOf(traces, SELECTION);
        const better = new Set(
          problems.flatMap(({ pairs }) => pairs.map((pair) => prefixKey(sidesOf(pair)[0]))),
        );
        const knowing = new Map(
          prefixesToScore(problems).map((prefix) => [
            prefixKey(prefix),
            better.has(prefixKey(prefix)) ? 0.9 : -0.9,
          ]),
        );
        const turned = new Map([...knowing].map(([key, score]) => [key, -score]));
        const mute = new Map([...knowing.keys()].map((key) => [key, 0]));
        const report = ppmReport(problems, new Map(Object.entries({ knowing, turned, mute })));
        for (const level of ["step", "answer"] as const) {
          if (report.pairs[level] === 0) continue;
          expect(report.rows.map(({ pairs }) => pairs[level].mean)).toEqual([1, 0, 0.5]);
        }
        expect(ppmReportText(report)).toContain("| best of N by knowing |");
      }),
      { numRuns: 30 },
    );
  });

  it("takes the same pairs whatever the PPM that searched had said of them", async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const trace = await search(
          { ...world, withPpm: true },
          { id: "p-1", text: "Problem 1: what is 0?", reference: "0" },
          1,
        );
        const pairsBy = (scoreOf: (ppm: number | null) => number | null): unknown => {
          const nodes = trace.nodes.map((node) => ({ ...node, ppm: scoreOf(node.ppm) }));
          return problemsOf([{ ...trace, nodes }], SELECTION);
        };
        const none = pairsBy(() => null);
        expect(pairsBy((ppm) => ppm)).toEqual(none);
        expect(pairsBy((ppm) => (ppm === null ? null : -ppm))).toEqual(none);
        seen += problemsOf([trace], SELECTION)[0]?.pairs.length ?? 0;
      }),
      { numRuns: 30 },
    );
    expect(seen).toBeGreaterThan(10);
  });

  it("asks the PPM for every prefix once", async () => {
    const asked: string[] = [];
    const ppm = tablePpm((prefix) => {
      asked.push(prefix);
      return 0.25;
    });
    const scored = await scoreAll([PROBLEM, PROBLEM], ppm, never, () => undefined);
    expect(asked).toHaveLength(3);
    expect([...scored.values()]).toEqual([0.25, 0.25, 0.25]);
  });
});
