/**
 * One candidate from `/v1/completions`, read while it is written. The stop strings are matched here: servers end the text
 * at one without saying at which, and the step grammar has to know. The connection is closed there, which ends the
 * generation on every server.
 */
import * as z from "zod";
import { jsonOf } from "../../json.ts";
import type { Candidate, SamplingOptions } from "../../services.ts";
import { StopMatcher } from "../stop.ts";
import { ask, COMPLETIONS, ErrorBody, type Answer, type Endpoint, type SignsOfLife } from "./endpoint.ts";
import type { EndpointFailure } from "./failures.ts";

/** What is asked of the server for one candidate. */
export interface CompletionRequest {
  readonly prompt: string;
  readonly seed: number;
  readonly sampling: SamplingOptions;
  readonly stop: readonly string[];
  readonly maxTokens: number;
  readonly onText?: (text: string) => void;
}

/** A candidate, and the prompt's tokens as far as the server tells them. */
export interface Completion {
  readonly kind: "completion";
  readonly candidate: Candidate;
  readonly evaluatedTokens: number;
  readonly reusedTokens: number;
}

const tokens = z.int().nonnegative();

/** Log-probabilities as completions have them (`token_logprobs`), or as chats do (`content`; llama-server, Ollama). */
const LogProbs = z
  .union([
    z.object({ token_logprobs: z.array(z.number().nullable()) }),
    z.object({ content: z.array(z.object({ logprob: z.number() })) }),
  ])
  .nullish()
  // They only help to choose: no answer is given up for them.
  .catch(null);

const Chunk = z.object({
  choices: z.array(
    z.object({ text: z.string().nullish(), finish_reason: z.string().nullish(), logprobs: LogProbs }),
  ),
  usage: z
    .object({
      completion_tokens: tokens.nullish(),
      prompt_tokens: tokens.nullish(),
      prompt_tokens_details: z.object({ cached_tokens: tokens.nullish() }).nullish(),
    })
    .nullish(),
  /** llama-server's, with every chunk. */
  timings: z.object({ predicted_n: tokens, prompt_n: tokens, cache_n: tokens }).nullish().catch(null),
});
type Chunk = z.infer<typeof Chunk>;

/**
 * Asks for one candidate.
 * @throws the signal's reason when it is aborted.
 */
export async function complete(
  base: string,
  endpoint: Endpoint,
  request: CompletionRequest,
  signal: AbortSignal,
  life: SignsOfLife,
): Promise<Completion | EndpointFailure> {
  const body = bodyOf(endpoint.model, request);
  const answer = await ask({ base, endpoint, path: COMPLETIONS }, body, signal, life);
  if (answer.kind !== "answer") return answer;
  const reading = new Reading(request);
  try {
    for await (const event of eventsOf(answer)) {
      const state = event === DONE ? reading.end() : reading.take(event);
      if (state !== null) return state;
    }
  } catch (error) {
    const failure = answer.failureOf(error);
    // What drops after the end takes nothing with it.
    return reading.isEnded ? reading.end() : failure;
  } finally {
    answer.close();
  }
  return reading.isEnded ? reading.end() : { kind: "cut-off", detail: "the answer has no end" };
}

function bodyOf(model: string, { prompt, seed, sampling, maxTokens }: CompletionRequest): object {
  const { temperature, topP, topK = 0, minP = 0 } = sampling;
  return {
    model,
    prompt,
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    // Not in OpenAI's interface, but in those of llama-server, vLLM and LM Studio; Ollama passes over them.
    ...(topK > 0 ? { top_k: topK } : {}),
    ...(minP > 0 ? { min_p: minP } : {}),
    seed,
    logprobs: 1,
    stream: true,
    // Counts with every chunk: vLLM's way and llama-server's. The last chunk's never comes when a stop string ends it.
    stream_options: { include_usage: true, continuous_usage_stats: true },
    timings_per_token: true,
  };
}

/** Everything read of one answer. */
class Reading {
  readonly #request: CompletionRequest;
  readonly #stops: StopMatcher;
  #pieces = 0;
  #told = 0;
  #prompt = { evaluated: 0, reused: 0 };
  #logProbs = { count: 0, sum: 0, min: 0 };
  #finish: Candidate["finish"] | null = null;

  constructor(request: CompletionRequest) {
    this.#request = request;
    this.#stops = new StopMatcher(request.stop);
  }

  /** Whether the server said how it ended. */
  get isEnded(): boolean {
    return this.#finish !== null;
  }

  /** Takes what the server sent next; the result, once there can be no more to it. */
  take(data: string): Completion | EndpointFailure | null {
    const json = jsonOf(data);
    const parsed = Chunk.safeParse(json);
    if (!parsed.success) {
      const failed = ErrorBody.safeParse(json);
      if (!failed.success) return { kind: "malformed", detail: firstIssue(json, parsed.error) };
      const { error } = failed.data;
      return { kind: "server", status: 200, detail: typeof error === "string" ? error : error.message };
    }
    this.#count(parsed.data);
    const [choice] = parsed.data.choices;
    const piece = choice?.text ?? "";
    if (piece !== "") {
      this.#pieces++;
      const state = this.#stops.push(piece);
      if (piece.includes("\n")) this.#request.onText?.(this.#stops.text);
      if (state.kind === "stop") return this.#completion(state.text, { kind: "stop", stop: state.stop });
    }
    const reason = choice?.finish_reason ?? null;
    if (reason !== null) this.#finish = { kind: reason === "length" ? "length" : "end-of-text" };
    // A server that passes over `max_tokens` must not write for ever.
    if (this.#tokens > this.#request.maxTokens) return this.#completion(this.#stops.text, { kind: "length" });
    return null;
  }

  /** The whole text, when the server said that this is all. */
  end(): Completion {
    return this.#completion(this.#stops.text, this.#finish ?? { kind: "end-of-text" });
  }

  /**
   * As the server counts them, but no fewer than the log-probabilities or pieces that came, of which none is less than a
   * token: a server that counts too few must not write for ever either. Never 0: a search whose candidates cost nothing
   * would have no end.
   */
  get #tokens(): number {
    return Math.max(1, this.#told, this.#logProbs.count, this.#pieces);
  }

  #count({ choices, usage, timings }: Chunk): void {
    const told = usage?.completion_tokens ?? timings?.predicted_n ?? 0;
    if (told > 0) this.#told = told;
    const reused = usage?.prompt_tokens_details?.cached_tokens ?? 0;
    if (timings != null) this.#prompt = { evaluated: timings.prompt_n, reused: timings.cache_n };
    else if (usage?.prompt_tokens != null)
      this.#prompt = { evaluated: Math.max(0, usage.prompt_tokens - reused), reused };
    for (const value of valuesOf(choices[0]?.logprobs)) {
      const { count, sum, min } = this.#logProbs;
      this.#logProbs = { count: count + 1, sum: sum + value, min: Math.min(min, value) };
    }
  }

  #completion(text: string, finish: Candidate["finish"]): Completion {
    const { count, sum, min } = this.#logProbs;
    return {
      kind: "completion",
      candidate: {
        text,
        tokens: this.#tokens,
        logProb: count === 0 ? null : { mean: sum / count, min },
        finish,
      },
      evaluatedTokens: this.#prompt.evaluated,
      reusedTokens: this.#prompt.reused,
    };
  }
}

function valuesOf(logProbs: z.infer<typeof LogProbs>): number[] {
  if (logProbs == null) return [];
  const values =
    "content" in logProbs ? logProbs.content.map(({ logprob }) => logprob) : logProbs.token_logprobs;
  return values.filter((value) => value !== null);
}

function firstIssue(json: unknown, error: z.ZodError): string {
  if (json === undefined) return "it is not JSON";
  const [issue] = error.issues;
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`;
}

const DONE = "[DONE]";
/** No line of an honest server comes near this. */
const LONGEST_LINE = 4_000_000;

/** The data of server-sent events as they come; of a server that does not stream, its whole answer. */
async function* eventsOf({ response, heard }: Answer): AsyncGenerator<string> {
  if (response.body === null) return;
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of response.body) {
    heard();
    rest += decoder.decode(bytes as Uint8Array, { stream: true });
    if (rest.length > LONGEST_LINE) throw new Error("a line without an end");
    if (!isStream) continue;
    const lines = rest.split(/\r?\n/u);
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
  }
  rest += decoder.decode();
  if (!isStream) yield rest;
  else if (rest.startsWith("data:")) yield rest.slice(5).trim();
}
