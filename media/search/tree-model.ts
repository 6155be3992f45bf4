/** What the search view knows of a tree: nodes, children, chosen path, and how messages change them. Pure. */
import type { SearchEvent, SearchProgress } from "../../server/protocol/events.ts";
import type { Trace, TraceNode } from "../../server/protocol/trace.ts";
import { byValue, pathTo as pathThrough } from "../../server/protocol/trace-path.ts";

/** A tree as it stands: complete from a trace, or growing from events. */
export interface TreeModel {
  readonly nodes: ReadonlyMap<number, TraceNode>;
  /** Of the stored trace; empty while there is none. */
  readonly votes: Trace["votes"];
  /** Children of every node that has some, in order of creation. */
  readonly children: ReadonlyMap<number, readonly number[]>;
  /** Nodes from the root to the chosen answer (or the one that leads so far). */
  readonly chosen: ReadonlySet<number>;
  /** The answer node that `chosen` ends at. */
  readonly answer: number | null;
  readonly strategy: string | null;
  readonly progress: SearchProgress | null;
}

export const ROOT = 0;

/** A tree of which nothing has come yet. */
export const EMPTY_TREE: TreeModel = {
  nodes: new Map([[ROOT, rootNode()]]),
  votes: [],
  children: new Map(),
  chosen: new Set([ROOT]),
  answer: null,
  strategy: null,
  progress: null,
};

/** The tree of a stored trace. */
export function fromTrace(trace: Trace): TreeModel {
  const nodes = new Map(trace.nodes.map((node) => [node.id, node]));
  if (!nodes.has(ROOT)) nodes.set(ROOT, rootNode());
  return {
    nodes,
    votes: trace.votes,
    children: childrenOf(nodes.values()),
    chosen: pathSet(nodes, trace.chosen),
    answer: trace.chosen,
    strategy: String(trace.settings["strategy"] ?? ""),
    progress: progressOf(trace),
  };
}

/** The tree after a batch of events. Nodes whose parent has not come yet are kept and drawn once it has. */
export function grow(tree: TreeModel, events: readonly SearchEvent[]): TreeModel {
  const nodes = new Map(tree.nodes);
  let { strategy, progress } = tree;
  let isNew = false;
  for (const event of events)
    switch (event.kind) {
      case "started":
        strategy = event.strategy;
        break;
      case "candidate":
        isNew ||= !nodes.has(event.node.id);
        nodes.set(event.node.id, event.node);
        break;
      case "draft": {
        const made = draftNode(event);
        isNew ||= !nodes.has(made.id);
        nodes.set(made.id, made);
        break;
      }
      case "progress":
      case "finished":
        progress = event.progress;
        // What the drafts came to has been told before.
        for (const id of nodes.keys()) if (isDraft(id)) isNew = nodes.delete(id);
        break;
      default:
        event satisfies never;
    }
  const answer = leading(nodes, progress);
  return {
    nodes,
    votes: tree.votes,
    children: isNew ? childrenOf(nodes.values()) : tree.children,
    chosen: pathSet(nodes, answer),
    answer,
    strategy,
    progress,
  };
}

/** Whether a node is still being written. Drafts have numbers below the root's, which no candidate has. */
export function isDraft(id: number): boolean {
  return id < ROOT;
}

/** Children of a node that can be drawn. */
export function childrenAt(tree: TreeModel, id: number): readonly number[] {
  return tree.children.get(id) ?? [];
}

/** The nodes from the root's child down to `id`, in order. */
export function pathTo(tree: TreeModel, id: number): TraceNode[] {
  return pathThrough(tree.nodes, id);
}

/** `Q = sum / N` (rStar-Math Eq. 1); null for a node never visited. */
export function qOf(node: Pick<TraceNode, "sum" | "visits">): number | null {
  return node.visits === 0 ? null : Math.max(-1, Math.min(1, node.sum / node.visits));
}

/** While a search runs nothing is chosen yet: the best answer so far, at its most valued node. */
function leading(nodes: ReadonlyMap<number, TraceNode>, progress: SearchProgress | null): number | null {
  const answer = progress?.best?.answer;
  if (answer === undefined) return null;
  const same = [...nodes.values()].filter((node) => node.kind === "answer" && node.answer === answer);
  return same.sort(byValue)[0]?.id ?? null;
}

function childrenOf(nodes: Iterable<TraceNode>): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const node of nodes) {
    if (node.parent === null) continue;
    const siblings = children.get(node.parent);
    if (siblings === undefined) children.set(node.parent, [node.id]);
    else siblings.push(node.id);
  }
  // Drafts, whose numbers are negative, come last.
  const order = (id: number): number => (isDraft(id) ? Number.MAX_SAFE_INTEGER + id : id);
  for (const siblings of children.values()) siblings.sort((a, b) => order(a) - order(b));
  return children;
}

function pathSet(nodes: ReadonlyMap<number, TraceNode>, end: number | null): Set<number> {
  const path = new Set([ROOT]);
  for (let node = end === null ? undefined : nodes.get(end); node !== undefined && !path.has(node.id);) {
    path.add(node.id);
    node = node.parent === null ? undefined : nodes.get(node.parent);
  }
  return path;
}

/** The numbers of a finished search, in the form in which a running one tells them. */
function progressOf(trace: Trace): SearchProgress {
  const best = trace.votes[0];
  const tried = trace.nodes.filter((node) => node.kind !== "root");
  return {
    generatedTokens: trace.cost.generatedTokens,
    budget: Number(trace.settings["budgetTokens"] ?? trace.cost.generatedTokens),
    candidates: tried.length,
    rejected: tried.filter((node) => node.status === "rejected").length,
    trajectories: trace.trajectories.finished,
    started: trace.trajectories.started,
    planned: trace.trajectories.started,
    best: best === undefined ? null : { answer: best.answer, support: best.count },
  };
}

/** Drafts below one parent are told apart by `draft`; there are never thousands of them. */
function draftNode({ parent, draft, text }: Extract<SearchEvent, { kind: "draft" }>): TraceNode {
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  const reason = last.replace(/^#\s*(?:step\s*\d+\s*[:.)-]?\s*)?/iu, "");
  return { ...rootNode(), id: -1 - draft - 4096 * parent, parent, kind: "step", text, reason };
}

function rootNode(): TraceNode {
  return {
    id: ROOT,
    parent: null,
    kind: "root",
    text: "",
    reason: "",
    code: "",
    final: false,
    status: "ok",
    rejection: null,
    output: "",
    value: null,
    assertions: 0,
    ppm: null,
    sum: 0,
    visits: 0,
    samples: 1,
    logProb: null,
    answer: null,
    graded: null,
    cost: { generatedTokens: 0, evaluatedTokens: 0, ppmTokens: 0, sandboxMs: 0 },
  };
}
