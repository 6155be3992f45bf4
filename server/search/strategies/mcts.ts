/** Monte-Carlo tree search (rStar-Math section 3.2): selection by UCT, expansion, simulation, back-propagation. */
import type { Search } from "../search.ts";
import { isTerminal, qValue, uct, type SearchNode } from "../tree.ts";
import { nextLevel, type Strategy } from "./strategy.ts";

/** Rollouts until the vote is settled, or the rollouts or the budget are used up. */
export const mcts: Strategy = async (search) => {
  const roll = search.config.rollout === "steps" ? stepRollout : continuationRollout;
  for (let rollout = 0; rollout < search.config.rollouts; rollout++) {
    if (search.isSpent()) return { stop: "budget", choose: "vote" };
    await roll(search);
    if (search.isSettled()) return { stop: "settled", choose: "vote" };
  }
  return { stop: "done", choose: "vote" };
};

/**
 * The paper's rollout: from the origin to a leaf by UCT, expand it into `candidates` children, go on from the best child
 * and so on down to an answer. When every line has been followed to its end, the origin gets new candidates.
 */
async function stepRollout(search: Search): Promise<void> {
  search.started++;
  let node = search.origin;
  for (;;) {
    const open = openChildren(node);
    if (open.length > 0) {
      node = bestChild(search, node, open);
      continue;
    }
    if (node.children.length > 0 && node !== search.origin) return;
    const [children] = await nextLevel(search, [{ node, n: search.config.candidates }]);
    if (children === undefined) return;
    const hasAnswer = children.some((child) => child.final && child.rejection === null);
    if (hasAnswer || openChildren(node).length === 0) return;
  }
}

/**
 * A cheaper rollout: go down by UCT to where new continuations promise most, then let the policy write `candidates` of
 * them to the end in one go. Every step written joins the tree, so expansion and simulation are one call.
 */
async function continuationRollout(search: Search): Promise<void> {
  let node = search.origin;
  for (;;) {
    const open = node.children.filter(canGoOn);
    const best = open.length === 0 ? null : bestChild(search, node, open);
    if (best === null || branchScore(search, node) >= uct(best, node.visits, search.config.exploration))
      break;
    node = best;
  }
  await search.sample([{ node, n: search.config.candidates }]);
}

/**
 * What drawing new continuations at the node itself promises: its own Q with an exploration term that shrinks with the
 * batches already drawn there, as if "something new" were one more child.
 */
function branchScore(search: Search, node: SearchNode): number {
  const batches = Math.max(1, node.drawn / search.config.candidates);
  return uct({ sum: qValue(node) * batches, visits: batches }, node.visits, search.config.exploration);
}

/** Whether steps can follow the node: it ran and did not end the program. */
function canGoOn(node: SearchNode): boolean {
  return !isTerminal(node) && !node.final;
}

/** Children that can still lead somewhere new by expansion: not followed to their end already. */
function openChildren(node: SearchNode): SearchNode[] {
  return node.children.filter((child) => canGoOn(child) && !isUsedUp(child));
}

/** Whether every line below an expanded node has been followed to its end. */
function isUsedUp(node: SearchNode): boolean {
  return node.children.length > 0 && openChildren(node).length === 0;
}

/** The child with the highest UCT; ties by PPM score, then by order. */
function bestChild(search: Search, node: SearchNode, open: readonly SearchNode[]): SearchNode {
  return open
    .map((child) => ({ child, score: uct(child, node.visits, search.config.exploration) }))
    .reduce((a, b) =>
      b.score > a.score || (b.score === a.score && (b.child.ppm ?? -2) > (a.child.ppm ?? -2)) ? b : a,
    ).child;
}
