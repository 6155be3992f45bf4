/** The problems of a run: every bad line named, evaluation problems left out, the held-out share the same everywhere. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BENCHMARKS } from "../../../server/evaluation/benchmarks.ts";
import { evaluationProblems, fingerprint } from "../../../server/evolution/decontamination.ts";
import known from "../../../server/evolution/evaluation-problems.json" with { type: "json" };
import { readTrainingProblems, split, type TrainingProblem } from "../../../server/evolution/problems.ts";
import { toyProblems } from "./worlds.ts";

const lines = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join("\n");

describe("reading problems", () => {
  it("takes what public sets write, and leaves out evaluation problems and repetitions", () => {
    const reading = readTrainingProblems(
      lines([
        { id: "a", problem: "What is 2 + 3?", answer: 5, level: 2, subject: "sums" },
        { id: "b", problem: "WHAT is $2 + 3$?", answer: "5" },
        { id: "gsm8k-test-7", problem: "Anything at all?", answer: "1" },
        { id: "c", problem: "Known to be evaluated?", answer: "1", synthetic: true },
      ]),
      { ...evaluationProblems(), texts: new Set([fingerprint("known to be evaluated")]) },
    );
    expect(reading).toEqual({
      kind: "problems",
      problems: [{ id: "a", problem: "What is 2 + 3?", answer: "5", level: "2" }],
      evaluation: 2,
      repeated: 1,
    });
  });

  it("names every line that is wrong", () => {
    const reading = readTrainingProblems(
      [
        '{"id": "a", "problem": "What is it?", "answer": "1"}',
        "not json",
        '{"id": "b", "problem": "Without an answer?"}',
        '{"id": "a", "problem": "The same name?", "answer": "2"}',
        '{"id": "c", "problem": "  ", "answer": "2"}',
      ].join("\n"),
      evaluationProblems(),
    );
    expect(reading.kind === "bad" && reading.issues.map((issue) => issue.slice(0, 7))).toEqual([
      "line 2:",
      "line 3:",
      "line 4:",
      "line 5:",
    ]);
  });
});

describe("the held-out share", () => {
  it("splits without loss, in order, the same each time, and keeps one to train on", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 0.95, noNaN: true }),
        (n, share) => {
          const problems = toyProblems(n);
          const { train, held } = split(problems, share);
          expect(held.length).toBe(Math.min(Math.ceil(n * share), n - 1));
          const order = (part: readonly TrainingProblem[]) =>
            part.map((problem) => problems.indexOf(problem));
          expect([...order(train), ...order(held)].sort((a, b) => a - b)).toEqual(
            problems.map((_, index) => index),
          );
          for (const part of [train, held])
            expect(order(part)).toEqual(order(part).toSorted((a, b) => a - b));
          // Whatever order the file has.
          const other = split(problems.toReversed(), share);
          expect(new Set(other.held)).toEqual(new Set(held));
        },
      ),
    );
  });
});

it("keeps every set out of training that can be evaluated on by name", () => {
  const sets = known.sets.map(({ id, fingerprints }) => ({ id, problems: fingerprints.length }));
  expect(sets.map(({ id }) => id)).toEqual(BENCHMARKS.map(({ local }) => local));
  // Less than all of them only where a set holds a problem twice.
  for (const [index, { problems }] of BENCHMARKS.entries())
    expect(sets[index]?.problems).toBeGreaterThan(0.97 * problems);
});
