/** Our side: a method of `rstar eval` with the engine that the product has. */
import type { Runtime } from "../../../server/compose.ts";
import { statementHash } from "../../../server/document/hash.ts";
import type { Method } from "../../../server/evaluation/methods.ts";
import { solve } from "../../../server/search/solve.ts";
import { childrenOf } from "../support/memory.ts";
import type { Contestant } from "./contestant.ts";

/**
 * A method as a contestant, with the budget that its profile has.
 * @param model Where it is not the rivals' model as it is: the same file with an adapter, which the name then says.
 */
export function ourContestant(
  method: Method,
  { services, models }: Pick<Runtime, "services" | "models">,
  seed: number,
  others: () => readonly number[],
  model?: string,
): Contestant {
  const { strategy, budgetTokens, temperature, topP, topK, minP } = method.config;
  const adapter = models.policy?.adapter;
  const adapterNote =
    adapter === undefined
      ? ""
      : ` The model file with the adapter that was trained on the product's own searches: ${adapter.id}, SHA-256 ${adapter.sha256}.`;
  const usesPpm = method.ppm !== "none" && services.ppm !== null;
  return {
    name: `rstar ${method.name}${model === undefined ? "" : ` with ${model}`}`,
    side: "ours",
    settings: `strategy ${strategy} as the product ships it: budget ${budgetTokens} tokens, temperature ${temperature}, top-p ${topP}, top-k ${topK}, min-p ${minP}, ${usesPpm ? "with the PPM" : "no PPM"}; Python steps in the sandbox (server/search/config.ts).${adapterNote}`,
    // The interpreters are children of this process, and so are the rivals' programs.
    processes: () => [process.pid, ...childrenOf(process.pid).filter((pid) => !others().includes(pid))],
    async solve(problem, signal) {
      const trace = await solve(
        { id: statementHash(problem.text), text: problem.text, reference: null },
        { ...method.config, seed },
        usesPpm ? services : { ...services, ppm: null },
        { id: `${method.name}/${problem.id}`, createdAt: new Date().toISOString(), source: problem.id },
        signal,
      );
      const chosen = trace.chosen === null ? undefined : trace.nodes[trace.chosen];
      return {
        answer: chosen?.answer ?? null,
        generatedTokens: trace.cost.generatedTokens,
        promptTokens: trace.cost.evaluatedTokens,
        raw: trace,
        ...(trace.stop === "failed"
          ? { failure: { reason: trace.failure ?? "the search failed", seconds: trace.ms.total / 1000 } }
          : {}),
      };
    },
  };
}
