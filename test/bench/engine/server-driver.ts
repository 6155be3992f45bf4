/** The search-shaped load on `llama-server`: its prompt cache and 16 slots, in the two ways it can be asked for siblings. */
import type { Prefix } from "../../../server/services.ts";
import type { LlamaServer } from "../support/llama-server.ts";
import { SHAPE, type LoadDriver } from "./search-load.ts";

/** `requests`: one request a sibling, all at once. `n_cmpl`: one request for all siblings of a prefix. */
export type SiblingMode = "requests" | "n_cmpl";

/** Slots of the server: as many as there are siblings. */
export const SERVER_SETTINGS = ["-np", String(SHAPE.children), "-c", String(SHAPE.children * 1024)];

/** The load on a running server. */
export function serverDriver(
  server: LlamaServer,
  mode: SiblingMode,
  scored: { readonly suffix: string },
): LoadDriver {
  const common = (prefix: Prefix, seed: number): object => ({
    prompt: prefix.join(""),
    n_predict: SHAPE.tokens,
    cache_prompt: true,
    temperature: SHAPE.temperature,
    top_p: SHAPE.topP,
    top_k: 0,
    min_p: 0,
    seed,
  });
  return {
    async expand(prefix, children, seed) {
      const answers =
        mode === "n_cmpl"
          ? await server.complete({ ...common(prefix, seed), n_cmpl: children })
          : (
              await Promise.all(
                Array.from({ length: children }, (_, index) => server.complete(common(prefix, seed + index))),
              )
            ).flat();
      return answers.map(({ content, tokens_predicted }) => ({ text: content, tokens: tokens_predicted }));
    },
    async score(prefix) {
      const [answer] = await server.complete({
        prompt: prefix.join("") + scored.suffix,
        n_predict: 1,
        n_probs: 10,
        cache_prompt: true,
        temperature: 0,
      });
      return answer?.completion_probabilities?.[0]?.top_logprobs[0]?.logprob ?? Number.NaN;
    },
  };
}
