/** The search tree: nodes, UCT and the backup of values (rStar-Math section 3.2, Eq. 1 to 3). */
import { EMPTY_STATE, type SandboxState } from "../services.ts";
import type { Cost, Rejection, TraceNode } from "../protocol/trace.ts";

/** A node of the tree. What was generated never changes; values and visits are recomputed by `Tree.backup`. */
export interface SearchNode {
  readonly id: number;
  readonly parent: SearchNode | null;
  readonly kind: TraceNode["kind"];
  /** Number of steps from the root. */
  readonly depth: number;
  /** Child indexes from the root, such as `0.2.1`: names the node whatever else was searched meanwhile. */
  readonly place: string;
  /** As generated. */
  readonly text: string;
  readonly reason: string;
  /** As run: the text, with the imports it forgot. Models read this of earlier steps. */
  code: string;
  readonly final: boolean;
  readonly logProb: TraceNode["logProb"];
  /** Set on nodes of kind `answer`. */
  readonly answer: string | null;
  readonly children: SearchNode[];
  /** The Python state after this node's step; null when it was rejected. */
  state: SandboxState | null;
  rejection: Rejection | null;
  output: string;
  value: string | null;
  assertions: number;
  ppm: number | null;
  sum: number;
  visits: number;
  /** How many candidates had exactly this text. */
  samples: number;
  /** Trajectories that ended here: at an answer, or at a rejected step that a continuation ran into. */
  arrivals: number;
  /** Candidates ever drawn from here, merged ones included: the next candidate's ordinal. */
  drawn: number;
  /** Whether the policy cannot read the node's prompt, and so nothing more can follow. Not stored: it is found again. */
  full: boolean;
  graded: TraceNode["graded"];
  cost: Cost;
}

/** What a new node starts from. */
export interface NewNode {
  readonly kind: "step" | "answer";
  readonly text: string;
  readonly reason: string;
  readonly code: string;
  readonly final: boolean;
  readonly logProb: TraceNode["logProb"];
  readonly answer: string | null;
}

/** How values are backed up. */
export interface BackupRule {
  /** Value in [-1, 1] of a trajectory that ended at this answer node. */
  readonly terminalValue: (node: SearchNode) => number;
  /** Value of a trajectory that ran into a rejected step; null leaves it out, as the paper does. */
  readonly deadEndValue: number | null;
  /** PPM-augmented annotation (Eq. 3): a step's PPM score, where it has one, is a prior that counts as one visit. */
  readonly ppmPrior: boolean;
}

/** Q-value: mean of what was backed up; 0 for a node never visited. */
export function qValue(node: Pick<SearchNode, "sum" | "visits">): number {
  return node.visits === 0 ? 0 : node.sum / node.visits;
}

/** `UCT = Q + c * sqrt(ln N_parent / N)` (Eq. 1); infinite for a node never visited, so that it is tried first. */
export function uct(
  node: Pick<SearchNode, "sum" | "visits">,
  parentVisits: number,
  exploration: number,
): number {
  if (node.visits === 0) return Infinity;
  return qValue(node) + exploration * Math.sqrt(Math.log(Math.max(1, parentVisits)) / node.visits);
}

/** Whether nothing more can follow the node. */
export function isTerminal(node: SearchNode): boolean {
  return node.kind === "answer" || node.rejection !== null || node.full;
}

/** The steps from below the root to the node itself. */
export function pathOf(node: SearchNode): SearchNode[] {
  const path: SearchNode[] = [];
  for (let at: SearchNode | null = node; at !== null && at.kind !== "root"; at = at.parent) path.push(at);
  return path.reverse();
}

/** Whether `node` is `ancestor` or lies below it. */
export function isWithin(node: SearchNode, ancestor: SearchNode): boolean {
  let at: SearchNode | null = node;
  while (at !== null && at !== ancestor) at = at.parent;
  return at === ancestor;
}

/** The steps of the node's trajectory that a person said no to. */
export function refusedSteps(node: SearchNode): SearchNode[] {
  return pathOf(node).filter((step) => step.rejection?.kind === "person");
}

/** Whether a person said no to a step of the node's trajectory. */
export function isRefused(node: SearchNode): boolean {
  return refusedSteps(node).length > 0;
}

/** The tree of one problem. */
export class Tree {
  readonly nodes: SearchNode[] = [];
  readonly root: SearchNode;

  constructor() {
    this.root = this.#make(null, {
      kind: "step",
      text: "",
      reason: "",
      code: "",
      final: false,
      logProb: null,
      answer: null,
    });
    this.root.state = EMPTY_STATE;
  }

  /** Adds a child, or finds the one with the same text and kind: identical texts are merged and counted. */
  add(parent: SearchNode, made: NewNode): { readonly node: SearchNode; readonly isNew: boolean } {
    const twin = parent.children.find(
      (child) => child.kind === made.kind && child.text === made.text && child.final === made.final,
    );
    if (twin !== undefined) {
      twin.samples++;
      return { node: twin, isNew: false };
    }
    const node = this.#make(parent, made);
    parent.children.push(node);
    return { node, isNew: true };
  }

  /** Adds a node of a stored tree as it was. Its Python state follows from the code of the steps before it. */
  adopt(parent: SearchNode, stored: TraceNode & { readonly kind: "step" | "answer" }): SearchNode {
    const node = this.#make(parent, stored);
    parent.children.push(node);
    node.rejection = stored.rejection;
    // What a person refused had run all the same.
    const ran = node.rejection === null || node.rejection.kind === "person";
    if (node.kind === "step" && ran && parent.state !== null)
      node.state = { program: [...parent.state.program, node.code] };
    const { output, value, assertions, ppm, samples, graded } = stored;
    Object.assign(node, { output, value, assertions, ppm, samples, graded, cost: { ...stored.cost } });
    node.arrivals = stored.arrivals ?? 0;
    node.drawn = stored.drawn ?? 0;
    return node;
  }

  /** Answer nodes, in order of creation. */
  answers(): SearchNode[] {
    return this.nodes.filter((node) => node.kind === "answer" && node.rejection === null);
  }

  /**
   * Recomputes every node's sum and visits from the trajectories' ends. Done afresh each time, because agreement values
   * change as trajectories arrive; with fixed values it equals adding each one along its path (Eq. 2).
   */
  backup(rule: BackupRule): void {
    for (const node of this.nodes) {
      const prior = rule.ppmPrior && node.kind === "step" ? node.ppm : null;
      node.sum = prior ?? 0;
      node.visits = prior === null ? 0 : 1;
    }
    for (const end of this.nodes) {
      if (end.arrivals === 0) continue;
      const value =
        end.kind === "answer" && end.rejection === null ? rule.terminalValue(end) : rule.deadEndValue;
      if (value === null) continue;
      for (let at: SearchNode | null = end; at !== null; at = at.parent) {
        at.sum += value * end.arrivals;
        at.visits += end.arrivals;
      }
    }
  }

  #make(parent: SearchNode | null, made: NewNode): SearchNode {
    const node: SearchNode = {
      id: this.nodes.length,
      parent,
      kind: parent === null ? "root" : made.kind,
      depth: parent === null ? 0 : parent.depth + 1,
      place: parent === null ? "" : `${parent.place}.${parent.children.length}`,
      text: made.text,
      reason: made.reason,
      code: made.code,
      final: made.final,
      logProb: made.logProb,
      answer: made.answer,
      children: [],
      state: null,
      rejection: null,
      output: "",
      value: null,
      assertions: 0,
      ppm: null,
      sum: 0,
      visits: 0,
      samples: 1,
      arrivals: 0,
      drawn: 0,
      full: false,
      graded: null,
      cost: { generatedTokens: 0, evaluatedTokens: 0, ppmTokens: 0, sandboxMs: 0 },
    };
    this.nodes.push(node);
    return node;
  }
}

/** A node as plain data. A step that was never run, because the search was stopped, is nobody's step to build on. */
export function toTraceNode(node: SearchNode): TraceNode {
  const interrupted = node.kind === "step" && node.state === null && node.rejection === null;
  const rejection: Rejection | null = interrupted
    ? { kind: "interrupted", message: "The search was stopped before this step was run.", line: null }
    : node.rejection;
  return {
    id: node.id,
    parent: node.parent?.id ?? null,
    kind: node.kind,
    text: node.text,
    reason: node.reason,
    code: node.code,
    final: node.final,
    status: rejection === null ? "ok" : "rejected",
    rejection,
    output: node.output,
    value: node.value,
    assertions: node.assertions,
    ppm: node.ppm,
    sum: node.sum,
    visits: node.visits,
    samples: node.samples,
    arrivals: node.arrivals,
    drawn: node.drawn,
    logProb: node.logProb,
    answer: node.answer,
    graded: node.graded,
    cost: node.cost,
  };
}
