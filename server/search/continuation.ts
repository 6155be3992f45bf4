/** Going on with a stored search: its tree is taken over, and a person's choice decides where it grows. */
import { isDeepStrictEqual } from "node:util";
import type { Preference, Trace, TraceNode } from "../protocol/trace.ts";
import type { ModelIdentity } from "../services.ts";
import { MARK, parseStep } from "./grammar.ts";
import type { Search } from "./search.ts";
import { SearchFailure } from "./services.ts";
import { isRefused, pathOf, refusedSteps, type SearchNode, type Tree } from "./tree.ts";

/**
 * What a person decided about a node of the stored trace. `text` is a step as the grammar has it: comment and code. A step
 * that is pinned or edited takes back the rejections of those before it: the newer choice wins.
 */
export type Choice =
  | { readonly kind: "pin"; readonly node: number }
  | { readonly kind: "reject"; readonly node: number }
  | { readonly kind: "edit"; readonly node: number; readonly text: string };

/** A stored search, and the choice from which it goes on; null goes on where it ended. */
export interface Earlier {
  readonly trace: Trace;
  readonly choice: Choice | null;
}

/** Why the choice cannot be gone on from, in a sentence; null when it can. */
export function choiceProblem(trace: Trace, choice: Choice): string | null {
  const node = trace.nodes[choice.node];
  if (node === undefined || node.kind === "root") return "The search has no such step. Nothing was changed.";
  if (node.kind === "answer" && choice.kind === "edit")
    return "An answer is read from the last step's output. Edit that step instead; nothing was changed.";
  if (choice.kind === "pin" && node.rejection !== null && node.rejection.kind !== "person")
    return `This step cannot be kept: ${node.rejection.message} Edit it instead; nothing was changed.`;
  return null;
}

/** Takes a stored search over into a fresh one. */
export class Continuation {
  readonly #search: Search;
  readonly #earlier: Earlier;
  readonly #createdAt: string;
  /** The stored search's nodes by their old numbers; those that were never run are gone. */
  #nodes: ReadonlyMap<number, SearchNode> = new Map();
  #made: SearchNode | null = null;

  /** `ppm` is the one in use now, if any. */
  constructor(search: Search, earlier: Earlier, ppm: ModelIdentity | null, createdAt: string) {
    const { models, nodes, problem } = earlier.trace;
    this.#search = search;
    this.#earlier = earlier;
    this.#createdAt = createdAt;
    this.#nodes = restoreTree(search.tree, nodes, {
      scores: isDeepStrictEqual(models.ppm, ppm),
      grades: problem.reference === search.problem.reference,
    });
    search.origin = this.#nodes.get(earlier.trace.origin ?? 0) ?? search.tree.root;
  }

  /** Applies the choice. @throws SearchFailure when an edited step does not hold; the signal's reason. */
  async begin(): Promise<void> {
    const search = this.#search;
    const { trace, choice } = this.#earlier;
    const node = choice === null ? undefined : this.#nodes.get(choice.node);
    const before = search.origin;
    // Before the answers are counted: whatever lies below a refused step has no vote.
    const takenBack = choice === null || node?.parent == null ? [] : this.#decide(choice, node);
    const groups = trace.votes.map(({ nodes }) => nodes.flatMap((id) => this.#nodes.get(id) ?? []));
    await search.takeOver(trace.cost, trace.trajectories.started, groups);
    if (choice?.kind !== "edit" || node?.parent == null) return;
    const parsed = parseStep(choice.text, node.final ? MARK.endOfCode : MARK.endOfStep);
    this.#made = await search.addStep(node.parent, parsed);
    if (this.#made.rejection !== null) {
      // A step that does not hold decides nothing.
      for (const step of takenBack) search.refuse(step);
      search.origin = before;
      throw new SearchFailure(
        `The edited step does not hold: ${this.#made.rejection.message} Correct it and go on again; what was found before is kept.`,
      );
    }
    search.origin = this.#made;
  }

  /** Says where the search goes on, and by which steps it may not. Returns those whose rejection is taken back. */
  #decide(choice: Choice, node: SearchNode): readonly SearchNode[] {
    const search = this.#search;
    if (choice.kind === "reject") {
      search.refuse(node);
      // Nothing can be found below a step that was rejected before, either.
      search.origin = refusedSteps(node)[0]?.parent ?? search.origin;
      return [];
    }
    search.origin = (choice.kind === "pin" ? node : node.parent) ?? search.origin;
    const takenBack = refusedSteps(search.origin);
    for (const step of takenBack) step.rejection = null;
    return takenBack;
  }

  /** What the trace says about the search it came from. */
  fields(chosen: number | null): Pick<Trace, "continues" | "origin" | "preferences"> {
    const preference = this.#preference(chosen);
    const number = (old: number | null): number | null =>
      old === null ? null : (this.#nodes.get(old)?.id ?? null);
    const before = (this.#earlier.trace.preferences ?? [])
      .map((each) => ({ ...each, preferred: number(each.preferred), rejected: number(each.rejected) }))
      // A rejection that was taken back is none to learn from.
      .filter(({ kind, rejected }) => kind !== "reject" || this.#isRefused(rejected));
    const preferences = preference === null ? before : [...before, preference];
    const origin = this.#search.origin;
    return {
      continues: this.#earlier.trace.id,
      ...(origin.parent === null ? {} : { origin: origin.id }),
      ...(preferences.length === 0 ? {} : { preferences }),
    };
  }

  #isRefused(id: number | null): boolean {
    const node = id === null ? undefined : this.#search.tree.nodes[id];
    return node !== undefined && isRefused(node);
  }

  /** Siblings, one better than the other: what training wants to know. */
  #preference(chosen: number | null): Preference | null {
    const { choice, trace } = this.#earlier;
    const node = choice === null ? undefined : this.#nodes.get(choice.node);
    if (choice === null || node === undefined) return null;
    const createdAt = this.#createdAt;
    switch (choice.kind) {
      case "pin": {
        const rival = siblingOnPath(this.#nodes.get(trace.chosen ?? -1), node);
        return { kind: "pin", preferred: node.id, rejected: rival?.id ?? null, createdAt };
      }
      case "reject": {
        const winner = chosen === null ? undefined : this.#search.tree.nodes[chosen];
        const preferred = siblingOnPath(winner, node);
        return { kind: "reject", preferred: preferred?.id ?? null, rejected: node.id, createdAt };
      }
      case "edit":
        if (this.#made === null || this.#made.rejection !== null || this.#made === node) return null;
        return { kind: "edit", preferred: this.#made.id, rejected: node.id, createdAt };
      default:
        return choice satisfies never;
    }
  }
}

/** The node on the way to `end` that shares its parent with `node` and is another one. */
function siblingOnPath(end: SearchNode | undefined, node: SearchNode): SearchNode | undefined {
  if (end === undefined) return undefined;
  return pathOf(end).find((step) => step.parent === node.parent && step !== node);
}

/**
 * Puts stored nodes into a fresh tree. Steps that were never run are left out, for nothing is known about them; in a
 * trace of version 1, which did not keep them, arrivals and draws are taken from the counts of merged candidates.
 * `keeps` says what of them is still true: scores, unless another PPM gave them, which no vote could compare with those
 * to come; grades, unless the given answer was another one.
 */
function restoreTree(
  tree: Tree,
  stored: readonly TraceNode[],
  keeps: { readonly scores: boolean; readonly grades: boolean },
): ReadonlyMap<number, SearchNode> {
  const nodes = new Map<number, SearchNode>([[0, tree.root]]);
  tree.root.drawn = stored[0]?.drawn ?? 0;
  if (stored[0] !== undefined) tree.root.cost = { ...stored[0].cost };
  for (const node of stored) {
    const parent = node.parent === null ? undefined : nodes.get(node.parent);
    const { kind } = node;
    if (parent === undefined || kind === "root" || node.rejection?.kind === "interrupted") continue;
    const made = tree.adopt(parent, {
      ...node,
      kind,
      ...(keeps.scores ? {} : { ppm: null }),
      ...(keeps.grades ? {} : { graded: null }),
    });
    if (node.arrivals === undefined)
      made.arrivals = kind === "answer" ? parent.samples : node.rejection === null ? 0 : node.samples;
    if (node.drawn === undefined) parent.drawn += kind === "step" ? node.samples : 0;
    nodes.set(node.id, made);
  }
  return nodes;
}
