/**
 * The pictures of the marks beside problems and steps. Every meaning has a shape of its own; colour only repeats it.
 * A step's mark is a dial: the share of the disc that is filled is (Q + 1) / 2, in quarters.
 */
import type { Theme } from "../server/protocol/client.ts";
import type { ListedProblem, ProblemState, StepMark } from "../server/protocol/problem-list.ts";

/** What the mark of a problem says: its state, and of a solution that its answer is not the given one. */
export type ProblemMark = ProblemState | "differs";

/** What a mark says. */
export type MarkKind = ProblemMark | `step-${0 | 1 | 2 | 3 | 4}` | "step-fails";

/** All kinds, so that each gets its decoration. */
export const MARK_KINDS: readonly MarkKind[] = [
  "unsolved",
  "queued",
  "searching",
  "solved",
  "differs",
  "kept",
  "stale",
  "damaged",
  "broken",
  "step-0",
  "step-1",
  "step-2",
  "step-3",
  "step-4",
  "step-fails",
];

/** A mark and the line (0-based) it stands at. */
export interface Mark {
  readonly kind: MarkKind;
  readonly line: number;
  /** Index of the step within the problem; null for the problem's own mark. */
  readonly step: number | null;
}

/** The marks of a file. Steps of a stale or damaged solution get none: their scores are not of this problem. */
export function marksOf(problems: readonly ListedProblem[]): Mark[] {
  return problems.flatMap((problem): Mark[] => [
    { kind: problemMark(problem), line: problem.headingRange.start.line, step: null },
    ...(problem.state === "solved" || problem.state === "broken"
      ? problem.steps.map((step): Mark => ({
          kind: kindOf(step),
          line: step.range.start.line,
          step: step.position,
        }))
      : []),
  ]);
}

/** The problem's own mark. */
export function problemMark({ state, differs }: ListedProblem): ProblemMark {
  return state === "solved" && differs ? "differs" : state;
}

function kindOf({ q, checks }: StepMark): MarkKind {
  if (checks === false) return "step-fails";
  const quarters = Math.round((4 * (Math.min(1, Math.max(-1, q)) + 1)) / 2);
  return `step-${quarters as 0 | 1 | 2 | 3 | 4}`;
}

interface Colours {
  readonly plain: string;
  /** Of what was found; not green, which would promise more than was checked. */
  readonly value: string;
  readonly bad: string;
  readonly care: string;
}

/** Contrast with the usual gutter backgrounds is at least 4.5 : 1. */
const COLOURS: Record<Theme, Colours> = {
  light: { plain: "#5f5f5f", value: "#005fb8", bad: "#c4314b", care: "#8a5a00" },
  dark: { plain: "#b0b0b0", value: "#4daafc", bad: "#ff8080", care: "#e3b341" },
  "high-contrast": { plain: "#ffffff", value: "#6fc3ff", bad: "#ff9492", care: "#ffd33d" },
  "high-contrast-light": { plain: "#000000", value: "#0f4a85", bad: "#a0111f", care: "#6b4700" },
};

/** The mark as an SVG document of 16 by 16. */
export function markSvg(kind: MarkKind, theme: Theme): string {
  const colours = COLOURS[theme];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">${shape(kind, colours)}</svg>`;
}

function shape(kind: MarkKind, { plain, value, bad, care }: Colours): string {
  const ring = (colour: string, radius = 4.5): string =>
    `<circle cx="8" cy="8" r="${radius}" stroke="${colour}"/>`;
  const lines = (colour: string, path: string): string => `<path d="${path}" stroke="${colour}"/>`;
  switch (kind) {
    case "unsolved":
      return ring(plain);
    case "queued":
      return ring(plain) + lines(plain, "M8 5.5V8l1.8 1.2");
    case "searching":
      return `<circle cx="8" cy="8" r="4.5" stroke="${plain}" stroke-dasharray="3 2.4"/>`;
    case "solved":
      return `<circle cx="8" cy="8" r="5" fill="${value}"/>`;
    case "differs":
      return ring(care, 5.5) + lines(care, "M5.5 6.7h5M5.5 9.3h5M9.6 4.8l-3.2 6.4");
    case "kept":
      return lines(value, "M3.5 5h9v2h-9zM4.5 7v5h7V7M7 9h2");
    case "stale":
      return lines(care, "M4 8a4 4 0 1 1 1.2 2.9M4 8l-1.4-1.6M4 8l1.8-1.2");
    case "damaged":
      return lines(care, "M8 3l5.2 9.5H2.8zM8 6.8v2.6M8 11.2v.01");
    case "broken":
      return ring(bad, 5) + lines(bad, "M6 6l4 4M10 6l-4 4");
    case "step-fails":
      return lines(bad, "M5 5l6 6M11 5l-6 6");
    case "step-0":
    case "step-1":
    case "step-2":
    case "step-3":
    case "step-4":
      return ring(plain, 3.5) + dial(Number(kind.slice(-1)), value);
    default:
      return kind satisfies never;
  }
}

/** The filled part of a disc of radius 3.5: so many quarters, clockwise from the top. */
function dial(quarters: number, colour: string): string {
  if (quarters === 0) return "";
  if (quarters === 4) return `<circle cx="8" cy="8" r="2.9" fill="${colour}"/>`;
  const angle = (quarters * Math.PI) / 2;
  const x = (8 + 2.9 * Math.sin(angle)).toFixed(2);
  const y = (8 - 2.9 * Math.cos(angle)).toFixed(2);
  return `<path d="M8 8V5.1A2.9 2.9 0 ${quarters > 2 ? 1 : 0} 1 ${x} ${y}z" fill="${colour}"/>`;
}
