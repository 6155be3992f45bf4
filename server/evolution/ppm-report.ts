/** Measures PPMs on stored searches and says how they did: one table, with what no PPM reaches beside it. */
import { percent } from "../evaluation/statistics.ts";
import type { Trace } from "../protocol/trace.ts";
import { prefixKey } from "../search/replay.ts";
import type { PreferenceModel } from "../services.ts";
import { answerNames, labelProblem } from "./labels.ts";
import type { PairRule } from "./pairs.ts";
import {
  measuredProblem,
  measurePpm,
  prefixesToScore,
  withoutPpm,
  type MeasuredProblem,
  type PpmMeasures,
  type ReliabilityBin,
  type Share,
  type WithoutPpm,
} from "./ppm-measures.ts";
import { byText, drawnThrough, mergeTraces, withoutContinued, type ProblemNode } from "./problem-tree.ts";

/** The version of `ppm-report.json`. */
const PPM_REPORT_VERSION = 1;

/** PPMs side by side on the same trajectories. */
export interface PpmReport {
  readonly version: typeof PPM_REPORT_VERSION;
  readonly problems: number;
  /** Different trajectories, and pairs of each level. */
  readonly trajectories: number;
  readonly pairs: { readonly step: number; readonly answer: number };
  readonly withoutPpm: WithoutPpm;
  readonly rows: readonly (PpmMeasures & { readonly ppm: string })[];
}

/** The problems of the traces that have a given answer; their pairs follow from outcomes alone. */
export function problemsOf(traces: readonly Trace[], rule: PairRule): MeasuredProblem[] {
  return byText(withoutContinued(traces).map(withoutScores)).flatMap((own) => {
    const labelling = labelProblem(own, null);
    if (labelling.kind === "none") return [];
    const names = new Map(own.map((trace) => [trace.id, answerNames(trace)]));
    const groupOf = ({ traceId, node }: ProblemNode): string => names.get(traceId)?.get(node) ?? "";
    return [measuredProblem(own[0].problem, mergeTraces(own, labelling.of), groupOf, rule)];
  });
}

/** As a prior, the score of the PPM that searched would leave out the pairs of which it was wrong. */
function withoutScores(trace: Trace): Trace {
  return {
    ...trace,
    nodes: trace.nodes.map((node) => ({ ...node, ppm: null, visits: drawnThrough(node) })),
  };
}

/** Prefixes handed over together. */
const BATCH = 64;

/**
 * The PPM's score of every prefix that the measures need.
 *
 * @param onProgress Hears how many are done, of how many.
 * @throws the signal's reason when it is aborted.
 */
export async function scoreAll(
  problems: readonly MeasuredProblem[],
  ppm: PreferenceModel,
  signal: AbortSignal,
  onProgress: (done: number, all: number) => void,
): Promise<Map<string, number>> {
  const scores = new Map<string, number>();
  const prefixes = prefixesToScore(problems);
  for (let at = 0; at < prefixes.length; at += BATCH) {
    const batch = prefixes.slice(at, at + BATCH);
    const results = await ppm.score(batch, signal);
    for (const [index, result] of results.entries()) {
      const prefix = batch[index];
      if (prefix !== undefined && result.kind === "score") scores.set(prefixKey(prefix), result.value);
    }
    onProgress(Math.min(at + BATCH, prefixes.length), prefixes.length);
  }
  return scores;
}

/** The report over the scores of each PPM. */
export function ppmReport(
  problems: readonly MeasuredProblem[],
  scores: ReadonlyMap<string, ReadonlyMap<string, number>>,
): PpmReport {
  const pairs = problems.flatMap((problem) => problem.pairs);
  return {
    version: PPM_REPORT_VERSION,
    problems: problems.length,
    trajectories: problems.reduce((sum, { trajectories }) => sum + trajectories.length, 0),
    pairs: {
      step: pairs.filter(({ level }) => level === "step").length,
      answer: pairs.filter(({ level }) => level === "answer").length,
    },
    withoutPpm: withoutPpm(problems),
    rows: [...scores].map(([ppm, own]) => ({ ppm, ...measurePpm(problems, own) })),
  };
}

/** The report as Markdown. */
export function ppmReportText(report: PpmReport): string {
  const { withoutPpm: none, pairs, rows } = report;
  const lines = [
    `# PPMs measured alone`,
    "",
    `${report.problems} problems, ${none.trajectories.toFixed(1)} trajectories each (${report.trajectories} different ones); ${pairs.step} pairs of steps, ${pairs.answer} of whole trajectories. In brackets 95% bootstrap intervals over problems.`,
    "",
    "| choice | right |",
    "| --- | --- |",
    `| one trajectory at random | ${shareText(none.single)} |`,
    `| majority vote | ${shareText(none.majority)} |`,
    ...rows.flatMap(({ ppm, bestOfN, weightedVote }) => [
      `| best of N by ${ppm} | ${shareText(bestOfN)} |`,
      `| vote weighted by ${ppm} | ${shareText(weightedVote)} |`,
    ]),
    `| any (pass@N) | ${shareText(none.any)} |`,
    "",
    "| PPM | pairs of steps in order | pairs of trajectories in order | AUC of trajectories | calibration error |",
    "| --- | --- | --- | --- | --- |",
    ...rows.map(
      ({ ppm, pairs: own, auc, calibrationError }) =>
        `| ${ppm} | ${shareText(own.step)} | ${shareText(own.answer)} | ${auc.toFixed(3)} | ${calibrationError.toFixed(3)} |`,
    ),
  ];
  for (const { ppm, reliability } of rows)
    lines.push(
      "",
      `## Reliability of ${ppm}`,
      "",
      `![Share of right trajectories against the score of ${ppm}](${reliabilityFile(ppm)})`,
      "",
      "| (1 + score) / 2 | trajectories | mean | right |",
      "| --- | --- | --- | --- |",
      ...reliability.filter(({ trajectories }) => trajectories > 0).map(binText),
    );
  return `${lines.join("\n")}\n`;
}

/** The file of a PPM's reliability plot, beside the report. */
export function reliabilityFile(ppm: string): string {
  return `reliability-${ppm.replace(/[^\w.-]+/gu, "-")}.svg`;
}

function binText({ low, high, trajectories, meanScore, right }: ReliabilityBin): string {
  return `| ${low.toFixed(1)} to ${high.toFixed(1)} | ${trajectories} | ${meanScore.toFixed(2)} | ${percent(right)} |`;
}

function shareText({ problems, mean, interval: [low, high] }: Share): string {
  return problems === 0 ? "–" : `${percent(mean)} [${percent(low)}, ${percent(high)}] of ${problems}`;
}
