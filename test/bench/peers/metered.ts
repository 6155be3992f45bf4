/** What an attempt cost a llama-server: its own counters before and after, whoever asked it. */
import { setTimeout as delay } from "node:timers/promises";
import type { Attempt } from "./contestant.ts";

/** Counters of a llama-server since it started. */
export interface ServerCounters {
  readonly generatedTokens: number;
  readonly promptTokens: number;
}

/** Between two looks at a server that is still busy, in ms. */
const LOOK_EVERY = 100;

/** Reads the counters out of the text of `/metrics` (Prometheus). @throws where one is missing. */
export function parseCounters(metrics: string): ServerCounters {
  const read = (name: string): number => Math.round(valueOf(metrics, name));
  return { generatedTokens: read("tokens_predicted_total"), promptTokens: read("prompt_tokens_total") };
}

function valueOf(metrics: string, name: string): number {
  const value = new RegExp(`^llamacpp:${name} ([\\d.e+]+)$`, "mu").exec(metrics)?.[1];
  if (value === undefined) throw new Error(`llama-server tells no ${name}; it needs --metrics.`);
  return Number(value);
}

/** What is done about an attempt that was aborted or failed. */
export interface AfterEnd {
  /** Ends what the attempt left behind besides its request. */
  readonly reset?: () => Promise<void>;
  /** How long the server may go on with it, in ms. Default 30 s. */
  readonly idleWithinMs?: number;
}

/**
 * Does the work and charges it with what the server counted meanwhile. An abort or a failure leaves no answer, but the
 * costs: what goes on is ended and waited for first, because the next attempt would be charged with it.
 */
export async function metered(
  serverUrl: string,
  work: () => Promise<Pick<Attempt, "answer" | "raw">>,
  signal: AbortSignal,
  { reset, idleWithinMs = 30_000 }: AfterEnd = {},
): Promise<Attempt> {
  const before = parseCounters(await metricsOf(serverUrl));
  const begun = performance.now();
  const found = await work().catch(async (error: unknown) => {
    const failure = { reason: String(error), seconds: (performance.now() - begun) / 1000 };
    try {
      await reset?.();
      await untilIdle(serverUrl, idleWithinMs);
    } catch {
      // Of a server that is gone nothing can be read any more; what is to be told is why the work failed.
      throw error;
    }
    return { answer: null, raw: null, ...(signal.aborted ? {} : { failure }) };
  });
  const after = parseCounters(await metricsOf(serverUrl));
  return {
    ...found,
    generatedTokens: after.generatedTokens - before.generatedTokens,
    promptTokens: after.promptTokens - before.promptTokens,
  };
}

async function metricsOf(serverUrl: string): Promise<string> {
  return (await fetch(`${serverUrl}/metrics`)).text();
}

/** A server notices within a second that a client has gone; one that does not is not waited for for ever. */
async function untilIdle(serverUrl: string, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  while (performance.now() < end) {
    const metrics = await metricsOf(serverUrl);
    if (valueOf(metrics, "requests_processing") + valueOf(metrics, "requests_deferred") === 0) return;
    await delay(LOOK_EVERY);
  }
}
