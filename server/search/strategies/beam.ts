/** Strategies that keep only the most promising partial solutions: step beam search and DVTS. */
import type { Search } from "../search.ts";
import { isTerminal, type SearchNode } from "../tree.ts";
import { nextLevel, type Strategy } from "./strategy.ts";

/**
 * Step beam search: `beams` partial solutions, `candidates` next steps for each, the most promising `beams` of all stay.
 * Solutions that end leave the beam. Starts over with new seeds while there is budget.
 */
export const beam: Strategy = async (search) => {
  while (!search.isSpent()) {
    search.started++;
    let live: SearchNode[] = [search.origin];
    while (live.length > 0) {
      const draws = live.map((node) => ({ node, n: share(search, live.length) }));
      const children = await nextLevel(search, draws);
      live = mostPromising(search, children.flat(), search.config.beams);
    }
    if (search.isSettled()) return { stop: "settled", choose: "vote" };
  }
  return { stop: "budget", choose: "vote" };
};

/**
 * Diverse verifier tree search: the first step's candidates are dealt out to `beams` subtrees, and each subtree goes on
 * with its own most promising step only, so that one early favourite cannot crowd out the rest.
 */
export const dvts: Strategy = async (search) => {
  const { beams, candidates } = search.config;
  while (!search.isSpent()) {
    search.started += beams;
    const [first = []] = await nextLevel(search, [{ node: search.origin, n: beams * candidates }]);
    let live = Array.from({ length: beams }, (_, tree) =>
      mostPromising(
        search,
        first.filter((_child, index) => index % beams === tree),
        1,
      ),
    ).flat();
    while (live.length > 0) {
      const draws = live.map((node) => ({ node, n: candidates }));
      const children = await nextLevel(search, draws);
      live = children.flatMap((own) => mostPromising(search, own, 1));
    }
    if (search.isSettled()) return { stop: "settled", choose: "vote" };
  }
  return { stop: "budget", choose: "vote" };
};

/** Candidates for each of the live nodes, so that every level draws `beams * candidates` in all. */
function share(search: Search, live: number): number {
  return Math.max(1, Math.floor((search.config.beams * search.config.candidates) / live));
}

/** The `n` most promising unfinished nodes; ties keep their order. */
function mostPromising(search: Search, nodes: readonly SearchNode[], n: number): SearchNode[] {
  return nodes
    .filter((node) => !isTerminal(node) && !node.final)
    .map((node) => ({ node, promise: search.promise(node) }))
    .sort((a, b) => b.promise - a.promise || a.node.id - b.node.id)
    .slice(0, n)
    .map(({ node }) => node);
}
