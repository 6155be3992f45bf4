/** What the search view computes on a tree of 10,000 nodes: parsing the message, laying it out, culling, growing. */
import { bench, describe } from "vitest";
import { cull } from "../../media/search/cull.ts";
import { layoutOutline, layoutTree } from "../../media/search/layout.ts";
import { fromTrace, grow } from "../../media/search/tree-model.ts";
import { parseMessage, ToSearchView } from "../../server/protocol/view.ts";
import { opening, recorded } from "../media/fixtures.ts";

const small = recorded("mcts");
const steps = small.nodes.filter((node) => node.kind === "step" && node.status === "ok");
const nodes = [...small.nodes];
for (let id = nodes.length; id < 10_000; id++) {
  const like = steps[id % steps.length];
  if (like !== undefined) nodes.push({ ...like, id, parent: id < 200 ? 0 : Math.floor(id / 3) });
}
const trace = { ...small, nodes };
const tree = fromTrace(trace);
const layout = layoutTree(tree, new Set(), "compact");
const wave = nodes.slice(-8).map((node) => ({
  kind: "candidate" as const,
  problemId: "p",
  node: { ...node, visits: node.visits + 1 },
}));

describe("10,000 nodes", () => {
  bench("parse the message that opens them", () => void parseMessage(ToSearchView, opening(trace)));
  bench("lay out as a tree", () => void layoutTree(tree, new Set(), "compact"));
  bench("lay out as an outline", () => void layoutOutline(tree, new Set()));
  bench(
    "cull one window",
    () => void cull(layout, { left: 400, top: layout.height / 2, width: 1000, height: 800 }),
  );
  bench("take in a wave of 8 candidates", () => void grow(tree, wave));
});
