/** A load shaped like a search: every level's best few prefixes are extended by many candidates, and each is scored. */
import type { PolicyModel, Prefix, PreferenceModel } from "../../../server/services.ts";

/** A prefix of about 400 tokens, 16 children of 60 tokens, 4 of them extended by 16 children each, and so on. */
export const SHAPE = { children: 16, extended: 4, tokens: 60, levels: 3, temperature: 0.8, topP: 0.95 };

/** What one candidate needs to be gone on from. */
export interface Child {
  readonly text: string;
  readonly tokens: number;
}

/** Something that can do the load: extends a prefix by so many candidates, then scores each of them. */
export interface LoadDriver {
  expand(prefix: Prefix, children: number, seed: number): Promise<readonly Child[]>;
  score(prefix: Prefix): Promise<number>;
}

/** What was done, in how long. */
export interface LoadResult {
  readonly steps: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Runs the load. Which children are extended does not depend on their scores, so that every driver has the same work. */
export async function runLoad(driver: LoadDriver, root: Prefix): Promise<LoadResult> {
  const started = performance.now();
  let steps = 0;
  let tokens = 0;
  let parents: readonly Prefix[] = [root];
  for (let level = 0; level < SHAPE.levels; level++) {
    const families = await Promise.all(
      parents.map(async (parent, index) => {
        const children = await driver.expand(parent, SHAPE.children, 1000 * level + 100 * index + 1);
        const prefixes = children.map((child) => [...parent, child.text]);
        await Promise.all(prefixes.map((prefix) => driver.score(prefix)));
        steps += children.length;
        tokens += children.reduce((sum, child) => sum + child.tokens, 0);
        return prefixes;
      }),
    );
    const all = families.flat();
    const stride = Math.max(1, Math.floor(all.length / SHAPE.extended));
    parents = all.filter((_, index) => index % stride === 0).slice(0, SHAPE.extended);
  }
  return { steps, tokens, seconds: (performance.now() - started) / 1000 };
}

/** Tokens of a tree's distinct steps, the root's included: what each model has to see at least. */
export interface TreeTokens {
  readonly policy: number;
  /** With the suffix after which a score is read; its state is dropped, so every score needs it anew. */
  readonly ppm: number;
}

/** The load on our engine. */
export function ownDriver(
  policy: PolicyModel,
  ppm: PreferenceModel,
): LoadDriver & { treeTokens(root: Prefix): Promise<TreeTokens> } {
  const signal = new AbortController().signal;
  const sampling = { temperature: SHAPE.temperature, topP: SHAPE.topP };
  const steps: Child[] = [];
  const propose = async (prefix: Prefix, seeds: readonly number[], maxTokens: number) => {
    const [result] = await policy.propose([{ prefix, seeds, sampling, stop: [], maxTokens }], signal);
    if (result?.kind !== "candidates") throw new Error(JSON.stringify(result));
    return result;
  };
  const scored: { readonly prefix: Prefix; readonly tokens: number }[] = [];
  return {
    async expand(prefix, children, seed) {
      const seeds = Array.from({ length: children }, (_, index) => seed + index);
      const { candidates } = await propose(prefix, seeds, SHAPE.tokens);
      steps.push(...candidates);
      return candidates;
    },
    async score(prefix) {
      const [result] = await ppm.score([prefix], signal);
      if (result?.kind !== "score") throw new Error(JSON.stringify(result));
      scored.push({ prefix, tokens: result.evaluatedTokens + result.reusedTokens });
      return result.value;
    },
    async treeTokens(root) {
      const lengthOf = async (prefix: Prefix): Promise<number> => {
        const { evaluatedTokens, reusedTokens } = await propose(prefix, [1], 1);
        return evaluatedTokens + reusedTokens;
      };
      const [first] = scored;
      if (first === undefined) throw new Error("nothing was scored");
      const suffix = first.tokens - (await lengthOf(first.prefix));
      const tree = steps.reduce((sum, { tokens }) => sum + tokens, await lengthOf(root));
      return { policy: tree, ppm: tree + scored.length * suffix };
    },
  };
}
