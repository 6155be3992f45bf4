/**
 * A PPM measured alone, on searches of problems that never trained: does it order steps as their outcomes do, does its
 * score mean what it says, and does it choose better answers than a majority (rStar-Math section 4.3)? Pure.
 */
import { BOOTSTRAP_SEED, bootstrapMean, mean, type Interval } from "../evaluation/statistics.ts";
import type { PreferencePair } from "../protocol/training.ts";
import { piecesOf } from "../search/pieces.ts";
import { promptFor } from "../search/prompt.ts";
import { prefixKey } from "../search/replay.ts";
import type { Prefix } from "../services.ts";
import { searchPairs, type PairRule } from "./pairs.ts";
import { trajectoriesOf, type ProblemNode, type ProblemTree } from "./problem-tree.ts";

/** A whole trajectory with the answer that it gives. */
export interface MeasuredTrajectory {
  readonly prefix: Prefix;
  /** The same for answers that the search found to be equal. */
  readonly group: string;
  readonly isRight: boolean;
  /** How many times it was drawn. */
  readonly count: number;
}

/** What a PPM is measured on: one problem's trajectories and pairs. */
export interface MeasuredProblem {
  readonly id: string;
  readonly trajectories: readonly MeasuredTrajectory[];
  readonly pairs: readonly PreferencePair[];
}

/**
 * The trajectories and pairs of one problem's searches; unlabelled trajectories are left out. `groupOf` names the group
 * of equal answers that a trajectory's end is in.
 */
export function measuredProblem(
  problem: { readonly id: string; readonly text: string },
  tree: ProblemTree,
  groupOf: (end: ProblemNode) => string,
  rule: PairRule,
): MeasuredProblem {
  const prompt = promptFor(problem.text, "bare");
  return {
    id: problem.id,
    trajectories: trajectoriesOf(tree)
      .filter(({ label }) => label !== "unknown")
      .map(({ end, path, label, count }) => ({
        prefix: [...prompt, ...piecesOf(path).map(({ text }) => text)],
        group: groupOf(end),
        isRight: label === "right",
        count,
      })),
    pairs: searchPairs(problem, tree, rule),
  };
}

/** The two prefixes of a pair, the better one first. */
export function sidesOf({ prefix, positive, negative }: PreferencePair): readonly [Prefix, Prefix] {
  return [
    [...prefix, ...positive.pieces],
    [...prefix, ...negative.pieces],
  ];
}

/** Every prefix that has to be scored, once. */
export function prefixesToScore(problems: readonly MeasuredProblem[]): Prefix[] {
  const prefixes = new Map<string, Prefix>();
  for (const { trajectories, pairs } of problems)
    for (const prefix of [...trajectories.map((each) => each.prefix), ...pairs.flatMap(sidesOf)])
      prefixes.set(prefixKey(prefix), prefix);
  return [...prefixes.values()];
}

/** A mean over problems with its 95% bootstrap interval. */
export interface Share {
  readonly problems: number;
  readonly mean: number;
  readonly interval: Interval;
}

/** Trajectories whose score lies in one tenth of the scale. */
export interface ReliabilityBin {
  /** The bin's ends, as probabilities `(1 + score) / 2`. */
  readonly low: number;
  readonly high: number;
  readonly trajectories: number;
  readonly meanScore: number;
  readonly right: number;
}

/** What one PPM is worth. */
export interface PpmMeasures {
  /** Share of pairs whose better side scores higher (ties half), each problem weighing one. */
  readonly pairs: { readonly step: Share; readonly answer: Share };
  /** Chance that a right trajectory scores higher than a wrong one, over all problems. */
  readonly auc: number;
  readonly reliability: readonly ReliabilityBin[];
  /** Mean distance of score and share right over the bins, weighted by their trajectories. */
  readonly calibrationError: number;
  /** Share of problems right when the PPM's favourite is taken, and when trajectories vote with its scores. */
  readonly bestOfN: Share;
  readonly weightedVote: Share;
}

/** What the same trajectories give without a PPM. */
export interface WithoutPpm {
  readonly majority: Share;
  /** A trajectory taken at random. */
  readonly single: Share;
  /** Any of them (pass@N). */
  readonly any: Share;
  /** Trajectories of a problem, on average. */
  readonly trajectories: number;
}

const BINS = 10;

/** Measures by the scores of `prefixesToScore`. A prefix without a score takes no part. */
export function measurePpm(
  problems: readonly MeasuredProblem[],
  scores: ReadonlyMap<string, number>,
): PpmMeasures {
  const scoreOf = (prefix: Prefix): number | undefined => scores.get(prefixKey(prefix));
  const scored = problems
    .map(({ trajectories }) =>
      trajectories.flatMap((each) => {
        const score = scoreOf(each.prefix);
        return score === undefined ? [] : [{ ...each, probability: (1 + score) / 2 }];
      }),
    )
    .filter(({ length }) => length > 0);
  const ordered = (level: PreferencePair["level"]): Share =>
    share(
      problems.flatMap(({ pairs }) => {
        const wins = pairs
          .filter((pair) => pair.level === level)
          .flatMap((pair) => {
            const [better, worse] = sidesOf(pair).map(scoreOf);
            return better === undefined || worse === undefined ? [] : [compared(better, worse)];
          });
        return wins.length === 0 ? [] : [mean(wins)];
      }),
    );
  const all = scored.flat();
  const reliability = reliabilityOf(all);
  const drawn = sum(reliability.map(({ trajectories }) => trajectories));
  return {
    pairs: { step: ordered("step"), answer: ordered("answer") },
    auc: areaUnderCurve(all),
    reliability,
    calibrationError:
      sum(
        reliability.map(({ meanScore, right, trajectories }) => Math.abs(meanScore - right) * trajectories),
      ) / Math.max(1, drawn),
    bestOfN: share(scored.map((own) => Number(highest(own, ({ probability }) => probability).isRight))),
    weightedVote: share(scored.map((own) => vote(own, ({ probability, count }) => probability * count))),
  };
}

/** The rows beside which a PPM's are to be read. */
export function withoutPpm(problems: readonly MeasuredProblem[]): WithoutPpm {
  const answered = problems.map(({ trajectories }) => trajectories).filter(({ length }) => length > 0);
  const draws = answered.map((own) => sum(own.map(({ count }) => count)));
  return {
    majority: share(answered.map((own) => vote(own, ({ count }) => count))),
    single: share(
      answered.map(
        (own, index) =>
          sum(own.filter(({ isRight }) => isRight).map(({ count }) => count)) / (draws[index] ?? 1),
      ),
    ),
    any: share(answered.map((own) => Number(own.some(({ isRight }) => isRight)))),
    trajectories: mean(draws),
  };
}

/** Whether the answer of most weight is right, as the first that gave it is; 1 or 0. Ties go to what was met first. */
function vote<T extends MeasuredTrajectory>(
  trajectories: readonly T[],
  weightOf: (each: T) => number,
): number {
  const groups = new Map<string, { weight: number; isRight: boolean }>();
  for (const each of trajectories) {
    const group = groups.get(each.group) ?? { weight: 0, isRight: each.isRight };
    groups.set(each.group, { ...group, weight: group.weight + weightOf(each) });
  }
  return Number(highest([...groups.values()], ({ weight }) => weight).isRight);
}

/** The first item of highest value; there must be one. */
function highest<T>(items: readonly T[], valueOf: (item: T) => number): T {
  return items.reduce((best, item) => (valueOf(item) > valueOf(best) ? item : best));
}

function compared(better: number, worse: number): number {
  return better > worse ? 1 : better === worse ? 0.5 : 0;
}

interface Scored extends MeasuredTrajectory {
  readonly probability: number;
}

/** By ranks (Mann and Whitney), ties sharing theirs; 0.5 when one side is empty. */
function areaUnderCurve(trajectories: readonly Scored[]): number {
  const right = trajectories.filter(({ isRight }) => isRight);
  const wrong = trajectories.filter(({ isRight }) => !isRight);
  if (right.length === 0 || wrong.length === 0) return 0.5;
  const wins = right.flatMap((better) =>
    wrong.map((worse) => compared(better.probability, worse.probability)),
  );
  return mean(wins);
}

function reliabilityOf(trajectories: readonly Scored[]): ReliabilityBin[] {
  return Array.from({ length: BINS }, (_, index) => {
    const own = trajectories.filter(
      ({ probability }) => Math.min(BINS - 1, Math.floor(probability * BINS)) === index,
    );
    const drawn = sum(own.map(({ count }) => count));
    const weigh = (valueOf: (each: Scored) => number): number =>
      drawn === 0 ? 0 : sum(own.map((each) => valueOf(each) * each.count)) / drawn;
    return {
      low: index / BINS,
      high: (index + 1) / BINS,
      trajectories: drawn,
      meanScore: weigh(({ probability }) => probability),
      right: weigh(({ isRight }) => Number(isRight)),
    };
  });
}

function share(values: readonly number[]): Share {
  return {
    problems: values.length,
    mean: mean(values),
    interval: bootstrapMean(values, BOOTSTRAP_SEED),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
