/** Several searches of one problem share what they draw, run and score: what was computed for the first comes from memory. */
import type {
  Candidate,
  PolicyModel,
  PreferenceModel,
  Prefix,
  ProposeRequest,
  ProposeResult,
  RunResult,
  Sandbox,
  ScoreResult,
} from "../services.ts";

/** Where something is remembered by name; a `Map` is one. */
export interface Memory<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): unknown;
}

/** Candidates by what they depend on, each with the most tokens that it was allowed. */
export type DrawnCandidates = Memory<{ readonly candidate: Candidate; readonly maxTokens: number }>;

/** Scores by prefix. */
export type KnownScores = Memory<Exclude<ScoreResult, { readonly kind: "failed" }>>;

/**
 * A policy that draws a candidate only if it is not among `drawn`, and puts it there. Tokens of a candidate that was
 * there count again, so that all searches spend their budgets alike.
 */
export function replaying(policy: PolicyModel, drawn: DrawnCandidates): PolicyModel {
  return {
    identity: policy.identity,
    propose: async (requests, signal) => {
      const missing = requests.map((request) => ({
        ...request,
        seeds: request.seeds.filter((seed) => known(drawn, request, seed) === null),
      }));
      const open = missing.filter(({ seeds }) => seeds.length > 0);
      const results = open.length === 0 ? [] : await policy.propose(open, signal);
      return requests.map((request, index): ProposeResult => {
        const asked = missing[index];
        const result = asked === undefined ? undefined : results[open.indexOf(asked)];
        if (result !== undefined && result.kind !== "candidates") return result;
        const fresh = new Map(
          result?.candidates.map((candidate, position) => [asked?.seeds[position], candidate]),
        );
        for (const [seed, candidate] of fresh)
          if (seed !== undefined)
            drawn.set(keyOf(request, seed), { candidate, maxTokens: request.maxTokens });
        return {
          kind: "candidates",
          candidates: request.seeds.flatMap((seed) => fresh.get(seed) ?? known(drawn, request, seed) ?? []),
          evaluatedTokens: result?.evaluatedTokens ?? 0,
          reusedTokens: result?.reusedTokens ?? 0,
        };
      });
    },
  };
}

/** A PPM that scores a prefix only if it is not among `scores`, and puts it there. A failure is not kept. */
export function remembering(ppm: PreferenceModel, scores: KnownScores): PreferenceModel {
  return {
    identity: ppm.identity,
    score: async (prefixes, signal) => {
      const keys = prefixes.map(prefixKey);
      const missing = prefixes.filter((_, index) => scores.get(keys[index] ?? "") === undefined);
      const results = missing.length === 0 ? [] : await ppm.score(missing, signal);
      const fresh = new Map(missing.map((prefix, index) => [prefixKey(prefix), results[index]]));
      for (const [key, result] of fresh)
        if (result !== undefined && result.kind !== "failed")
          scores.set(
            key,
            result.kind === "score" ? { ...result, evaluatedTokens: 0, reusedTokens: 0 } : result,
          );
      return keys.map((key): ScoreResult => {
        const result = fresh.get(key) ?? scores.get(key);
        if (result === undefined) throw new Error("the PPM gave no result for a prefix");
        return result;
      });
    },
  };
}

/**
 * A sandbox that runs a step on a state only if it has not run there, and remembers what came of it: a step at the very
 * limit of time or memory is then in time for all or for none. An interpreter that died is no result of the step's.
 */
export function runningOnce(sandbox: Sandbox, runs: Memory<RunResult>): Sandbox {
  return {
    run: async (state, step, signal, options) => {
      const key = JSON.stringify([state.program, step, options?.completeImports ?? false]);
      const known = runs.get(key);
      if (known !== undefined) return known;
      const result = await sandbox.run(state, step, signal, options);
      if (result.kind !== "crash") runs.set(key, result);
      return result;
    },
  };
}

/** What the policy would draw: a text that ended by itself does not depend on how long it might have become. */
function known(drawn: DrawnCandidates, request: ProposeRequest, seed: number): Candidate | null {
  const earlier = drawn.get(keyOf(request, seed));
  if (earlier === undefined) return null;
  const { candidate, maxTokens } = earlier;
  const isSame =
    candidate.finish.kind === "length"
      ? maxTokens === request.maxTokens
      : candidate.tokens <= request.maxTokens;
  return isSame ? candidate : null;
}

function keyOf({ prefix, sampling, stop }: ProposeRequest, seed: number): string {
  return JSON.stringify([prefix, sampling, stop, seed]);
}

/** The name of a prefix among scores. */
export function prefixKey(prefix: Prefix): string {
  return JSON.stringify(prefix);
}
