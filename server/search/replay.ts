/** Two PPMs weigh the very same trajectories of one policy: what was drawn for the first is not drawn again for the second. */
import type { Candidate, PolicyModel, ProposeRequest, ProposeResult } from "../services.ts";

/** Candidates by what they depend on. */
export type DrawnCandidates = Map<string, Candidate>;

/**
 * A policy that draws a candidate only if it is not among `drawn`, and puts it there. Tokens of a candidate that was
 * there count again, so that both searches spend their budgets alike.
 */
export function replaying(policy: PolicyModel, drawn: DrawnCandidates): PolicyModel {
  return {
    identity: policy.identity,
    contextLength: policy.contextLength,
    propose: async (requests, signal) => {
      const missing = requests.map((request) => ({
        ...request,
        seeds: request.seeds.filter((seed) => !drawn.has(keyOf(request, seed))),
      }));
      const open = missing.filter(({ seeds }) => seeds.length > 0);
      const results = open.length === 0 ? [] : await policy.propose(open, signal);
      for (const [index, result] of results.entries()) {
        const request = open[index];
        if (request === undefined || result.kind !== "candidates") continue;
        for (const [position, candidate] of result.candidates.entries())
          drawn.set(keyOf(request, request.seeds[position] ?? -1), candidate);
      }
      return requests.map((request, index): ProposeResult => {
        const asked = missing[index];
        const result = asked === undefined ? undefined : results[open.indexOf(asked)];
        if (result !== undefined && result.kind !== "candidates") return result;
        return {
          kind: "candidates",
          candidates: request.seeds.flatMap((seed) => drawn.get(keyOf(request, seed)) ?? []),
          evaluatedTokens: result?.evaluatedTokens ?? 0,
          reusedTokens: result?.reusedTokens ?? 0,
        };
      });
    },
  };
}

function keyOf({ prefix, sampling, stop, maxTokens }: ProposeRequest, seed: number): string {
  return JSON.stringify([prefix, sampling, stop, maxTokens, seed]);
}
