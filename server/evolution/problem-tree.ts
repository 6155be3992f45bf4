/**
 * All searches of one problem as one tree: equal steps after equal steps are one node, whichever search drew them. Its
 * Q-values come from how the trajectories ended (rStar-Math Eq. 2 and 3). Pure.
 */
import type { Trace, TraceNode } from "../protocol/trace.ts";
import type { ShownStep } from "../search/pieces.ts";
import { fingerprint } from "./decontamination.ts";

/** How a trajectory's answer counts. */
export type Label = "right" | "wrong" | "unknown";

/** A node of the merged tree. */
export interface ProblemNode extends ShownStep {
  readonly code: string;
  readonly reason: string;
  readonly answer: string | null;
  readonly parent: ProblemNode | null;
  readonly children: ProblemNode[];
  /** Where it was met first. */
  readonly traceId: string;
  readonly node: number;
  /** Trajectories through it that ended right, wrong, and at a step that failed. */
  right: number;
  wrong: number;
  dead: number;
  /** What was backed up: +1 and -1 of answers, the search's own value of dead ends. */
  sum: number;
  visits: number;
  /** PPM scores of the searches that met it; their mean is a prior of weight one. */
  readonly priors: number[];
}

/** A trajectory that reached an answer. */
export interface Trajectory {
  readonly end: ProblemNode;
  /** From below the root to the answer. */
  readonly path: readonly ProblemNode[];
  readonly label: Label;
  /** How many times it was drawn. */
  readonly count: number;
  /** Mean and least Q-value of its steps. */
  readonly meanQ: number;
  readonly minQ: number;
}

/** Q-value in [-1, 1]: the mean of what was backed up, with the PPM's score as a prior of weight one (Eq. 3). */
export function qOf(node: ProblemNode): number {
  const prior = node.priors.reduce((sum, score) => sum + score, 0) / Math.max(1, node.priors.length);
  const weight = node.priors.length > 0 ? 1 : 0;
  const visits = node.visits + weight;
  return visits === 0 ? 0 : Math.max(-1, Math.min(1, (node.sum + prior * weight) / visits));
}

/** The steps from below the root to the node. */
export function pathTo(node: ProblemNode): ProblemNode[] {
  const path: ProblemNode[] = [];
  for (let at: ProblemNode | null = node; at !== null && at.kind !== "root"; at = at.parent) path.push(at);
  return path.reverse();
}

/** Every node, parents before children. */
export function* nodesOf(root: ProblemNode): Generator<ProblemNode> {
  const waiting = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    waiting.push(...node.children.toReversed());
  }
}

/** The merged tree and, for each trace, where its nodes went: null for rejected ones. */
export interface ProblemTree {
  readonly root: ProblemNode;
  readonly placeOf: ReadonlyMap<string, readonly (ProblemNode | null)[]>;
}

/**
 * Without the searches that another one went on from: a trace holds all nodes of the one that it continues, and each
 * would count again with every continuation. Of several that went on from the same search the newest stays.
 */
export function withoutContinued<T extends Pick<Trace, "id" | "createdAt" | "continues">>(
  traces: readonly T[],
): readonly T[] {
  const byId = new Map(traces.map((trace) => [trace.id, trace]));
  const beginningOf = (trace: T): string => {
    // A file from elsewhere may name traces that go on from each other.
    const seen = new Set<string>();
    let id = trace.id;
    for (let at: T | undefined = trace; at !== undefined && !seen.has(id); at = byId.get(id)) {
      seen.add(id);
      id = at.continues ?? id;
    }
    return id;
  };
  const newest = new Map<string, T>();
  for (const trace of traces) {
    const beginning = beginningOf(trace);
    const other = newest.get(beginning);
    if (other === undefined || other.createdAt < trace.createdAt) newest.set(beginning, trace);
  }
  return traces.filter((trace) => newest.get(beginningOf(trace)) === trace);
}

/** The traces of each problem, by its text however that is typeset, in the order of their first traces. */
export function byText(traces: readonly Trace[]): [Trace, ...Trace[]][] {
  const groups = new Map<string, [Trace, ...Trace[]]>();
  for (const trace of traces) {
    const key = fingerprint(trace.problem.text);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [trace]);
    else group.push(trace);
  }
  return [...groups.values()];
}

/** Trajectories through a node of a trace: its visits without the PPM's score, which counts as one (Eq. 3). */
export function drawnThrough({ kind, ppm, visits }: TraceNode): number {
  return kind === "step" && ppm !== null ? Math.max(0, visits - 1) : visits;
}

/** Merges the traces of one problem. `labelOf` says how an answer node of a trace counts. */
export function mergeTraces(
  traces: readonly Trace[],
  labelOf: (trace: Trace, node: TraceNode) => Label,
): ProblemTree {
  const root = makeNode(null, { ...ROOT, traceId: traces[0]?.id ?? "", node: 0 });
  const placeOf = new Map<string, (ProblemNode | null)[]>();
  for (const trace of traces) {
    const places: (ProblemNode | null)[] = [];
    placeOf.set(trace.id, places);
    const deadEndValue = Number(trace.settings["deadEndValue"]);
    for (const node of trace.nodes) {
      const parent = node.parent === null ? null : (places[node.parent] ?? null);
      if (node.parent === null) places[node.id] = root;
      else if (parent === null) places[node.id] = null;
      else if (node.status === "rejected") {
        places[node.id] = null;
        const value = node.rejection?.kind === "person" ? -1 : deadEndValue;
        if (!Number.isNaN(value)) backUp(parent, drawnThrough(node), value, "dead");
      } else {
        const place = childOf(parent, node, trace.id);
        places[node.id] = place;
        if (node.ppm !== null && node.kind === "step") place.priors.push(node.ppm);
        if (node.kind === "answer") countAnswer(place, node, labelOf(trace, node));
      }
    }
  }
  return { root, placeOf };
}

function countAnswer(place: ProblemNode, node: TraceNode, label: Label): void {
  if (label === "unknown") return;
  backUp(place, node.visits, label === "right" ? 1 : -1, label);
}

function backUp(from: ProblemNode, times: number, value: number, end: "right" | "wrong" | "dead"): void {
  for (let at: ProblemNode | null = from; at !== null; at = at.parent) {
    at[end] += times;
    at.sum += times * value;
    at.visits += times;
  }
}

/** The trajectories to answers, in order of their place in the tree. */
export function trajectoriesOf(tree: ProblemTree): Trajectory[] {
  const found: Trajectory[] = [];
  for (const node of nodesOf(tree.root)) {
    if (node.kind !== "answer") continue;
    const path = pathTo(node);
    const values = path.filter(({ kind }) => kind === "step").map(qOf);
    found.push({
      end: node,
      path,
      label: node.right > 0 ? "right" : node.wrong > 0 ? "wrong" : "unknown",
      count: node.right + node.wrong,
      meanQ: values.reduce((sum, q) => sum + q, 0) / Math.max(1, values.length),
      minQ: Math.min(1, ...values),
    });
  }
  return found;
}

type Identity = Omit<
  ProblemNode,
  "parent" | "children" | "right" | "wrong" | "dead" | "sum" | "visits" | "priors"
>;

const ROOT = {
  kind: "root",
  text: "",
  final: false,
  output: "",
  value: null,
  code: "",
  reason: "",
  answer: null,
} as const;

/** The child that says and printed the same, made when there is none. */
function childOf(parent: ProblemNode, node: TraceNode, traceId: string): ProblemNode {
  const twin = parent.children.find(
    (child) =>
      child.kind === node.kind &&
      child.text === node.text &&
      child.code === node.code &&
      child.final === node.final &&
      child.output === node.output &&
      child.value === node.value,
  );
  if (twin !== undefined) return twin;
  const { kind, text, final, output, value, code, reason, answer } = node;
  const made = makeNode(parent, {
    ...{ kind, text, final, output, value, code, reason, answer },
    traceId,
    node: node.id,
  });
  parent.children.push(made);
  return made;
}

function makeNode(parent: ProblemNode | null, identity: Identity): ProblemNode {
  return { ...identity, parent, children: [], right: 0, wrong: 0, dead: 0, sum: 0, visits: 0, priors: [] };
}
