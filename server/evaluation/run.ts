/** Runs an evaluation: every problem by every method under every seed and budget, several side by side, each recorded once. */
import { statementHash } from "../document/hash.ts";
import type { Trace } from "../protocol/trace.ts";
import { remembering, replaying, runningOnce } from "../search/replay.ts";
import type { SearchServices } from "../search/services.ts";
import { solve } from "../search/solve.ts";
import type { Grader } from "../services.ts";
import { sideBySide } from "../turns.ts";
import { greedyTokens } from "./cost.ts";
import type { Draws } from "./draws.ts";
import { budgetName, budgetTokens, type Budget, type Method } from "./methods.ts";
import type { EvaluationProblem } from "./problems.ts";
import {
  cellName,
  outcomeOf,
  RECORD_VERSION,
  type CellKey,
  type EvaluationRecord,
  type Grading,
  type SearchOutcome,
} from "./records.ts";

/** What is to be searched. */
export interface EvaluationPlan {
  readonly problems: readonly EvaluationProblem[];
  readonly methods: readonly Method[];
  readonly budgets: readonly Budget[];
  readonly seeds: readonly number[];
  /** Whether searches of a problem under one seed draw and score each thing once (`replay.ts`), one after another. */
  readonly sharedDraws: boolean;
  /** Begins the ids of the traces. */
  readonly name: string;
}

/** How it is searched. */
export interface EvaluationOptions {
  /** Searches side by side. */
  readonly concurrency: number;
  /** Index of this process's session. */
  readonly session: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called once a search is over, before the next one takes its place; it is on disk when the promise resolves. */
  readonly keep: (record: EvaluationRecord) => Promise<void>;
  /** Opens what the searches of that name share, where they share what they draw. */
  readonly openDraws: (name: string) => Promise<Draws>;
  /** Hears of every search that is over. */
  readonly onOutcome?: (outcome: SearchOutcome) => void;
}

/** How it ended. */
export type EvaluationEnd =
  | { readonly kind: "finished" }
  /** The signal was aborted. */
  | { readonly kind: "stopped" }
  /** Searches of one problem after another failed: the models or Python do not work. `reason` is the last one's. */
  | { readonly kind: "failing"; readonly reason: string };

/** One search to do. */
export interface Cell extends CellKey {
  readonly at: EvaluationProblem;
  readonly by: Method;
  readonly tokens: number;
}

/** Searches of a method in a row, as a multiple of those side by side: where a method ends, the next one runs beside it. */
const BATCHES_IN_A_BLOCK = 4;

/** Problems that fail one after another before going on would only fill the report: one by itself may be too long. */
const PROBLEMS_FAILED_IN_A_ROW = 10;

/** The seed under which methods without any chance are run: the first. */
function greedySeed(plan: EvaluationPlan): number {
  return plan.seeds[0] ?? 1;
}

/** The searches of greedy: one a problem, whatever the seeds and budgets. */
function greedyCells(plan: EvaluationPlan): Cell[] {
  const methods = plan.methods.filter((method) => method.isGreedy);
  return methods.flatMap((by) =>
    plan.problems.map((at) => ({
      ...{ method: by.name, budget: null, seed: greedySeed(plan), problem: at.id },
      ...{ at, by, tokens: by.config.budgetTokens },
    })),
  );
}

/**
 * All other searches: seed by seed and block of problems by block, so that an evaluation stopped early has compared all
 * methods on nearly the same problems. Within a block the searches of one method come together: side by side with those
 * of another, both would seem to take the same time, and the second would find prompts and scores of the first cached.
 * @param given Budgets that are settled already, in tokens.
 */
export function otherCells(
  plan: EvaluationPlan,
  greedyMean: number,
  block: number,
  given: ReadonlyMap<string, number> = new Map(),
): Cell[] {
  const methods = plan.methods.filter((method) => !method.isGreedy);
  const blocks = Array.from({ length: Math.ceil(plan.problems.length / block) }, (_, index) =>
    plan.problems.slice(index * block, (index + 1) * block),
  );
  return plan.seeds.flatMap((seed) =>
    blocks.flatMap((problems) =>
      plan.budgets.flatMap((budget) =>
        methods.flatMap((by) =>
          problems.map((at) => ({
            ...{ method: by.name, budget: budgetName(budget), seed, problem: at.id },
            ...{ at, by, tokens: given.get(budgetName(budget)) ?? budgetTokens(budget, greedyMean) },
          })),
        ),
      ),
    ),
  );
}

/** How many searches the plan has. */
export function cellCount(plan: EvaluationPlan): number {
  return greedyCells(plan).length + otherCells(plan, 1, 1).length;
}

/** Whether a search need not be done again. One that failed is tried again. */
export function isDone(outcome: SearchOutcome | undefined): boolean {
  return outcome !== undefined && outcome.stop !== "failed";
}

/**
 * Does every search of the plan that `done` does not hold, and adds what it finds to it. Greedy goes first: budgets may
 * be multiples of what it took.
 * @throws what `keep` and `openDraws` throw, once nothing is under way any more.
 */
export async function evaluate(
  plan: EvaluationPlan,
  done: Map<string, SearchOutcome>,
  services: SearchServices,
  options: EvaluationOptions,
  signal: AbortSignal,
): Promise<EvaluationEnd> {
  const greedy = greedyCells(plan);
  const first = await runCells(plan, greedy, done, services, options, signal);
  if (first.kind !== "finished") return first;
  // Of several greedy methods the first one listed counts.
  const tried = greedy
    .filter(({ method }) => method === greedy[0]?.method)
    .map((cell) => done.get(cellName(cell)));
  const unit = greedyTokens(tried);
  if (unit === null && tried.length > 0) return { kind: "failing", reason: tried.at(-1)?.failure ?? "" };
  const block = BATCHES_IN_A_BLOCK * options.concurrency;
  const others = otherCells(plan, unit ?? 0, block, budgetsOf(done));
  return runCells(plan, others, done, services, options, signal);
}

/** Tokens by budget, as searches had them before: greedy's mean may change when one of it that failed is tried again. */
function budgetsOf(done: ReadonlyMap<string, SearchOutcome>): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  for (const { budget, budgetTokens: tokens } of done.values())
    if (budget !== null && !given.has(budget)) given.set(budget, tokens);
  return given;
}

async function runCells(
  plan: EvaluationPlan,
  cells: readonly Cell[],
  done: Map<string, SearchOutcome>,
  services: SearchServices,
  options: EvaluationOptions,
  signal: AbortSignal,
): Promise<EvaluationEnd> {
  const open = groupsOf(
    cells.filter((cell) => !isDone(done.get(cellName(cell)))),
    plan.sharedDraws,
  );
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  /** What failed since the last search that did not, by problem: where draws are shared its searches come in a row. */
  const failures = new Map<string, string>();
  /** Whether all of a group was searched. */
  const searchGroup = async (group: Group, own: SearchServices): Promise<boolean> => {
    for (const cell of group.cells) {
      const record = await searchCell(plan, cell, own, options, either);
      if (record === null) return false;
      await options.keep(record);
      const outcome = outcomeOf(record);
      done.set(cellName(cell), outcome);
      options.onOutcome?.(outcome);
      if (outcome.failure === null) failures.clear();
      else failures.set(cell.problem, outcome.failure);
      if (failures.size >= PROBLEMS_FAILED_IN_A_ROW) stop.abort();
    }
    return true;
  };
  const searchSharing = async (group: Group): Promise<void> => {
    if (group.shares === null) {
      await searchGroup(group, services);
      return;
    }
    const draws = await options.openDraws(group.shares);
    let isWhole = false;
    try {
      isWhole = await searchGroup(group, sharing(services, draws));
    } finally {
      await draws.close(isWhole);
    }
  };
  await sideBySide(open, options.concurrency, either, (group) =>
    searchSharing(group).catch((error: unknown) => {
      // A full disk, or a bug in one, must not leave the others searching.
      stop.abort();
      throw error;
    }),
  );
  if (signal.aborted) return { kind: "stopped" };
  if (stop.signal.aborted) return { kind: "failing", reason: [...failures.values()].at(-1) ?? "" };
  return { kind: "finished" };
}

/** What is done in a row: a search, or all of a problem's under one seed where they share what they draw. */
interface Group {
  readonly cells: readonly Cell[];
  /** The name of what they share; null where nothing is shared. */
  readonly shares: string | null;
}

function groupsOf(cells: readonly Cell[], sharedDraws: boolean): readonly Group[] {
  if (!sharedDraws) return cells.map((cell) => ({ cells: [cell], shares: null }));
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.seed, cell.problem]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [cell]);
    else group.push(cell);
  }
  return [...groups].map(([shares, group]) => ({ cells: group, shares }));
}

/** The same models, asked for nothing twice. */
function sharing(services: SearchServices, { candidates, scores, runs }: Draws): SearchServices {
  return {
    ...services,
    policy: replaying(services.policy, candidates),
    sandbox: runningOnce(services.sandbox, runs),
    ppm: services.ppm === null ? null : remembering(services.ppm, scores),
  };
}

/** One search, graded; null when it was cut short by the signal: it will be done again. */
async function searchCell(
  plan: EvaluationPlan,
  cell: Cell,
  services: SearchServices,
  options: EvaluationOptions,
  signal: AbortSignal,
): Promise<EvaluationRecord | null> {
  const { at, by, tokens, method, budget, seed, problem } = cell;
  const begun = options.now();
  try {
    const trace = await solve(
      // The statement's hash is the id, as in `rstar solve`: the same problem is searched the same way everywhere, and
      // methods of the same sampling settings draw the same first candidates.
      { id: statementHash(at.text), text: at.text, reference: at.answer },
      { ...by.config, budgetTokens: tokens, seed },
      by.ppm === "none" ? { ...services, ppm: null } : services,
      {
        id: [plan.name, method, ...(budget === null ? [] : [budget]), seed, problem].join("/"),
        createdAt: new Date(begun).toISOString(),
        source: at.id,
      },
      signal,
    );
    if (trace.stop === "cancelled") return null;
    const grading = await grade(trace, at.answer, services.grader, signal);
    return {
      version: RECORD_VERSION,
      ...{ method, budget, seed, problem, session: options.session, begun, grading, trace },
    };
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/**
 * Grades the chosen answer and every other one against the reference, strictly and leniently.
 * @throws ServiceUnavailable when there is no Python to grade with.
 */
export async function grade(
  trace: Trace,
  reference: string,
  grader: Grader,
  signal: AbortSignal,
): Promise<Grading> {
  const chosen = trace.chosen === null ? null : (trace.nodes[trace.chosen]?.answer ?? null);
  const compare = async (
    answer: string,
    mode: "strict" | "lenient",
  ): Promise<"equal" | "different" | "undecided"> =>
    (await grader.equivalent(reference, answer, mode, signal)).kind;
  const strict = chosen === null ? "no-answer" : await compare(chosen, "strict");
  const lenient = chosen === null ? "no-answer" : await compare(chosen, "lenient");
  const answers = new Set(
    trace.nodes.flatMap((node) => (node.kind === "answer" && node.answer !== null ? [node.answer] : [])),
  );
  let anyStrict = strict === "equal";
  let anyLenient = lenient === "equal" || anyStrict;
  for (const answer of answers) {
    if (!anyStrict) anyStrict = (await compare(answer, "strict")) === "equal";
    if (!anyLenient) anyLenient = (await compare(answer, "lenient")) === "equal";
  }
  return { strict, lenient, anyStrict, anyLenient };
}
