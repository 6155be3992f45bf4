/** The ways through a trace's tree, and what is known of the answers at their ends. Pure. */
import type { TraceNode, Vote } from "./trace.ts";

/** Nodes by their id: of a trace, or of a tree that still grows. */
export type NodesById = readonly TraceNode[] | ReadonlyMap<number, TraceNode>;

/** A tree with the votes on its answers, best first: a trace, or what a view makes of one. */
export interface VotedTree {
  readonly nodes: NodesById;
  readonly votes: readonly Vote[];
}

/** How a fact counts for an answer; `neutral` is neither for nor against it. */
export type Weight = "for" | "against" | "neutral";

/** What there is to say of an answer. Every surface says it in its own words; how it counts is decided here. */
export interface AnswerFacts {
  /** Null for an answer that takes no part in the vote. */
  readonly agreement: Agreement | null;
  /** Different programs that gave it; null where there are not several. */
  readonly programs: { readonly weight: Weight; readonly count: number } | null;
  /** Beside the given answer; null where there is none. */
  readonly grade: { readonly weight: Weight; readonly verdict: Verdict } | null;
}

/**
 * Trajectories that gave an answer, of all that gave one, and what most of the others gave, best first. Neutral where
 * it is the only trajectory.
 */
export interface Agreement {
  readonly weight: Weight;
  readonly support: number;
  readonly total: number;
  readonly rivals: readonly { readonly weight: Weight; readonly answer: string; readonly count: number }[];
}

/** How an answer compares with the given one. */
export type Verdict = NonNullable<TraceNode["graded"]>;

/** As many as fit into one line of evidence. */
const RIVALS_TOLD = 3;

const GRADE_WEIGHT = { equal: "for", different: "against", undecided: "neutral" } as const;

/** The nodes from the root's child to `id`, in order. */
export function pathTo(nodes: NodesById, id: number): TraceNode[] {
  const path: TraceNode[] = [];
  for (let node = nodeAt(nodes, id); node?.parent != null; node = nodeAt(nodes, node.parent)) path.push(node);
  return path.reverse();
}

/** The code of these steps without comments and blank lines: two programs that differ only in words are one. */
export function programOf(path: readonly Pick<TraceNode, "code">[]): string {
  return path
    .flatMap(({ code }) => code.split("\n"))
    .filter((line) => !line.trimStart().startsWith("#") && line.trim() !== "")
    .join("\n");
}

/** A step's code without the comment that it begins with, which is shown as its reason. */
export function belowReason(code: string): string {
  const lines = code.split("\n");
  const first = lines.findIndex((line) => !line.startsWith("#"));
  return lines.slice(Math.max(0, first)).join("\n");
}

/** What speaks for an answer, what against it and what neither way. `reference` is the given answer. */
export function answerFacts(tree: VotedTree, node: TraceNode, reference: string | null): AnswerFacts {
  const own = tree.votes.find((vote) => vote.nodes.includes(node.id));
  // An answer that was never compared, because the search was stopped, is as open as one that nobody could compare.
  const verdict = node.graded ?? (reference === null ? null : "undecided");
  return {
    agreement: own === undefined ? null : agreementOf(own, tree.votes),
    programs: own === undefined ? null : programsOf(own, tree.nodes),
    grade: verdict === null ? null : { weight: GRADE_WEIGHT[verdict], verdict },
  };
}

/**
 * The best answer below a node, itself included: by its group's place in the vote, then the one that the search put
 * first in the group, then by value, so that below the root it is the answer that a vote chose.
 */
export function bestAnswerBelow(tree: VotedTree, id: number): TraceNode | null {
  const groups = new Map(tree.votes.flatMap(({ nodes }, place) => nodes.map((node) => [node, place])));
  const firsts = new Set(tree.votes.map(({ nodes }) => nodes[0]));
  const groupOf = (node: TraceNode): number => groups.get(node.id) ?? tree.votes.length;
  const later = (node: TraceNode): number => Number(!firsts.has(node.id));
  const answers = [...tree.nodes.values()].filter(
    (node) => node.kind === "answer" && node.status === "ok" && isWithin(tree.nodes, node, id),
  );
  answers.sort((a, b) => groupOf(a) - groupOf(b) || later(a) - later(b) || byValue(a, b));
  return answers[0] ?? null;
}

/** Orders nodes by Q, then by visits, then as they were made; best first. */
export function byValue(a: TraceNode, b: TraceNode): number {
  const q = ({ sum, visits }: TraceNode): number => sum / Math.max(1, visits);
  return q(b) - q(a) || b.visits - a.visits || a.id - b.id;
}

/** A lone trajectory has nobody to agree with: that counts neither way, as in the search's own values. */
function agreementOf(own: Vote, votes: readonly Vote[]): Agreement {
  const support = own.count;
  const total = votes.reduce((sum, { count }) => sum + count, 0);
  const weight = total <= 1 ? "neutral" : support * 2 > total ? "for" : "against";
  const rivals = votes
    .filter((vote) => vote !== own)
    .slice(0, RIVALS_TOLD)
    .map(({ answer, count }) => ({ weight: "against" as const, answer, count }));
  return { weight, support, total, rivals };
}

function programsOf(own: Vote, nodes: NodesById): AnswerFacts["programs"] {
  const count = new Set(own.nodes.map((id) => programOf(pathTo(nodes, id)))).size;
  return count > 1 ? { weight: "for", count } : null;
}

function isWithin(nodes: NodesById, node: TraceNode, ancestor: number): boolean {
  return node.id === ancestor || pathTo(nodes, node.id).some(({ parent }) => parent === ancestor);
}

function nodeAt(nodes: NodesById, id: number): TraceNode | undefined {
  return "get" in nodes ? nodes.get(id) : nodes[id];
}
