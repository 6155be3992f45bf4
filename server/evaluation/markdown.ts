/** `report.md`: the report for people, with the losing rows left in and everything needed to run it again. */
import path from "node:path";
import { chance, interval, mixedNotice, points, quote, table } from "./markdown-parts.ts";
import type { EvaluationReport, ReportRow } from "./report-schema.ts";
import type { EvaluationSettings } from "./settings.ts";
import { percent } from "./statistics.ts";

/** Stands for the share of no searches: 0% would be a result. */
const NOTHING_YET = "–";

/** The pictures beside a report, by file name; those of which nothing can be drawn are left out. */
export interface Picture {
  readonly file: string;
  /** What it shows, for those who do not see it too. */
  readonly title: string;
}

/** The report as Markdown. */
export function toMarkdown(report: EvaluationReport, pictures: readonly Picture[]): string {
  const { settings, rows } = report;
  const seeds = settings.seeds.length === 1 ? "seed" : `${settings.seeds.length} seeds`;
  return [
    `# ${settings.set}: ${problemCount(settings)}`,
    ...notices(report),
    HOW_TO_READ,
    ...sharedDraws(report),
    resultTable(report),
    ...pictures.map(({ file, title }) => `![${title}](${file})`),
    ...levelTables(report),
    `## How searches ended`,
    `How many searches gave an answer and how many ended for which reason (the budget spent, done, the vote settled), and for a search the continuations that were drawn, or the beams, subtrees and rollouts, and the solutions with an answer.`,
    endTable(rows),
    `## Compared on the same problems`,
    `Difference of strict accuracy with a paired 95% bootstrap interval over problems; McNemar's exact test for each ${seeds === "seed" ? "seed" : "seed by itself"} (right by the first alone : by the second alone, p). The last p is of an exact sign-flip test over problems, each with its mean difference over the seeds (under one seed that is McNemar's test; against greedy, which is searched once for all seeds, it is an approximation); Holm's correction makes it safe against looking at all ${report.comparisons.length} comparisons, those of rows that hardly differ included, and is the stricter for them.`,
    comparisonTable(report),
    `## What was run`,
    runTable(report),
    settingsTable(rows),
    "",
  ].join("\n\n");
}

/** What every table of results says with the same words. */
const HOW_TO_READ = `Strict accuracy is the headline; the lenient grader also forgives a unit or words around a number, a percent sign and rounding. Both compare values as Math-Verify reads them: the form that a problem asks for (factored, as a decimal), a name before the value and the order of a list are not looked at. Intervals are 95% bootstrap intervals over problems. pass@N is the share of problems that any trajectory solved: what a perfect choice among them would reach; N is how many gave an answer, on average. A budget says when no further wave of candidates is begun; what the last wave took beyond is in the tokens. Seconds include comparing every answer with the reference, and a method that comes after others finds in the cache what they began with. In a run that is complete, ◆ marks rows that no other row beats in accuracy with as little computation, every generated token going once through the policy and once through a PPM that takes part (the TFLOP behind ≈, where those of the whole search are not known); ◇ in as little time.`;

/** What is to be known of a run whose methods share what they draw. */
function sharedDraws({ settings, measured }: EvaluationReport): string[] {
  if (!settings.sharedDraws) return [];
  const { split, all } = measured.splitGroups;
  const own =
    split === 0
      ? "Answers and generated tokens are what each would have had alone, steps at the very limit of time or memory aside."
      : `Of ${all} problems under a seed ${split} were searched in more than one session, and what their methods have in common may have been drawn anew there; of the others, answers and generated tokens are what each method would have had alone, steps at the very limit of time or memory aside.`;
  return [
    `What several methods and budgets of a problem have in common was drawn and scored once, so times and what was computed are no method's own and are left out. ${own}`,
  ];
}

/** What a reader must know before the table: that searches are missing or failed, and that machines or programs differ. */
function notices({ complete, rows, measured }: EvaluationReport): string[] {
  const missing = rows.reduce((sum, row) => sum + row.missing, 0);
  return [
    ...(complete
      ? []
      : [
          `**Not complete:** ${missing} searches are still to do. Rows and seeds may stand on different problems (how many is in brackets); comparisons never do.`,
        ]),
    ...failures(rows),
    ...mixedNotice(measured.sessions),
  ];
}

/** An evaluation on the results page. */
export interface PublishedRun {
  /** Its folder beside the page. */
  readonly name: string;
  readonly report: EvaluationReport;
  readonly pictures: readonly Picture[];
}

/** The page over all published evaluations, and over what else there are pages of (by their paths from it). */
export function resultsPage(runs: readonly PublishedRun[], others: readonly string[]): string {
  return [
    `# Results`,
    `Made by \`npm run results\` from the traces that lie, compressed, beside each report; nothing on this page is written by hand, and rows that lose stay in. Statements and reference answers are left out of the traces: the sets' homes are in \`server/evaluation/benchmarks.json\`.`,
    ...(others.length === 0
      ? []
      : [
          `Of other kinds, each with a page of its own: ${others.map((page) => `[${path.posix.dirname(page)}](${page})`).join(", ")}.`,
        ]),
    HOW_TO_READ,
    ...runs.flatMap(({ name, report, pictures }) => [
      `## ${name}: ${report.settings.set}, ${problemCount(report.settings)}`,
      ...notices(report),
      ...sharedDraws(report),
      resultTable(report),
      ...pictures.slice(0, 2).map(({ file, title }) => `![${title}](${name}/${file})`),
      runTable(report),
      `[The whole report](${name}/report.md): by level, paired tests, settings.`,
    ]),
    "",
  ].join("\n\n");
}

/** `81 problems of level 1, 2, 3`. */
function problemCount({ problems, levels }: EvaluationSettings): string {
  return `${problems.length} problems${levels === undefined ? "" : ` of level ${levels.join(", ")}`}`;
}

/** One line that says what a picture is of, to stand in the picture itself. */
export function caption({ settings, measured }: EvaluationReport): string {
  const { policy, ppm } = settings.models;
  const [session] = measured.sessions;
  const commits = [...new Set(measured.sessions.map(({ commit }) => shortCommit(commit)))];
  return [
    `${settings.set}, ${problemCount(settings)}`,
    modelCaption(policy),
    ppm === null ? "no PPM" : `PPM ${modelCaption(ppm)}`,
    `seeds ${settings.seeds.join(" ")}`,
    `${session?.threads ?? 0} threads`,
    `commit ${commits.join(" ")}`,
  ].join(" · ");
}

/** A model by its adapter where it has one: several share a file. */
function modelCaption({ id, quantisation, sha256, adapter }: EvaluationSettings["models"]["policy"]): string {
  const words = [id, quantisation ?? "", adapter?.id ?? "", (adapter?.sha256 ?? sha256).slice(0, 10)];
  // Many an adapter is found by its own name.
  return [...new Set(words)].filter((word) => word !== "").join(" ");
}

/** Ten digits, and the `+` of a working tree that differed from its commit. */
function shortCommit(commit: string | null): string {
  return commit?.replace(/^(\w{10})\w*/u, "$1") ?? "not known";
}

function failures(rows: readonly ReportRow[]): string[] {
  const failed = rows.filter((row) => row.failed > 0);
  if (failed.length === 0) return [];
  return [
    `**Failed searches** (a model or Python failed; they count as not solved, and \`--resume\` tries them again): ${failed.map((row) => `${row.name} ${row.failed}`).join(", ")}.`,
  ];
}

function resultTable({ complete, rows, measured }: EvaluationReport): string {
  return table(
    [
      "method",
      // In a whole report every row stands on all problems.
      ...(complete ? [] : ["problems"]),
      "strict",
      "95%",
      "seeds",
      "lenient",
      "pass@N",
      "N",
      "tokens",
      "computed",
      "PPM tokens",
      "sandbox s",
      "s / problem",
      "latency s",
      "TFLOP",
      "",
    ],
    rows.map((row, index) => {
      const cost = measured.rows[index];
      const some = (shown: string): string => (row.problems === 0 ? NOTHING_YET : shown);
      return [
        row.name,
        ...(complete ? [] : [String(row.problems)]),
        some(percent(row.strict.mean)),
        some(interval(row.strict.interval)),
        row.strict.bySeed.length > 1 ? seedCell(row, complete) : "",
        some(percent(row.lenient.mean)),
        some(percent(row.passAtN.mean)),
        some(row.trajectories.finished.toFixed(1)),
        some(row.generatedTokens.mean.toFixed(0)),
        cost?.evaluatedTokens.toFixed(0) ?? "",
        cost?.ppmTokens.toFixed(0) ?? "",
        cost?.sandboxSeconds.toFixed(2) ?? "",
        cost?.seconds.toFixed(2) ?? "",
        cost?.latency.mean.toFixed(1) ?? "",
        some(cost === undefined ? `≈ ${teraFlops(row.generatedFlops)}` : teraFlops(cost.flops)),
        `${row.onFrontier ? "◆" : ""}${cost?.onTimeFrontier === true ? "◇" : ""}`,
      ];
    }),
  );
}

function teraFlops(flops: number): string {
  return (flops / 1e12).toFixed(2);
}

/** `37.0% 36.0%`; while searches are missing with the problems that each seed stands on. */
function seedCell({ strict, searchedBySeed }: ReportRow, complete: boolean): string {
  return strict.bySeed
    .map((one, seed) => {
      if (one === null) return NOTHING_YET;
      return complete ? percent(one) : `${percent(one)} (${searchedBySeed[seed] ?? 0})`;
    })
    .join(" ");
}

function levelTables({ complete, rows }: EvaluationReport): string[] {
  const levels = rows[0]?.byLevel ?? [];
  if (levels.length === 0) return [];
  return [
    `## By level`,
    `Strict accuracy / pass@N${complete ? "" : " (problems)"}.`,
    table(
      // While searches are missing the rows stand on different problems.
      ["method", ...levels.map(({ level, problems }) => (complete ? `${level} (${problems})` : level))],
      rows.map((row) => [row.name, ...row.byLevel.map((cell) => levelCell(cell, complete))]),
    ),
  ];
}

function levelCell({ problems, strict, passAtN }: ReportRow["byLevel"][number], complete: boolean): string {
  if (problems === 0) return NOTHING_YET;
  const shares = `${percent(strict.mean)} / ${percent(passAtN.mean)}`;
  return complete ? shares : `${shares} (${problems})`;
}

function comparisonTable({ comparisons }: EvaluationReport): string {
  return table(
    ["first", "second", "problems", "difference", "95%", "McNemar by seed", "p", "Holm"],
    comparisons.map((pair) => [
      pair.first,
      pair.second,
      String(pair.problems),
      points(pair.difference),
      `${points(pair.interval[0])} … ${points(pair.interval[1])}`,
      pair.mcNemar
        .map(({ onlyFirst, onlySecond, p }) => `${onlyFirst}:${onlySecond}, ${chance(p)}`)
        .join("; "),
      chance(pair.p),
      chance(pair.holm),
    ]),
  );
}

function runTable({ settings, settingsSha256, greedyTokens, measured }: EvaluationReport): string {
  const { policy, ppm } = settings.models;
  const model = (one: typeof policy): string =>
    `${one.id} (${one.quantisation ?? "quantisation not stated"}), SHA-256 ${one.sha256}${one.adapter === undefined ? "" : `, adapter ${one.adapter.id} ${one.adapter.sha256}`}`;
  const lines = [
    `- problems: ${settings.set}, ${problemCount(settings)} from number ${settings.offset + 1} on, SHA-256 ${settings.problemsSha256}`,
    `- policy: ${model(policy)}`,
    `- PPM: ${ppm === null ? "none" : model(ppm)}`,
    `- prompt: ${settings.prompt.format}, SHA-256 ${settings.prompt.sha256}`,
    `- seeds: ${settings.seeds.join(", ")}; settings SHA-256 ${settingsSha256}`,
    ...(greedyTokens === null
      ? []
      : [
          `- greedy generated ${greedyTokens.toFixed(1)} tokens for a problem: the unit of budgets such as 8x`,
        ]),
    `- ${(measured.seconds / 3600).toFixed(2)} hours of wall time`,
    ...measured.sessions.flatMap((session, index) => [
      `- session ${index + 1}, ${session.startedAt}: version ${session.version}, commit ${session.commit ?? "not known"}, ${session.threads} threads, ${session.concurrency} side by side, ${session.machine}, ${session.engine}; ${searchCounts(session)}`,
      `  - \`${session.command.map(quote).join(" ")}\``,
    ]),
  ];
  return lines.join("\n");
}

/** `200 searches by greedy, 4800 others: 2400 under seed 1, 2400 under seed 2`. */
function searchCounts({ searches }: EvaluationReport["measured"]["sessions"][number]): string {
  const sum = (part: "greedy" | "others"): number => searches.reduce((all, one) => all + one[part], 0);
  const bySeed = searches.flatMap(({ seed, others }) =>
    others === 0 ? [] : [`${others} under seed ${seed}`],
  );
  const others = sum("others");
  return [
    `${sum("greedy")} searches by greedy`,
    `${others} others${searches.length > 1 && others > 0 ? `: ${bySeed.join(", ")}` : ""}`,
  ].join(", ");
}

/** Whether searches had an answer, and why they ended. */
function endTable(rows: readonly ReportRow[]): string {
  const reasons = [...new Set(rows.flatMap(({ stops }) => Object.keys(stops)))].sort();
  return table(
    ["method", "tokens allowed", "answered", ...reasons, "begun", "answers"],
    rows.map((row) => [
      row.name,
      row.budgetTokens === null || row.budget === null ? "" : String(row.budgetTokens),
      row.problems === 0 ? NOTHING_YET : percent(row.answered),
      ...reasons.map((reason) => String(row.stops[reason] ?? 0)),
      row.trajectories.started.toFixed(1),
      row.trajectories.finished.toFixed(1),
    ]),
  );
}

/** Settings in which the rows differ. */
function settingsTable(rows: readonly ReportRow[]): string {
  const methods = [...new Map(rows.map((row) => [row.method, row])).values()];
  const keys = Object.keys(methods[0]?.settings ?? {}) as (keyof ReportRow["settings"])[];
  const differing = keys.filter(
    (key) => new Set(methods.map(({ settings }) => JSON.stringify(settings[key]))).size > 1,
  );
  const same = keys.filter((key) => !differing.includes(key));
  const shown = (row: ReportRow | undefined, key: keyof ReportRow["settings"]): string =>
    String(row?.settings[key] ?? "none");
  return [
    table(
      ["settings", ...differing, "PPM"],
      methods.map((row) => [row.method, ...differing.map((key) => shown(row, key)), row.ppm ? "yes" : "no"]),
    ),
    `The same for all: ${same.map((key) => `${key} ${shown(methods[0], key)}`).join(", ")}.`,
  ].join("\n\n");
}
