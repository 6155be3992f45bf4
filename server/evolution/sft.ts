/** SFT examples: the right trajectories of highest mean Q, cut into pieces that train and pieces that do not. Pure. */
import { programOf } from "../protocol/trace-path.ts";
import { TRAINING_VERSION, type Segment, type SftExample } from "../protocol/training.ts";
import { ANSWER_OPENING } from "../search/grammar.ts";
import { piecesOf } from "../search/pieces.ts";
import { promptFor } from "../search/prompt.ts";
import {
  pathTo,
  trajectoriesOf,
  type ProblemNode,
  type ProblemTree,
  type Trajectory,
} from "./problem-tree.ts";

/** What is chosen from one problem. */
export interface SftRule {
  /** Right trajectories of a problem. The paper: 2. */
  readonly trajectories: number;
  /** Only trajectories all of whose steps say why they are taken. */
  readonly withReasons: boolean;
}

/** The examples of one problem, best first. */
export function sftExamples(
  problem: { readonly id: string; readonly text: string },
  tree: ProblemTree,
  rule: SftRule,
): SftExample[] {
  const programs = new Set<string>();
  return trajectoriesOf(tree)
    .filter((trajectory) => trajectory.label === "right" && isClean(trajectory, rule))
    .sort(byQuality)
    .filter(({ path }) => {
      // The same program with other comments teaches nothing new.
      const program = programOf(path);
      if (programs.has(program)) return false;
      programs.add(program);
      return true;
    })
    .slice(0, rule.trajectories)
    .map(({ end, path, meanQ }, index) => ({
      version: TRAINING_VERSION,
      kind: "sft",
      id: `${problem.id}/${index + 1}`,
      problemId: problem.id,
      segments: segmentsOf(problem.text, path),
      traceId: end.traceId,
      node: end.node,
      meanQ,
    }));
}

/** Orders trajectories by mean Q, then by least Q, then by fewer steps; best first. */
export function byQuality(a: Trajectory, b: Trajectory): number {
  return b.meanQ - a.meanQ || b.minQ - a.minQ || a.path.length - b.path.length;
}

/** A solution as it trains: the policy's own words count in the loss, what it is given does not. */
function segmentsOf(problem: string, path: readonly ProblemNode[]): Segment[] {
  const prompt = promptFor(problem, "bare").map((text) => ({ text, train: false }));
  const steps = piecesOf(path).flatMap(({ text, by }): Segment[] => {
    switch (by) {
      case "step":
        return [{ text, train: true }];
      case "program":
        return [{ text, train: false }];
      case "answer":
        return [
          { text: ANSWER_OPENING, train: false },
          { text: text.slice(ANSWER_OPENING.length), train: true },
        ];
      default:
        return by satisfies never;
    }
  });
  return [...prompt, ...steps];
}

/** Whether the trajectory is a model to follow: it has steps, each ran by construction, and it came to a single value. */
function isClean({ path, end }: Trajectory, rule: SftRule): boolean {
  const steps = path.filter(({ kind }) => kind === "step");
  if (steps.length === 0 || end.answer === null || end.answer.trim() === "") return false;
  if (!end.text.startsWith(ANSWER_OPENING)) return false;
  return !rule.withReasons || steps.every(({ reason }) => reason !== "");
}

/** The prefix of a node as the PPM reads it. */
export function prefixOf(problem: string, node: ProblemNode | null): string[] {
  const path = node === null ? [] : pathTo(node);
  return [...promptFor(problem, "bare"), ...piecesOf(path).map(({ text }) => text)];
}
