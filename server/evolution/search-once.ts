/** One search of one of a run's problems, for training on it or for comparing adapters by it. */
import type { Trace } from "../protocol/trace.ts";
import type { SearchConfig } from "../search/config.ts";
import type { SearchServices } from "../search/services.ts";
import { solve } from "../search/solve.ts";
import type { PolicyModel, ProposeResult } from "../services.ts";
import type { TrainingProblem } from "./problems.ts";

/** What a search led to. */
export interface Searched {
  readonly trace: Trace;
  /** Whether it failed because the policy cannot read the problem: it does so each time, and nothing is wrong. */
  readonly isTooLong: boolean;
}

/** Searches a problem; `id` names the trace. */
export async function searchOnce(
  { id: problemId, problem: text, answer: reference }: TrainingProblem,
  config: SearchConfig,
  services: SearchServices,
  id: string,
  now: Date,
  signal: AbortSignal,
): Promise<Searched> {
  // A search begins at the bare problem.
  let first: ProposeResult | undefined;
  const policy: PolicyModel = {
    identity: services.policy.identity,
    propose: async (requests, inner) => {
      const results = await services.policy.propose(requests, inner);
      first ??= results[0];
      return results;
    },
  };
  const trace = await solve(
    { id: problemId, text, reference },
    config,
    { ...services, policy },
    { id, createdAt: now.toISOString(), source: null },
    signal,
  );
  return { trace, isTooLong: trace.stop === "failed" && first?.kind === "too-long" };
}
