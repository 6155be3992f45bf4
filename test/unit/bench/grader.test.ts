/** Reasons for disagreements between graders: each is given only where what it says is so. */
import { describe, expect, it } from "vitest";
import type { Verdict } from "../../../server/services.ts";
import { classify, REASONS, type Judge, type Judgement } from "../../bench/grader/classify.ts";
import { draw, withReferences } from "../../bench/grader/pairs.ts";
import { graderReport } from "../../bench/grader/report.ts";

type Kind = Verdict["kind"];

function reasonOf(
  reference: string,
  answer: string,
  [strict, lenient]: readonly [Kind, Kind],
  judge: Judge,
  said: Judgement,
): string {
  const own = { strict: { kind: strict, how: "" }, lenient: { kind: lenient, how: "" } };
  const { kind, reason } = classify({ problem: "p", reference, answer }, own, judge, said);
  return kind === "agree" ? "agree" : reason;
}

const E: readonly [Kind, Kind] = ["equal", "equal"];
const D: readonly [Kind, Kind] = ["different", "different"];

describe("a disagreement between graders", () => {
  it.each<[string, string, string, readonly [Kind, Kind], Judge, Judgement]>([
    ["agree", "4", "4", E, "mathVerify", { equal: true, read: ["4"], gold: ["4"] }],
    ["agree", "4", "5", D, "minerva", { equal: false, read: "5" }],
    [
      "strict by design",
      "10",
      "10 apples",
      ["different", "equal"],
      "mathVerify",
      { equal: true, read: ["10"] },
    ],
    ["lenient by design", "1/3", "0.33", ["different", "equal"], "minerva", { equal: false, read: "0.33" }],
    ["compares texts", "18", "18.0", E, "gsm8kStrict", { equal: false, read: "18.0" }],
    ["finds no number", "18", "$18", E, "gsm8kStrict", { equal: false, read: "[invalid]" }],
    ["reads a part", "4.5", "9/2", E, "gsm8kStrict", { equal: false, read: "9" }],
    ["reads a part", "10", "10/3", D, "gsm8kStrict", { equal: true, read: "10" }],
    ["reads LaTeX only", "2\\sqrt{3}", "2*sqrt(3)", E, "minerva", { equal: false, read: "2*sqrt{(}3)" }],
    ["reads LaTeX only", "1,2", "[1, 2]", E, "mathVerify", { equal: false, read: ["Interval(1, 2)"] }],
    ["reads nothing", "x", "y", E, "mathVerify", { equal: false, error: "TypeError: no" }],
    ["reads nothing", "\\text{Ann}", "Ann", E, "minerva", { equal: false, read: "Ann" }],
    ["removes words", "7", "7cm", E, "minerva", { equal: false, read: "7" }],
    [
      "rounds to six decimals",
      "0.5",
      "0.50000001",
      D,
      "mathVerify",
      { equal: true, read: ["0.5"], gold: ["0.5"] },
    ],
    [
      "unexplained",
      "x",
      "f",
      ["undecided", "undecided"],
      "mathVerify",
      { equal: true, read: ["f"], gold: ["x"] },
    ],
    [
      "goes on after the value",
      "7",
      "7. To verify this, we count.",
      ["undecided", "undecided"],
      "gsm8kStrict",
      { equal: true, read: "7" },
    ],
    ["reads a part", "1", "17. Let's solve it.", D, "minerva", { equal: true, read: "17.Let'ssolveit" }],
    ["unexplained", "4", "5", D, "mathVerify", { equal: true, read: ["5"], gold: ["4"] }],
    ["unexplained", "4", "4", E, "mathVerify", { equal: false, read: ["4"], gold: ["4"] }],
  ])("%s: %s and %s", (reason, reference, answer, own, judge, said) => {
    expect(reasonOf(reference, answer, own, judge, said)).toBe(reason);
    if (!["agree", "unexplained"].includes(reason)) expect(Object.keys(REASONS)).toContain(reason);
  });
});

describe("drawing answers", () => {
  it("takes each at most once, the same ones for the same seed", () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const drawn = draw(items, 20, 3);
    expect(new Set(drawn).size).toBe(20);
    expect(draw(items, 20, 3)).toEqual(drawn);
    expect(draw(items, 20, 4)).not.toEqual(drawn);
    expect(draw(items, 99, 3).sort((a, b) => a - b)).toEqual(items);
  });
});

describe("published answers", () => {
  const references = new Map([
    ["p1", "4"],
    ["p2", "9"],
  ]);

  it("find the references of their problems, each answer once", () => {
    const answers = [
      { problem: "p2", answer: "9.0" },
      { problem: "p1", answer: "5" },
      { problem: "p2", answer: "9.0" },
    ];
    expect(withReferences(answers, references)).toEqual([
      { problem: "p1", reference: "4", answer: "5" },
      { problem: "p2", reference: "9", answer: "9.0" },
    ]);
    expect(() => withReferences([{ problem: "p3", answer: "1" }], references)).toThrow("--set");
  });
});

describe("the page of disagreements", () => {
  it("counts who is right, by grader", () => {
    const row = {
      pair: { problem: "p2", reference: "9", answer: "9.0" },
      judge: "gsm8kStrict",
      ours: { strict: { kind: "equal", how: "number" }, lenient: { kind: "equal", how: "number" } },
      said: { equal: false, read: "9.0" },
      about: "",
    } as const;
    const page = graderReport(
      [
        { ...row, kind: "agree", reason: "", right: null },
        { ...row, kind: "disagree", reason: "compares texts", right: "ours" },
        { ...row, kind: "disagree", reason: "unexplained", right: null },
      ],
      { answers: 3, of: 3, source: "", seed: "1", versions: {}, command: ["npm"] },
    );
    expect(page).toContain("| lm-eval gsm8k, strict-match | 3 | 0 | 1 | 1 | 0 | 0 | 1 |");
    expect(page).toContain(
      "| p2 | `9` | `9.0` | lm-eval gsm8k, strict-match | different | equal | equal (number) | ? | unexplained |",
    );
  });
});
