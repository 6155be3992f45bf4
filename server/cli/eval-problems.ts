/** Which problems `rstar eval` is asked to evaluate on: a file of a person's own, or a public benchmark by name. */
import path from "node:path";
import type { ProblemOptions } from "../document/problems.ts";
import { BENCHMARKS, loadBenchmark } from "../evaluation/benchmarks.ts";
import { readProblems, type EvaluationProblem } from "../evaluation/problems.ts";
import { dataHome } from "../models/home.ts";
import type { EvalOptions } from "./eval-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { problemLines } from "./problem-file.ts";

/** The problems and the name that reports give them. @throws CommandFailure with every line that is wrong. */
export async function problemsFor(
  { problems, set, data, ...words }: Pick<EvalOptions, "problems" | "set" | "data" | keyof ProblemOptions>,
  signal: AbortSignal,
): Promise<{ readonly set: string; readonly all: readonly EvaluationProblem[] }> {
  if ((problems === undefined) === (set === undefined))
    throw new CommandFailure(
      EXIT.usage,
      "Name the problems, in one of two ways: --problems FILE or --set NAME.",
    );
  if (problems !== undefined)
    return { set: path.basename(problems), all: await readProblemFile(problems, words) };
  const benchmark = BENCHMARKS.find(({ name }) => name === set);
  if (benchmark === undefined) throw new Error(`the option let an unknown set through: ${String(set)}`);
  const places = { data: data ?? null, cache: path.join(dataHome(), "benchmarks"), fetch: fetchBytes };
  const reading = await loadBenchmark(benchmark, places, signal);
  if (reading.kind === "failed") throw new CommandFailure(EXIT.input, reading.message);
  return { set: benchmark.name, all: reading.problems };
}

async function fetchBytes(
  url: string,
  signal: AbortSignal,
): Promise<{ ok: boolean; status: number; body(): Promise<Buffer> }> {
  const response = await fetch(url, { signal });
  return {
    ok: response.ok,
    status: response.status,
    body: async () => Buffer.from(await response.arrayBuffer()),
  };
}

async function readProblemFile(file: string, words: ProblemOptions): Promise<readonly EvaluationProblem[]> {
  const reading = readProblems(await problemLines(file, words));
  if (reading.kind === "problems") return reading.problems;
  const shown = reading.issues.slice(0, 10);
  const more = reading.issues.length - shown.length;
  throw new CommandFailure(
    EXIT.input,
    `${file} cannot be used; nothing was run.\n${shown.map((issue) => `  ${issue}`).join("\n")}${more === 0 ? "" : `\n  and ${more} more`}`,
  );
}
