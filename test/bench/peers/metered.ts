/** What an attempt cost a llama-server: its own counters before and after, whoever asked it. */
import type { Attempt } from "./contestant.ts";

/** Counters of a llama-server since it started. */
export interface ServerCounters {
  readonly generatedTokens: number;
  readonly promptTokens: number;
}

/** Reads the counters out of the text of `/metrics` (Prometheus). @throws where one is missing. */
export function parseCounters(metrics: string): ServerCounters {
  const read = (name: string): number => {
    const value = new RegExp(`^llamacpp:${name} ([\\d.e+]+)$`, "mu").exec(metrics)?.[1];
    if (value === undefined) throw new Error(`llama-server tells no ${name}; it needs --metrics.`);
    return Math.round(Number(value));
  };
  return { generatedTokens: read("tokens_predicted_total"), promptTokens: read("prompt_tokens_total") };
}

/** Does the work and charges it with what the server counted meanwhile. An abort leaves no answer, but the costs. */
export async function metered(
  serverUrl: string,
  work: () => Promise<Pick<Attempt, "answer" | "raw">>,
  signal: AbortSignal,
): Promise<Attempt> {
  const counters = async (): Promise<ServerCounters> =>
    parseCounters(await (await fetch(`${serverUrl}/metrics`)).text());
  const before = await counters();
  const found = await work().catch((error: unknown) => {
    if (signal.aborted) return { answer: null, raw: null };
    throw error;
  });
  const after = await counters();
  return {
    ...found,
    generatedTokens: after.generatedTokens - before.generatedTokens,
    promptTokens: after.promptTokens - before.promptTokens,
  };
}
