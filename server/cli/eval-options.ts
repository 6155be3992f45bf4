/** What `rstar eval` is asked for, turned into a plan. */
import type { ProblemOptions } from "../document/problems.ts";
import { budgetName, readBudget, readMethod, type Budget, type Method } from "../evaluation/methods.ts";
import type { EvaluationProblem } from "../evaluation/problems.ts";
import type { EvaluationPlan } from "../evaluation/run.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** The options as commander hands them over. */
export interface EvalOptions extends ProblemOptions {
  readonly problems?: string;
  readonly set?: string;
  readonly data?: string;
  readonly strategy: string;
  readonly budget: string;
  readonly limit?: number;
  readonly offset: number;
  readonly level?: readonly string[];
  readonly seed: number;
  readonly seeds: number;
  readonly model?: string;
  readonly ppm?: string;
  readonly concurrency: number;
  readonly shareDraws?: boolean;
  readonly out: string;
  readonly resume?: boolean;
  readonly reportOnly?: boolean;
}

/** The plan, without the name that its settings give it. @throws CommandFailure that says what is wrong. */
export function planOf(
  options: Pick<EvalOptions, "strategy" | "budget" | "seed" | "seeds" | "shareDraws">,
  problems: readonly EvaluationProblem[],
): Omit<EvaluationPlan, "name"> {
  const budgets = list(options.budget, "--budget").map(budgetOf);
  refuseTwice(budgets.map(budgetName), "--budget");
  const methods = list(options.strategy, "--strategy").map(methodOf);
  refuseTwice(
    methods.map(({ name }) => name),
    "--strategy",
  );
  // A multiple of greedy's tokens needs greedy's run on the same problems.
  const needsGreedy = budgets.some(({ kind }) => kind === "multiple") && !methods.some((one) => one.isGreedy);
  return {
    problems,
    budgets,
    methods: needsGreedy ? [methodOf("greedy"), ...methods] : methods,
    seeds: Array.from({ length: options.seeds }, (_, index) => options.seed + index),
    sharedDraws: options.shareDraws === true,
  };
}

/** The items of a list with commas. @throws CommandFailure when there is none. */
export function list(text: string, option: string): string[] {
  const items = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items.length === 0) throw new CommandFailure(EXIT.usage, `${option} names nothing.`);
  return items;
}

function budgetOf(text: string): Budget {
  const budget = readBudget(text);
  if (budget === null)
    throw new CommandFailure(
      EXIT.usage,
      `"${text}" is no budget. A budget is a number of tokens, such as 1600, or a multiple of what greedy takes, such as 8x.`,
    );
  return budget;
}

function methodOf(text: string): Method {
  const reading = readMethod(text);
  if (reading.kind === "bad") throw new CommandFailure(EXIT.usage, reading.message);
  return reading.method;
}

function refuseTwice(names: readonly string[], option: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new CommandFailure(EXIT.usage, `${option} names "${twice}" twice; once is enough.`);
}
