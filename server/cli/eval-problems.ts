/** Which problems `rstar eval` is asked to evaluate on: a file of a person's own, or a public benchmark by name. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { codeOf } from "../errors.ts";
import { BENCHMARKS, loadBenchmark } from "../evaluation/benchmarks.ts";
import { readProblems, type EvaluationProblem } from "../evaluation/problems.ts";
import { dataHome } from "../models/home.ts";
import type { EvalOptions } from "./eval-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** The problems and the name that reports give them. @throws CommandFailure with every line that is wrong. */
export async function problemsFor(
  { problems, set, data }: Pick<EvalOptions, "problems" | "set" | "data">,
  signal: AbortSignal,
): Promise<{ readonly set: string; readonly all: readonly EvaluationProblem[] }> {
  if ((problems === undefined) === (set === undefined))
    throw new CommandFailure(
      EXIT.usage,
      "Name the problems, in one of two ways: --problems FILE.jsonl or --set NAME.",
    );
  if (problems !== undefined) return { set: path.basename(problems), all: await readProblemFile(problems) };
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

async function readProblemFile(file: string): Promise<readonly EvaluationProblem[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = codeOf(error) || String(error);
    throw new CommandFailure(
      EXIT.input,
      code === "ENOENT" ? `There is no file ${file}.` : `${file} could not be read (${code}).`,
    );
  }
  const reading = readProblems(text);
  if (reading.kind === "problems") return reading.problems;
  const shown = reading.issues.slice(0, 10);
  const more = reading.issues.length - shown.length;
  throw new CommandFailure(
    EXIT.input,
    `${file} cannot be used; nothing was run.\n${shown.map((issue) => `  ${issue}`).join("\n")}${more === 0 ? "" : `\n  and ${more} more`}`,
  );
}
