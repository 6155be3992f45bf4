/** The comparison's report: a function of `comparison.json` and the turns. Pure. */
import {
  chance,
  interval,
  machineOf,
  mixedNotice,
  points,
  quote,
  table,
} from "../../../server/evaluation/markdown-parts.ts";
import {
  bootstrapMean,
  holm,
  mcNemarExact,
  mean,
  pairedCounts,
  percent,
  type Interval,
  type PairedCounts,
} from "../../../server/evaluation/statistics.ts";
import type { GradingMode } from "../../../server/services.ts";
import { median } from "../support/statistics.ts";
import type { PeerRun, PeerSettings, Turn } from "./records.ts";
import { turnName } from "./run.ts";

/** Of the bootstrap; the same turns give the same report. */
const BOOTSTRAP_SEED = 1;

/** `report.json`. Means are over problems. */
export interface PeerReport {
  readonly version: 2;
  readonly settings: PeerSettings;
  readonly sessions: PeerRun["sessions"];
  /** Problems that every contestant has attempted: the report is about these only. */
  readonly problems: number;
  readonly rows: readonly PeerRow[];
  /** Each of ours with each rival. */
  readonly comparisons: readonly PeerComparison[];
}

export interface PeerRow {
  readonly name: string;
  readonly side: "ours" | "rival";
  readonly strict: { readonly mean: number; readonly interval: Interval };
  readonly lenient: number;
  readonly generatedTokens: number;
  readonly promptTokens: number;
  readonly seconds: { readonly mean: number; readonly median: number; readonly longest: number };
  /** Largest over the problems; null where the system does not tell. */
  readonly peakBytes: number | null;
  readonly outOfTime: number;
  readonly failed: number;
}

export interface PeerComparison {
  readonly ours: string;
  readonly rival: string;
  readonly strict: PairedAccuracy;
  /** The lenient grader also reads a bare value in a sentence, which chat models write more often than programs print. */
  readonly lenient: PairedAccuracy;
  /**
   * Our mean seconds for a problem, divided by theirs, over the problems that both attempted on the same kind of machine;
   * null where there is none.
   */
  readonly secondsRatio: number | null;
}

/** Two contestants on the same problems, graded in one mode. */
export interface PairedAccuracy {
  readonly counts: PairedCounts;
  /** Accuracy, ours less theirs. */
  readonly difference: number;
  readonly interval: Interval;
  readonly mcNemar: number;
  /** Corrected for all comparisons of the mode. */
  readonly holm: number;
}

/** The report on the problems that all contestants have attempted; null when there is none yet. */
export function reportOf(
  { settings, sessions }: PeerRun,
  turns: ReadonlyMap<string, Turn>,
): PeerReport | null {
  const problems = settings.problems.filter((problem) =>
    settings.contestants.every(({ name }) => turns.has(turnName({ contestant: name, problem }))),
  );
  if (problems.length === 0) return null;
  const turnsOf = (contestant: string): Turn[] =>
    problems.flatMap((problem) => turns.get(turnName({ contestant, problem })) ?? []);
  const rows = settings.contestants.map(({ name, side }) => rowOf(name, side, turnsOf(name)));
  const pairs = rows
    .filter(({ side }) => side === "ours")
    .flatMap((ours) => rows.filter(({ side }) => side === "rival").map((rival) => ({ ours, rival })));
  const turnPairs = pairs.map(({ ours, rival }) => [turnsOf(ours.name), turnsOf(rival.name)] as const);
  const [strict, lenient] = [paired(turnPairs, "strict"), paired(turnPairs, "lenient")];
  return {
    version: 2,
    ...{ settings, sessions, rows },
    problems: problems.length,
    comparisons: pairs.flatMap(({ ours, rival }, index) => {
      const [inStrict, inLenient, turnPair] = [strict[index], lenient[index], turnPairs[index]];
      if (inStrict === undefined || inLenient === undefined || turnPair === undefined) return [];
      const secondsRatio = secondsRatioOf(...turnPair, sessions);
      return [{ ours: ours.name, rival: rival.name, strict: inStrict, lenient: inLenient, secondsRatio }];
    }),
  };
}

function paired(
  turnPairs: readonly (readonly [readonly Turn[], readonly Turn[]])[],
  mode: GradingMode,
): PairedAccuracy[] {
  const compared = turnPairs.map(([ours, rivals]) => {
    const [own, other] = [ours, rivals].map((turns) => turns.map((taken) => taken[mode] === "equal"));
    const differences = (own ?? []).map((right, index) => Number(right) - Number(other?.[index] ?? false));
    const counts = pairedCounts(own ?? [], other ?? []);
    return {
      counts,
      difference: mean(differences),
      interval: bootstrapMean(differences, BOOTSTRAP_SEED),
      mcNemar: mcNemarExact(counts),
    };
  });
  const adjusted = holm(compared.map(({ mcNemar }) => mcNemar));
  return compared.map((each, index) => ({ ...each, holm: adjusted[index] ?? 1 }));
}

/** Where a comparison went on elsewhere, a faster machine must not count for one side alone. */
function secondsRatioOf(
  ours: readonly Turn[],
  rivals: readonly Turn[],
  sessions: PeerRun["sessions"],
): number | null {
  const machine = ({ session }: Turn): string => {
    const on = sessions[session];
    return on === undefined ? "" : machineOf(on);
  };
  const same = ours.flatMap((taken, index) => {
    const rival = rivals[index];
    return rival !== undefined && machine(taken) === machine(rival) ? [[taken, rival] as const] : [];
  });
  if (same.length === 0) return null;
  return mean(same.map(([{ seconds }]) => seconds)) / mean(same.map(([, { seconds }]) => seconds));
}

function rowOf(name: string, side: PeerRow["side"], turns: readonly Turn[]): PeerRow {
  const right = turns.map(({ strict }) => Number(strict === "equal"));
  const seconds = turns.map((taken) => taken.seconds);
  const peaks = turns.flatMap(({ peakBytes }) => peakBytes ?? []);
  return {
    ...{ name, side },
    strict: { mean: mean(right), interval: bootstrapMean(right, BOOTSTRAP_SEED) },
    lenient: mean(turns.map(({ lenient }) => Number(lenient === "equal"))),
    generatedTokens: mean(turns.map(({ generatedTokens }) => generatedTokens)),
    promptTokens: mean(turns.map(({ promptTokens }) => promptTokens)),
    seconds: { mean: mean(seconds), median: median(seconds), longest: Math.max(...seconds) },
    peakBytes: peaks.length === 0 ? null : Math.max(...peaks),
    outOfTime: turns.filter(({ end }) => end.kind === "out-of-time").length,
    failed: turns.filter(({ end }) => end.kind === "failed").length,
  };
}

/** The report for people. */
export function peerMarkdown(report: PeerReport): string {
  const { settings, sessions, rows, comparisons, problems } = report;
  const wanted = settings.problems.length;
  return [
    `# Side by side: ${settings.set}, ${problems} problems`,
    ...(problems === wanted
      ? []
      : [
          `**Not complete:** ${wanted - problems} of the ${wanted} problems are still to be attempted by all.`,
        ]),
    ...(problems < 85
      ? [
          `**Small:** with ${problems} problems only very large differences can be told from chance (15 points need about 85 problems, 8 points about 300). This shows that the comparison runs, not who is better.`,
        ]
      : []),
    ...mixedNotice(sessions),
    "The same model, problems and grader (where the processor is faster so, ours computes with the same weights stored in another form, which is said below); one attempt after another on the same processor, problem by problem, in an order in which everyone follows everyone else about equally often. Strict accuracy with its 95% bootstrap interval over problems. Tokens are all that the model generated, counted by the engine or by llama-server itself. Seconds are wall time, one problem at a time; every engine keeps its prompt cache, and all rivals share llama-server's. What a contestant generated before its program failed counts too, of ours as far as its wave of candidates was over. Memory is the sum of the peaks of the processes at work, the model file's pages included; where several of ours have a model of their own, one process holds all of them.",
    table(
      [
        "",
        "strict",
        "95%",
        "lenient",
        "tokens",
        "prompt tokens",
        "s / problem",
        "median",
        "longest",
        "peak MB",
      ],
      rows.map((row) => [
        row.side === "ours" ? `**${row.name}**` : row.name,
        percent(row.strict.mean),
        interval(row.strict.interval),
        percent(row.lenient),
        row.generatedTokens.toFixed(0),
        row.promptTokens.toFixed(0),
        ...[row.seconds.mean, row.seconds.median, row.seconds.longest].map((value) => value.toFixed(1)),
        row.peakBytes === null ? "not told" : (row.peakBytes / 1e6).toFixed(0),
      ]),
    ),
    ...endings(rows, settings.limitSeconds),
    "## Ours and theirs on the same problems",
    "Strict, then lenient, which also reads the value in a sentence and so charges nobody for the form of an answer: a win is one where it stands in both. McNemar's exact test (right by ours alone : by theirs alone), with Holm's correction for all comparisons of a mode; our seconds for a problem as a share of theirs.",
    table(
      ["ours", "rival", ...PAIR_HEAD, ...PAIR_HEAD.map((each) => `lenient ${each}`), "seconds"],
      comparisons.map(({ ours, rival, strict, lenient, secondsRatio }) => [
        ...[ours, rival, ...pairCells(strict), ...pairCells(lenient)],
        secondsRatio === null ? "no problem on one machine" : percent(secondsRatio),
      ]),
    ),
    "## Settings",
    settings.contestants.map(({ name, settings: about }) => `- **${name}**: ${about}`).join("\n"),
    "## What was run",
    whatWasRun(report),
    "",
  ].join("\n\n");
}

const PAIR_HEAD = ["difference", "95%", "McNemar", "Holm"];

function pairCells({
  counts,
  difference,
  interval: [low, high],
  mcNemar,
  holm: corrected,
}: PairedAccuracy): string[] {
  return [
    points(difference),
    `${points(low)} … ${points(high)}`,
    `${counts.onlyFirst}:${counts.onlySecond}, ${chance(mcNemar)}`,
    chance(corrected),
  ];
}

function endings(rows: readonly PeerRow[], limitSeconds: number): string[] {
  const told = rows.flatMap(({ name, outOfTime, failed }) => [
    ...(outOfTime === 0 ? [] : [`${name}: ${outOfTime} not done after ${limitSeconds} s`]),
    ...(failed === 0 ? [] : [`${name}: ${failed} ended with an error`]),
  ]);
  return told.length === 0 ? [] : [`Counted as not solved: ${told.join("; ")}.`];
}

function whatWasRun({ settings, sessions }: PeerReport): string {
  const { policy, ppm } = settings;
  return [
    `- problems: ${settings.set}, SHA-256 ${settings.problemsSha256}`,
    `- model: ${policy.id} (${policy.quantisation ?? "quantisation not stated"}), SHA-256 ${policy.sha256}`,
    `- PPM: ${ppm === null ? "none" : `${ppm.id}, SHA-256 ${ppm.sha256}`}`,
    `- seed ${settings.seed} (OptiLLM takes none; ours computes as in the product, where the same seed may give another search in another run), ${settings.threads} threads for every engine, no GPU`,
    `- ${Object.entries(settings.programs)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
    ...sessions.map(
      ({ startedAt, version, commit, machine, engine, command }, index) =>
        `- session ${index + 1}, ${startedAt}: version ${version}, commit ${commit ?? "not known"}, ${machine}, ours: ${engine}; \`${command.map(quote).join(" ")}\``,
    ),
  ].join("\n");
}
