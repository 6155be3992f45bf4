/** Makes the report of an evaluation from its records: rows, intervals, comparisons, and what was measured. */
import { frontier, greedyTokens, sharedSeconds } from "./cost.ts";
import { budgetTokens, readBudget } from "./methods.ts";
import { cellName, type Grading, type SearchOutcome } from "./records.ts";
import {
  REPORT_VERSION,
  type Accuracy,
  type Comparison,
  type EvaluationReport,
  ReportRow,
} from "./report-schema.ts";
import type { EvaluationSettings, RunFile } from "./settings.ts";
import {
  BOOTSTRAP_SEED,
  bootstrapMean,
  holm,
  mcNemarExact,
  mean,
  nearestRank,
  pairedCounts,
  signFlipExact,
} from "./statistics.ts";

/** Whether a search counts as solved. */
type Solved = (grading: Grading) => boolean;
const STRICT: Solved = ({ strict }) => strict === "equal";
const LENIENT: Solved = ({ lenient }) => lenient === "equal";

/** The searches of a row: for every seed one per problem, in the problems' order; undefined where still to do. */
interface RowData {
  readonly name: string;
  readonly method: EvaluationSettings["methods"][number];
  readonly budget: string | null;
  readonly seeds: readonly number[];
  readonly table: readonly (readonly (SearchOutcome | undefined)[])[];
}

/** The report of what is there. */
export function makeReport(run: RunFile, outcomes: ReadonlyMap<string, SearchOutcome>): EvaluationReport {
  const { settings } = run;
  const rows = rowsOf(settings, outcomes);
  const greedy = rows.find(({ method }) => method.config.strategy === "greedy");
  const unit = greedy === undefined ? null : greedyTokens(searchesOf(greedy));
  const reported = rows.map((row) => reportRow(row, settings, unit));
  const complete = reported.every(({ missing }) => missing === 0);
  const measured = measuredRows(rows, settings);
  // While searches are missing, rows stand on different problems: none of them beats another by that.
  const best = (costs: readonly number[]): readonly boolean[] =>
    complete
      ? frontier(
          costs,
          reported.map(({ strict }) => strict.mean),
        )
      : [];
  const onFrontier = best(reported.map(({ generatedFlops }) => generatedFlops));
  const inTime = best(measured.rows.map(({ seconds }) => seconds));
  return {
    version: REPORT_VERSION,
    settingsSha256: run.settingsSha256,
    complete,
    settings,
    greedyTokens: unit,
    rows: reported.map((row, index) => ({
      ...row,
      onFrontier: onFrontier[index] ?? false,
    })),
    comparisons: compareRows(rows, settings),
    measured: {
      ...sessionsOf(run, rows),
      seconds: measured.total,
      rows: measured.rows.map((row, index) => ({
        ...row,
        onTimeFrontier: inTime[index] ?? false,
      })),
    },
  };
}

function rowsOf(settings: EvaluationSettings, outcomes: ReadonlyMap<string, SearchOutcome>): RowData[] {
  const row = (method: RowData["method"], budget: string | null, seeds: readonly number[]): RowData => ({
    name: budget === null ? method.name : `${method.name} ${budget}`,
    ...{ method, budget, seeds },
    table: seeds.map((seed) =>
      settings.problems.map(({ id }) =>
        outcomes.get(cellName({ method: method.name, budget, seed, problem: id })),
      ),
    ),
  });
  const isGreedy = (method: RowData["method"]): boolean => method.config.strategy === "greedy";
  const greedy = settings.methods
    .filter(isGreedy)
    .map((method) => row(method, null, settings.seeds.slice(0, 1)));
  const others = settings.budgets.flatMap((budget) =>
    settings.methods
      .filter((method) => !isGreedy(method))
      .map((method) => row(method, budget, settings.seeds)),
  );
  return [...greedy, ...others];
}

function searchesOf(row: RowData): SearchOutcome[] {
  return row.table.flat().filter((outcome) => outcome !== undefined);
}

/** A row's search of a problem under a seed; greedy has one, which stands for every seed. */
function searchOf(row: RowData, seed: number, at: number): SearchOutcome | undefined {
  return (row.budget === null ? row.table[0] : row.table[seed])?.[at];
}

/** 1 for solved, 0 for not. A search that failed has solved nothing, whatever it had found before. */
function score({ stop, grading }: SearchOutcome, solved: Solved): number {
  return stop !== "failed" && solved(grading) ? 1 : 0;
}

/** Shares over the problems at `positions` that were searched; a problem's value is its mean over the seeds done. */
function accuracy(row: RowData, positions: readonly number[], solved: Solved): Accuracy {
  const results = row.table.map((seed) =>
    positions.map((at) => {
      const outcome = seed[at];
      return outcome === undefined ? null : score(outcome, solved);
    }),
  );
  const perProblem = positions.flatMap((_, index) => {
    const done = results.flatMap((seed) => seed[index] ?? []);
    return done.length === 0 ? [] : [mean(done)];
  });
  return {
    mean: mean(perProblem),
    interval: [...bootstrapMean(perProblem, BOOTSTRAP_SEED)],
    bySeed: results.map((seed) => {
      const done = seed.filter((one) => one !== null);
      return done.length === 0 ? null : mean(done);
    }),
  };
}

function reportRow(row: RowData, settings: EvaluationSettings, unit: number | null): ReportRow {
  const all = settings.problems.map((_, index) => index);
  const positions = all.filter((at) => row.table.some((seed) => seed[at] !== undefined));
  const searches = searchesOf(row);
  const generated = searches.map(({ cost }) => cost.generatedTokens).sort((a, b) => a - b);
  const budget = row.budget === null ? null : readBudget(row.budget);
  const stops = [...new Set(searches.map(({ stop }) => stop))].sort();
  const ppm = row.method.ppm === "none" ? null : settings.models.ppm;
  return {
    name: row.name,
    method: row.method.name,
    budget: row.budget,
    budgetTokens:
      searches[0]?.budgetTokens ?? (budget === null || unit === null ? null : budgetTokens(budget, unit)),
    settings: ReportRow.shape.settings.strip().parse(row.method.config),
    ppm: ppm !== null,
    seeds: [...row.seeds],
    problems: positions.length,
    searchedBySeed: row.table.map((seed) => seed.filter((outcome) => outcome !== undefined).length),
    missing: row.seeds.length * all.length - searches.length,
    failed: searches.filter(({ stop }) => stop === "failed").length,
    strict: accuracy(row, positions, STRICT),
    lenient: accuracy(row, positions, LENIENT),
    passAtN: accuracy(row, positions, ({ anyStrict }) => anyStrict),
    passAtNLenient: accuracy(row, positions, ({ anyLenient }) => anyLenient),
    answered: mean(searches.map(({ grading }) => (grading.strict === "no-answer" ? 0 : 1))),
    trajectories: {
      started: mean(searches.map(({ trajectories }) => trajectories.started)),
      finished: mean(searches.map(({ trajectories }) => trajectories.finished)),
    },
    generatedTokens: {
      mean: mean(generated),
      median: nearestRank(generated, 0.5),
      max: generated.at(-1) ?? 0,
    },
    generatedFlops: 2 * (settings.models.policy.parameters + (ppm?.parameters ?? 0)) * mean(generated),
    stops: Object.fromEntries(
      stops.map((stop) => [stop, searches.filter((search) => search.stop === stop).length]),
    ),
    byLevel: levels(row, settings, positions),
    onFrontier: false,
  };
}

function levels(
  row: RowData,
  settings: EvaluationSettings,
  positions: readonly number[],
): ReportRow["byLevel"] {
  const named = [...new Set(settings.problems.flatMap(({ level }) => (level === null ? [] : [level])))];
  return named
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((level) => {
      const own = positions.filter((at) => settings.problems[at]?.level === level);
      return {
        level,
        problems: own.length,
        strict: accuracy(row, own, STRICT),
        lenient: accuracy(row, own, LENIENT),
        passAtN: accuracy(row, own, ({ anyStrict }) => anyStrict),
      };
    });
}

/** Every two rows of the same budget, and greedy against each. */
function compareRows(rows: readonly RowData[], settings: EvaluationSettings): Comparison[] {
  const made = rows.flatMap((second, index) =>
    rows
      .slice(index + 1)
      .filter((first) => second.budget === null || first.budget === second.budget)
      .map((first) => compareTwo(first, second, settings)),
  );
  const corrected = holm(made.map(({ p }) => p));
  return made.map((comparison, index) => ({ ...comparison, holm: corrected[index] ?? 1 }));
}

/** Two rows on the problems that both have searched under the same seed. */
function compareTwo(first: RowData, second: RowData, settings: EvaluationSettings): Comparison {
  const seeds = Array.from({ length: Math.max(first.seeds.length, second.seeds.length) }, (_, seed) => seed);
  const pairs = seeds.map((seed) =>
    settings.problems.flatMap((_, at) => {
      const [a, b] = [searchOf(first, seed, at), searchOf(second, seed, at)];
      return a === undefined || b === undefined ? [] : [{ at, a: score(a, STRICT), b: score(b, STRICT) }];
    }),
  );
  const differences = new Map<number, number[]>();
  for (const { at, a, b } of pairs.flat()) differences.set(at, [...(differences.get(at) ?? []), a - b]);
  const inOrder = [...differences].sort(([a], [b]) => a - b).map(([, values]) => values);
  const perProblem = inOrder.map(mean);
  return {
    first: first.name,
    second: second.name,
    problems: perProblem.length,
    difference: mean(perProblem),
    interval: [...bootstrapMean(perProblem, BOOTSTRAP_SEED)],
    mcNemar: pairs.map((own, seed) => {
      const counts = pairedCounts(
        own.map(({ a }) => a === 1),
        own.map(({ b }) => b === 1),
      );
      return { seed: settings.seeds[seed] ?? seed, ...counts, p: mcNemarExact(counts) };
    }),
    p: signFlipExact(wholeMeans(inOrder)),
    holm: 1,
  };
}

/** The means of lists of whole numbers, all times the smallest number that makes them whole. */
function wholeMeans(lists: readonly (readonly number[])[]): number[] {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const unit = lists.reduce((all, { length }) => (all * length) / gcd(all, length), 1);
  return lists.map((values) => values.reduce((sum, value) => sum + value * (unit / values.length), 0));
}

/** Which session did how many searches, and how many problems under a seed more than one of them searched. */
function sessionsOf(
  { settings, sessions }: RunFile,
  rows: readonly RowData[],
): Pick<EvaluationReport["measured"], "sessions" | "splitGroups"> {
  const searches = rows.flatMap(searchesOf);
  const groups = new Map<string, Set<number>>();
  for (const { seed, problem, session, budget } of searches) {
    // Greedy has no draws in common with others.
    if (budget === null) continue;
    const key = JSON.stringify([seed, problem]);
    groups.set(key, (groups.get(key) ?? new Set()).add(session));
  }
  return {
    sessions: sessions.map((session, index) => ({
      ...session,
      searches: settings.seeds.map((seed) => {
        const own = searches.filter((search) => search.session === index && search.seed === seed);
        const greedy = own.filter(({ budget }) => budget === null).length;
        return { seed, greedy, others: own.length - greedy };
      }),
    })),
    splitGroups: { split: [...groups.values()].filter(({ size }) => size > 1).length, all: groups.size },
  };
}

function measuredRows(
  rows: readonly RowData[],
  { models, sharedDraws }: EvaluationSettings,
): { total: number; rows: Omit<EvaluationReport["measured"]["rows"][number], "onTimeFrontier">[] } {
  const searches = rows.map(searchesOf);
  const { total, shares } = sharedSeconds(searches.flat());
  // What a search had to compute itself, and its time, depends on what others of its problem had drawn before it.
  if (sharedDraws) return { total, rows: [] };
  const made = rows.map((row, index) => {
    const own = searches[index] ?? [];
    const latency = own.map(({ ms }) => ms.total / 1000).sort((a, b) => a - b);
    const seconds = (part: (search: SearchOutcome) => number): number => mean(own.map(part)) / 1000;
    const policyTokens = mean(own.map(({ cost }) => cost.generatedTokens + cost.evaluatedTokens));
    const ppmTokens = mean(own.map(({ cost }) => cost.ppmTokens));
    return {
      name: row.name,
      searches: own.length,
      seconds: mean(own.map((search) => shares.get(search) ?? 0)),
      latency: { mean: mean(latency), median: nearestRank(latency, 0.5), p90: nearestRank(latency, 0.9) },
      waiting: {
        policy: seconds(({ ms }) => ms.policy),
        ppm: seconds(({ ms }) => ms.ppm),
        sandbox: seconds(({ ms }) => ms.sandbox),
        grading: seconds(({ ms }) => ms.grading),
      },
      evaluatedTokens: mean(own.map(({ cost }) => cost.evaluatedTokens)),
      ppmTokens,
      sandboxSeconds: seconds(({ cost }) => cost.sandboxMs),
      flops: 2 * (models.policy.parameters * policyTokens + (models.ppm?.parameters ?? 0) * ppmTokens),
    };
  });
  return { total, rows: made };
}
