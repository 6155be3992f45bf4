/** The problems of a run: read and checked, kept apart from evaluation sets, and split into training and held-out. Pure. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { ProblemLine, readProblemLine } from "../evaluation/problem-line.ts";
import { fingerprint, isEvaluationProblem, type EvaluationProblems } from "./decontamination.ts";

/** A problem that may train or on which adapters are compared. */
export const TrainingProblem = z.strictObject({
  id: z.string().min(1),
  problem: z.string().min(1),
  answer: z.string().min(1),
  /** Made up, so that its answer may be wrong: dropped when fewer than half of its trajectories agree with it. */
  synthetic: z.boolean().optional(),
  /** Reports count by it, where it is known. */
  level: z.string().optional(),
});
export type TrainingProblem = z.infer<typeof TrainingProblem>;

const Line = ProblemLine.extend({ synthetic: z.boolean().optional() });

/** The problems, or every line that is wrong. */
export type ProblemsReading =
  | {
      readonly kind: "problems";
      readonly problems: readonly TrainingProblem[];
      /** Left out, because they belong to an evaluation set. */
      readonly evaluation: number;
      /** Left out, because an earlier line has the same text. */
      readonly repeated: number;
    }
  | { readonly kind: "bad"; readonly issues: readonly string[] };

/** Reads JSON lines of problems. Evaluation problems never get further than here. */
export function readTrainingProblems(jsonl: string, evaluation: EvaluationProblems): ProblemsReading {
  const issues: string[] = [];
  const problems: TrainingProblem[] = [];
  const ids = new Set<string>();
  const texts = new Set<string>();
  const left = { evaluation: 0, repeated: 0 };
  for (const [index, line] of jsonl
    .replace(/^\uFEFF/u, "")
    .split(/\r?\n/u)
    .entries()) {
    if (line.trim() === "") continue;
    const parsed = readLine(line);
    if (typeof parsed === "string") issues.push(`line ${index + 1}: ${parsed}`);
    else if (isEvaluationProblem({ id: parsed.id, text: parsed.problem }, evaluation)) left.evaluation++;
    else if (ids.has(parsed.id)) issues.push(`line ${index + 1}: the id "${parsed.id}" is taken already`);
    else if (texts.has(fingerprint(parsed.problem))) left.repeated++;
    else {
      ids.add(parsed.id);
      texts.add(fingerprint(parsed.problem));
      problems.push(parsed);
    }
  }
  return issues.length > 0 ? { kind: "bad", issues } : { kind: "problems", problems, ...left };
}

function readLine(line: string): TrainingProblem | string {
  const parsed = readProblemLine(line, Line);
  if (typeof parsed === "string") return parsed;
  const { id, problem, answer, synthetic, level } = parsed;
  return {
    ...{ id, problem, answer },
    ...(synthetic === undefined ? {} : { synthetic }),
    ...(level === undefined ? {} : { level }),
  };
}

/** Names a list of problems by content. Lower-case hex. */
export function problemsHash(problems: readonly TrainingProblem[]): string {
  const hash = createHash("sha256");
  for (const problem of problems) hash.update(`${JSON.stringify(problem)}\n`);
  return hash.digest("hex");
}

/** Of all runs: it orders the problems for holding out. */
const HELD_OUT_SEED = 1;

/** A split of the problems, in their own order. */
export interface Split {
  readonly train: readonly TrainingProblem[];
  readonly held: readonly TrainingProblem[];
}

/**
 * Holds a share of the problems out: those that come first by a hash of their texts. The run's own seed has no part in
 * it: under another one, most of them would have trained what is in use. Where the file grows
 * from run to run, nearly all that was held out still is (of 1,000 problems that become 1,500, about 98 of 100); the few
 * others have trained what is in use, which a newcomer then has to beat there too. Rounded up, so that any share holds
 * out one at least; of a single problem none.
 */
export function split(problems: readonly TrainingProblem[], share: number): Split {
  const wanted = Math.min(Math.ceil(problems.length * share), problems.length - 1);
  const order = problems
    .map((problem) => ({ problem, rank: hashOf(HELD_OUT_SEED, problem.problem) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const held = new Set(order.slice(0, Math.max(0, wanted)).map(({ problem }) => problem));
  return {
    train: problems.filter((problem) => !held.has(problem)),
    held: problems.filter((problem) => held.has(problem)),
  };
}

/** A hash that orders problems the same way on every machine. */
export function hashOf(seed: number, text: string): string {
  return createHash("sha256")
    .update(`${seed}|${fingerprint(text)}`)
    .digest("hex");
}
