/**
 * Preference pairs (rStar-Math section 3.3): of siblings, those of highest Q that lead to a right answer against those
 * of lowest Q that do not; of whole trajectories, the right ones of highest mean Q against the wrong ones of lowest.
 * What a person preferred in the editor is a pair too. Pure.
 */
import { TRAINING_VERSION, type PairSide, type PreferencePair } from "../protocol/training.ts";
import type { Preference, Trace, TraceNode } from "../protocol/trace.ts";
import { pathTo as nodesTo, programOf } from "../protocol/trace-path.ts";
import { piecesOf } from "../search/pieces.ts";
import { promptFor } from "../search/prompt.ts";
import { differByAtLeast } from "./edit-distance.ts";
import {
  nodesOf,
  pathTo,
  qOf,
  trajectoriesOf,
  type ProblemNode,
  type ProblemTree,
  type Trajectory,
} from "./problem-tree.ts";
import { byQuality, prefixOf } from "./sft.ts";

/** What makes a pair. */
export interface PairRule {
  /** Candidates of each side. The paper: 2. */
  readonly perSide: number;
  /** Least distance of the two Q-values. The public code: 0.5. */
  readonly minMargin: number;
  /** Least edit distance of the two texts, in characters. The public code: 20. */
  readonly minEdits: number;
}

interface Problem {
  readonly id: string;
  readonly text: string;
}

/** A side before it is written down. */
interface Candidate {
  readonly node: ProblemNode;
  readonly q: number;
  readonly text: string;
}

/** Whether some trajectories of the problem are right and some are wrong: all right or all wrong prefers nothing. */
export function isMixed({ root }: ProblemTree): boolean {
  return root.right > 0 && root.wrong > 0;
}

/** All pairs of one problem that searches made. */
export function searchPairs(problem: Problem, tree: ProblemTree, rule: PairRule): PreferencePair[] {
  if (!isMixed(tree)) return [];
  return [...stepPairs(problem, tree, rule), ...answerPairs(problem, tree, rule)];
}

function* stepPairs(problem: Problem, tree: ProblemTree, rule: PairRule): Generator<PreferencePair> {
  let place = 0;
  for (const parent of nodesOf(tree.root)) {
    place++;
    const steps = parent.children.filter(({ kind }) => kind === "step").map(stepCandidate);
    const positives = steps.filter(({ node }) => node.right > 0).sort((a, b) => b.q - a.q);
    const negatives = steps
      .filter(({ node }) => node.right === 0 && node.wrong + node.dead > 0)
      .sort((a, b) => a.q - b.q);
    yield* cross(positives, negatives, rule, {
      problem,
      level: "step",
      parent,
      name: `${problem.id}/step-${place}`,
    });
  }
}

function stepCandidate(node: ProblemNode): Candidate {
  return { node, q: qOf(node), text: node.code };
}

function answerPairs(problem: Problem, tree: ProblemTree, rule: PairRule): PreferencePair[] {
  const trajectories = trajectoriesOf(tree);
  const side = (label: Trajectory["label"]): Candidate[] =>
    trajectories
      .filter((trajectory) => trajectory.label === label)
      .sort(byQuality)
      .map(({ end, path, meanQ }) => ({
        node: end,
        q: meanQ,
        text: path.map(({ text }) => text).join("\n"),
      }));
  return [
    ...cross(side("right"), side("wrong").reverse(), rule, {
      problem,
      level: "answer",
      parent: null,
      name: `${problem.id}/answer`,
    }),
  ];
}

interface Place {
  readonly problem: Problem;
  readonly level: PreferencePair["level"];
  readonly parent: ProblemNode | null;
  readonly name: string;
}

/** Every one of the best against every one of the worst that passes the filters; together they weigh one. */
function* cross(
  positives: readonly Candidate[],
  negatives: readonly Candidate[],
  rule: PairRule,
  place: Place,
): Generator<PreferencePair> {
  const kept = positives.slice(0, rule.perSide).flatMap((positive) =>
    negatives
      .slice(0, rule.perSide)
      .filter((negative) => positive.q - negative.q >= rule.minMargin)
      .filter((negative) => differByAtLeast(positive.text, negative.text, rule.minEdits))
      // Two wordings of the same computation say nothing about it.
      .filter((negative) => programOf(pathTo(positive.node)) !== programOf(pathTo(negative.node)))
      .map((negative) => ({ positive, negative })),
  );
  for (const [index, { positive, negative }] of kept.entries())
    yield {
      version: TRAINING_VERSION,
      kind: "pair",
      id: `${place.name}/${index + 1}`,
      problemId: place.problem.id,
      level: place.level,
      prefix: prefixOf(place.problem.text, place.parent),
      positive: sideOf(positive, place.parent),
      negative: sideOf(negative, place.parent),
      origin: "search",
      weight: 1 / kept.length,
    };
}

function sideOf({ node, q }: Candidate, parent: ProblemNode | null): PairSide {
  const before = parent === null ? 0 : piecesOf(pathTo(parent)).length;
  const pieces = piecesOf(pathTo(node)).slice(before);
  return { pieces: pieces.map(({ text }) => text), traceId: node.traceId, node: node.node, q };
}

/**
 * What a person preferred, as pairs of siblings that stand whatever the Q-values say; the PQM target is their verdict.
 * Choices that name one step only, or steps that were never comparable, make none.
 */
export function personPairs(problem: Problem, trace: Trace): PreferencePair[] {
  const choices = trace.preferences ?? [];
  const between = ({ preferred, rejected }: Preference): string =>
    [preferred, rejected].map(String).sort().join();
  // Who changed their mind said the last of it: as in the search.
  const last = new Map(choices.map((choice, index) => [between(choice), index]));
  return choices.flatMap((choice, index): PreferencePair[] => {
    if (last.get(between(choice)) !== index) return [];
    const [positive, negative] = [choice.preferred, choice.rejected].map((id) =>
      id === null ? undefined : trace.nodes[id],
    );
    if (positive?.kind !== "step" || negative?.kind !== "step") return [];
    if (positive.parent !== negative.parent || positive.code === negative.code) return [];
    const ran = [positive, negative].every(
      ({ rejection }) => rejection === null || rejection.kind === "person",
    );
    if (!ran) return [];
    const before = nodesTo(trace.nodes, positive.parent ?? 0);
    const side = (node: TraceNode, q: number): PairSide => ({
      pieces: piecesOf([...before, node])
        .slice(piecesOf(before).length)
        .map(({ text }) => text),
      traceId: trace.id,
      node: node.id,
      q,
    });
    return [
      {
        version: TRAINING_VERSION,
        kind: "pair",
        id: `${problem.id}/person-${trace.id}-${index + 1}`,
        problemId: problem.id,
        level: "step",
        prefix: [...promptFor(problem.text, "bare"), ...piecesOf(before).map(({ text }) => text)],
        positive: side(positive, 1),
        negative: side(negative, -1),
        origin: "person",
        weight: 1,
      },
    ];
  });
}
