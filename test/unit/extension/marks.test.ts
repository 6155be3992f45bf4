/** The marks beside the text: which, where, and that each can be told from the others without colour. */
import { describe, expect, it } from "vitest";
import { Theme } from "../../../server/protocol/client.ts";
import type { ListedProblem, ProblemState } from "../../../server/protocol/problem-list.ts";
import { MARK_KINDS, markSvg, marksOf } from "../../../src/marks.ts";
import { listedProblem } from "./listed-problem.ts";

const range = (line: number) => ({ start: { line, character: 0 }, end: { line, character: 9 } });

function problem(state: ProblemState, steps: readonly { q: number; checks?: boolean }[] = []): ListedProblem {
  return listedProblem(1, {
    ...{ hash: "h", state, range: range(2), headingRange: range(2), solutionRange: range(5) },
    steps: steps.map(({ q, checks }, position) => ({
      ...{ position, range: range(6 + position), q, visits: 3, ppm: null, checks: checks ?? null },
    })),
  });
}

describe("marks", () => {
  it("stand at the heading, and at each step with Q as a dial of quarters", () => {
    const steps = [{ q: -1 }, { q: -0.4 }, { q: 0 }, { q: 0.6 }, { q: 1 }];
    expect(marksOf([problem("solved", steps)])).toEqual([
      { kind: "solved", line: 2, step: null },
      { kind: "step-0", line: 6, step: 0 },
      { kind: "step-1", line: 7, step: 1 },
      { kind: "step-2", line: 8, step: 2 },
      { kind: "step-3", line: 9, step: 3 },
      { kind: "step-4", line: 10, step: 4 },
    ]);
  });

  it("tell a solution whose answer is not the given one from a solved problem", () => {
    const differing = { ...problem("solved", [{ q: 1 }]), differs: true };
    expect(marksOf([differing]).map(({ kind }) => kind)).toEqual(["differs", "step-4"]);
    expect(marksOf([{ ...differing, state: "stale" }]).map(({ kind }) => kind)).toEqual(["stale"]);
  });

  it("show a step that no longer checks, whatever its Q", () => {
    expect(marksOf([problem("broken", [{ q: 1, checks: false }])]).map(({ kind }) => kind)).toEqual([
      "broken",
      "step-fails",
    ]);
  });

  it.each(["stale", "damaged", "searching"] as const)("give no scores to a problem that is %s", (state) => {
    expect(marksOf([problem(state, [{ q: 1 }])])).toEqual([{ kind: state, line: 2, step: null }]);
  });
});

describe("pictures", () => {
  it.each(Theme.options)("are all there in %s, each with a shape of its own", (theme) => {
    const shapes = MARK_KINDS.map((kind) => {
      const svg = markSvg(kind, theme);
      expect(svg).toMatch(/^<svg .*<\/svg>$/u);
      expect(svg).not.toMatch(/NaN|undefined/u);
      return svg.replace(/#[0-9a-f]{6}/gu, "");
    });
    expect(new Set(shapes).size).toBe(MARK_KINDS.length);
  });

  it.each([
    ["light", "#ffffff"],
    ["dark", "#1f1f1f"],
    ["high-contrast", "#000000"],
    ["high-contrast-light", "#ffffff"],
  ] as const)("can be seen on %s", (theme, background) => {
    const colours = new Set(MARK_KINDS.flatMap((kind) => markSvg(kind, theme).match(/#[0-9a-f]{6}/gu) ?? []));
    for (const colour of colours) expect(contrast(colour, background), colour).toBeGreaterThanOrEqual(4.5);
  });
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((one, other) => other - one);
  return (light + 0.05) / (dark + 0.05);
}
