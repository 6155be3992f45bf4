/** The final answer: groups of equivalent answers, PPM-weighted votes, and when a vote is settled. */
import type { Grader } from "../services.ts";
import type { Vote } from "../protocol/trace.ts";
import type { SearchConfig } from "./config.ts";
import { isRefused, type BackupRule, type SearchNode } from "./tree.ts";

/**
 * Groups answer nodes by equivalence, each compared with the groups' first members. Keeps its groups between calls, so
 * every answer is compared once.
 */
export class AnswerGroups {
  readonly #grader: Grader;
  readonly #groups: SearchNode[][] = [];
  readonly #groupOf = new Map<SearchNode, SearchNode[]>();

  constructor(grader: Grader) {
    this.#grader = grader;
  }

  /** Places a new answer node. Undecided counts as different: it must not lend a group its weight. */
  async add(node: SearchNode, signal: AbortSignal): Promise<void> {
    if (this.#groupOf.has(node) || node.answer === null) return;
    for (const group of this.#groups) {
      const first = group[0]?.answer ?? "";
      const verdict = await this.#grader.equivalent(first, node.answer, "strict", signal);
      if (verdict.kind !== "equal") continue;
      group.push(node);
      this.#groupOf.set(node, group);
      return;
    }
    this.#found([node]);
  }

  /** Takes over groups that an earlier search found: their answers need no comparison. */
  adopt(groups: readonly (readonly SearchNode[])[]): void {
    for (const group of groups) if (group.length > 0) this.#found([...group]);
  }

  /** Puts groups and their answers into the order of the tree, which ties go by. */
  order(): void {
    for (const group of this.#groups) group.sort((a, b) => a.id - b.id);
    this.#groups.sort((a, b) => (a[0]?.id ?? 0) - (b[0]?.id ?? 0));
  }

  /** Trajectories that ended in the node's group, and in all groups; none for a node that is in no group yet. */
  support(node: SearchNode): { readonly count: number; readonly total: number } {
    const group = this.#groupOf.get(node);
    if (group === undefined) return { count: 0, total: 0 };
    return { count: sumArrivals(group), total: sumArrivals([...this.#groupOf.keys()]) };
  }

  /**
   * The vote over the `topK` trajectories that the PPM scores highest, each with weight `(1 + ppm) / 2`; with no PPM
   * every trajectory has weight one. Best first; ties by count, then by PPM or by how likely the best solution was, then
   * by order. Only the nodes that `mayVote` admits take part.
   */
  votes(topK: number, mayVote: (node: SearchNode) => boolean = () => true): Vote[] {
    const nodes = [...this.#groupOf.keys()].filter(mayVote);
    const hasPpm = nodes.some((node) => node.ppm !== null);
    const weights = new Map<SearchNode, number>();
    if (hasPpm) {
      const trajectories = nodes
        .flatMap((node) => Array.from({ length: node.arrivals }, () => node))
        .sort((a, b) => (b.ppm ?? -1) - (a.ppm ?? -1) || a.id - b.id)
        .slice(0, topK);
      for (const node of trajectories)
        weights.set(node, (weights.get(node) ?? 0) + (1 + (node.ppm ?? -1)) / 2);
    } else {
      for (const node of nodes) weights.set(node, node.arrivals);
    }
    return this.#groups
      .map((group) => group.filter(mayVote))
      .filter((group) => group.length > 0)
      .map((group) => {
        const best = group.reduce((a, b) => (rank(b, hasPpm) > rank(a, hasPpm) ? b : a));
        return {
          vote: {
            answer: best.answer ?? "",
            nodes: [best, ...group.filter((node) => node !== best)].map((node) => node.id),
            count: sumArrivals(group),
            weight: group.reduce((sum, node) => sum + (weights.get(node) ?? 0), 0),
          },
          worth: worth(best, hasPpm),
        };
      })
      .sort((a, b) => b.vote.weight - a.vote.weight || b.vote.count - a.vote.count || b.worth - a.worth)
      .map(({ vote }) => vote);
  }

  #found(group: SearchNode[]): void {
    this.#groups.push(group);
    for (const node of group) this.#groupOf.set(node, group);
  }
}

/** What a trajectory's end is worth: by the reference where that is asked for, else by PPM, else by agreement. */
export function backupRule(config: SearchConfig, groups: AnswerGroups): BackupRule {
  const guided = config.annotation === "reference";
  return {
    deadEndValue: config.deadEndValue,
    ppmPrior: true,
    terminalValue: (node) => {
      if (isRefused(node)) return -1;
      if (guided && node.graded !== null)
        return node.graded === "equal" ? 1 : node.graded === "different" ? -1 : 0;
      if (node.ppm !== null) return node.ppm;
      // Agreement of the other trajectories, so that a lone one counts neither way.
      const { count, total } = groups.support(node);
      return total <= 1 ? 0 : (2 * (count - 1)) / (total - 1) - 1;
    },
  };
}

/**
 * Orders the trajectories of one group: by PPM, else by how often they were reached and how likely they are. Where others
 * are scored, one that is not (a stop in the middle, a program too long) comes last, as in the weights.
 */
function rank(node: SearchNode, hasPpm: boolean): number {
  return hasPpm ? worth(node, true) : node.arrivals + worth(node, false);
}

/**
 * How good a trajectory is by itself: its PPM score, else how likely the step before the answer was, by the mean
 * log-probability of its tokens. Not the answer's own, which is copied from the output where a model wrote it.
 */
function worth(node: SearchNode, hasPpm: boolean): number {
  if (hasPpm) return node.ppm ?? -1;
  return Math.exp(node.parent?.logProb?.mean ?? node.logProb?.mean ?? 0);
}

function sumArrivals(nodes: readonly SearchNode[]): number {
  return nodes.reduce((sum, node) => sum + node.arrivals, 0);
}

/**
 * Whether more votes would hardly change the winner: the chance that the first of two answers with these counts is the
 * commoner one is at least `confidence` (adaptive-consistency: Beta posterior with a uniform prior).
 */
export function isSettled(first: number, second: number, confidence: number): boolean {
  if (first + second < 3) return false;
  return betaAboveHalf(first + 1, second + 1) >= confidence;
}

/** P(X > 1/2) for X ~ Beta(a, b) with whole a, b: the chance of fewer than a heads in a + b - 1 fair tosses. */
export function betaAboveHalf(a: number, b: number): number {
  const n = a + b - 1;
  let term = 2 ** -n;
  let sum = 0;
  for (let k = 0; k < a; k++) {
    sum += term;
    term *= (n - k) / (k + 1);
  }
  return sum;
}
