/** Where a search's time and tokens went. Pure. */
import type { Trace } from "../../server/protocol/trace.ts";
import type { TreeModel } from "./tree-model.ts";

/** What tokens were spent on. */
export interface TokenSplit {
  readonly chosen: number;
  readonly others: number;
  readonly rejected: number;
}

/** The whole account. Times in milliseconds of waiting, so they add up to the search's wall time. */
export interface Costs {
  readonly ms: {
    readonly policy: number;
    readonly ppm: number;
    readonly sandbox: number;
    readonly grading: number;
    readonly rest: number;
  };
  /** Tokens the policy generated, by what became of them. */
  readonly tokens: TokenSplit;
  /** The same for each step's number (index 0 is step 1). */
  readonly byDepth: readonly TokenSplit[];
  /** Prompt tokens that had to be computed, and tokens the PPM read. */
  readonly promptTokens: number;
  readonly ppmTokens: number;
}

/** The account of a finished search. */
export function costsOf(trace: Trace, tree: TreeModel): Costs {
  const { total, policy, ppm, sandbox, grading } = trace.ms;
  const depths = new Map<number, number>();
  const byDepth: { chosen: number; others: number; rejected: number }[] = [];
  for (const node of trace.nodes) {
    const depth = node.parent === null ? 0 : (depths.get(node.parent) ?? 0) + 1;
    depths.set(node.id, depth);
    if (depth === 0) continue;
    const split = (byDepth[depth - 1] ??= { chosen: 0, others: 0, rejected: 0 });
    const kind = node.status === "rejected" ? "rejected" : tree.chosen.has(node.id) ? "chosen" : "others";
    split[kind] += node.cost.generatedTokens;
  }
  const sum = (kind: keyof TokenSplit): number => byDepth.reduce((all, split) => all + split[kind], 0);
  return {
    // The parts can overlap by a rounding error; what is left is never below nothing.
    ms: { policy, ppm, sandbox, grading, rest: Math.max(0, total - policy - ppm - sandbox - grading) },
    tokens: { chosen: sum("chosen"), others: sum("others"), rejected: sum("rejected") },
    byDepth,
    promptTokens: trace.cost.evaluatedTokens,
    ppmTokens: trace.cost.ppmTokens,
  };
}

/** What the comparison shows of one trace. */
export interface Outcome {
  readonly traceId: string;
  readonly strategy: string;
  readonly model: string;
  readonly adapter: string | null;
  readonly ppm: string | null;
  readonly answer: string | null;
  readonly graded: "equal" | "different" | "undecided" | null;
  readonly support: number;
  readonly answered: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly candidates: number;
  readonly rejected: number;
  readonly createdAt: string;
}

/** One line of the comparison. */
export function outcomeOf(trace: Trace): Outcome {
  const chosen = trace.chosen === null ? undefined : trace.nodes[trace.chosen];
  const own = trace.votes.find((vote) => chosen !== undefined && vote.nodes.includes(chosen.id));
  return {
    traceId: trace.id,
    strategy: String(trace.settings["strategy"] ?? ""),
    model: trace.models.policy.id,
    adapter: trace.models.policy.adapter?.id ?? null,
    ppm: trace.models.ppm?.id ?? null,
    answer: chosen?.answer ?? null,
    graded: chosen?.graded ?? null,
    support: own?.count ?? 0,
    answered: trace.votes.reduce((sum, vote) => sum + vote.count, 0),
    tokens: trace.cost.generatedTokens,
    seconds: trace.ms.total / 1000,
    candidates: trace.nodes.length - 1,
    rejected: trace.nodes.filter((node) => node.status === "rejected").length,
    createdAt: trace.createdAt,
  };
}
