/** Problems to evaluate on: one JSON object a line, checked so that no line is ever skipped in silence. */
import { createHash } from "node:crypto";
import { ProblemLine, readProblemLine } from "./problem-line.ts";

/** A problem with its reference answer. */
export interface EvaluationProblem {
  readonly id: string;
  readonly text: string;
  readonly answer: string;
  /** How hard it is said to be, where the set says so; reports are split by it. */
  readonly level: string | null;
}

/** The problems in the file's order, or every line that is wrong with its 1-based number and what to do. */
export type ProblemReading =
  | { readonly kind: "problems"; readonly problems: readonly EvaluationProblem[] }
  | { readonly kind: "bad"; readonly issues: readonly string[] };

/** Reads a file of problems. Blank lines are wrong except at the end: they are what a bad merge leaves behind. */
export function readProblems(jsonl: string): ProblemReading {
  const lines = jsonl.replace(/^\uFEFF/u, "").split(/\r?\n/u);
  while (lines.at(-1)?.trim() === "") lines.pop();
  const issues: string[] = [];
  const problems: EvaluationProblem[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    const parsed = readLine(line);
    if (typeof parsed === "string") {
      issues.push(`line ${number}: ${parsed}`);
      continue;
    }
    const earlier = lineOf.get(parsed.id);
    if (earlier === undefined) lineOf.set(parsed.id, number);
    else
      issues.push(
        `line ${number}: the id "${parsed.id}" is taken by line ${earlier}; every problem needs its own`,
      );
    problems.push(parsed);
  }
  if (lines.length === 0)
    issues.push('there is no problem in it; a line looks like {"id": …, "problem": …, "answer": …}');
  if (issues.length > 0) return { kind: "bad", issues };
  return { kind: "problems", problems };
}

function readLine(line: string): EvaluationProblem | string {
  if (line.trim() === "") return "it is blank; remove it";
  const parsed = readProblemLine(line, ProblemLine);
  if (typeof parsed === "string") return parsed;
  const { id, problem, answer, level } = parsed;
  return { id, text: problem, answer, level: level ?? null };
}

/** Names a list of problems by content: ids, statements, answers and levels, in order. Lower-case hex. */
export function problemsHash(problems: readonly EvaluationProblem[]): string {
  const hash = createHash("sha256");
  for (const { id, text: statement, answer, level } of problems)
    hash.update(`${JSON.stringify([id, statement, answer, level])}\n`);
  return hash.digest("hex");
}

/** Those whose level is one of `levels`, or all levels that there are when that leaves none. */
export type LevelChoice =
  | { readonly kind: "problems"; readonly problems: readonly EvaluationProblem[] }
  | { readonly kind: "none"; readonly levels: readonly string[] };

/** Keeps the problems of these levels. */
export function ofLevels(problems: readonly EvaluationProblem[], levels: readonly string[]): LevelChoice {
  const kept = problems.filter(({ level }) => level !== null && levels.includes(level));
  if (kept.length > 0) return { kind: "problems", problems: kept };
  const known = new Set(problems.flatMap(({ level }) => level ?? []));
  return { kind: "none", levels: [...known].sort() };
}

/** The problems from `offset` on, at most `limit`; null when nothing is left. */
export function slice(
  problems: readonly EvaluationProblem[],
  offset: number,
  limit: number | null,
): readonly EvaluationProblem[] | null {
  const kept = problems.slice(offset, limit === null ? undefined : offset + limit);
  return kept.length === 0 ? null : kept;
}
