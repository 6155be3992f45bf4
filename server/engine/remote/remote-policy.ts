/** A policy behind an OpenAI-compatible server. Candidates are requests side by side; the server batches them. */
import { setMaxListeners } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { jsonOf } from "../../json.ts";
import type { ModelIdentity, PolicyModel, ProposeRequest, ProposeResult } from "../../services.ts";
import { Turns } from "../../turns.ts";
import type { PolicyCounters } from "../policy.ts";
import { complete, type Completion, type CompletionRequest } from "./completion.ts";
import { addressOf, ask, MODELS, SignsOfLife, textOf, type Answer, type Endpoint } from "./endpoint.ts";
import { describeEndpointFailure, type EndpointFailure } from "./failures.ts";

/** A policy, or why the server cannot be used. `key`: the key is missing or wrong. */
export type RemoteOpening =
  | { readonly kind: "ready"; readonly policy: RemotePolicy }
  | { readonly kind: "failed"; readonly reason: "key" | "other"; readonly message: string };

/** How long is waited before a request is sent again, and for how long in all; tests wait less. */
export interface Patience {
  /** Before each further try of a request, where the server names no time itself. */
  readonly delaysMs: readonly number[];
  /** A server that asks for more than this is not waited for. */
  readonly longestMs: number;
}
const PATIENCE: Patience = { delaysMs: [500, 2_000, 8_000], longestMs: 30_000 };

/** In bytes: the longest lists that are public, of several hundred models, are a quarter of this. */
const MOST_OF_LIST = 4_000_000;

const ModelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      /** Tokens it reads: vLLM's name for them, and llama-server's. */
      max_model_len: z.int().positive().nullish().catch(null),
      meta: z.object({ n_ctx: z.int().positive().nullish() }).nullish().catch(null),
    }),
  ),
});

/**
 * Asks the server for its models, so that a wrong address, key or name shows before anything is searched.
 * @throws the signal's reason when it is aborted.
 */
export async function openRemotePolicy(
  endpoint: Endpoint,
  signal: AbortSignal,
  patience: Patience = PATIENCE,
): Promise<RemoteOpening> {
  const address = addressOf(endpoint.url);
  if (address.kind !== "address") return failed(address, endpoint.url, endpoint.model);
  const { base, origin } = address;
  // One that still loads its model says so.
  const answer = await again(patience, signal, ["busy"], () =>
    ask({ base, endpoint, path: MODELS }, null, signal),
  );
  // Some servers complete and list nothing: then the first request shows what is wrong.
  if (answer.kind === "not-found" && endpoint.model !== "")
    return { kind: "ready", policy: new RemotePolicy(endpoint, { base, origin }, null, patience) };
  if (answer.kind !== "answer") return failed(answer, base, endpoint.model);
  let text: string;
  try {
    text = await textOf(answer.response, MOST_OF_LIST);
  } catch (error) {
    return failed(answer.failureOf(error), base, endpoint.model);
  } finally {
    answer.close();
  }
  const parsed = ModelList.safeParse(jsonOf(text));
  if (!parsed.success)
    return failed({ kind: "malformed", detail: "no list of models" }, base, endpoint.model);
  const { data } = parsed.data;
  const named = data.find(({ id }) => id === endpoint.model || id === `${endpoint.model}:latest`);
  const found = named ?? (endpoint.model === "" && data.length === 1 ? data[0] : undefined);
  if (found === undefined)
    return failed({ kind: "model", known: data.map(({ id }) => id) }, base, endpoint.model);
  const context = found.max_model_len ?? found.meta?.n_ctx ?? null;
  const policy = new RemotePolicy({ ...endpoint, model: found.id }, { base, origin }, context, patience);
  return { kind: "ready", policy };
}

/** What may be over in a moment: a server that has much to do or starts anew, a connection or a gateway before it that breaks. */
const PASSING: readonly EndpointFailure["kind"][] = ["busy", "unreachable", "cut-off"];
const GATEWAY = new Set([502, 504]);

/** Does it again while it fails so, as long as the server asks for no more time than there is. */
async function again<T extends Answer | Completion>(
  { delaysMs, longestMs }: Patience,
  signal: AbortSignal,
  passing: readonly EndpointFailure["kind"][],
  work: () => Promise<T | EndpointFailure>,
): Promise<T | EndpointFailure> {
  for (const delay of [...delaysMs, null]) {
    const outcome = await work();
    const asked = outcome.kind === "busy" && outcome.seconds !== null ? outcome.seconds * 1000 : delay;
    const mayAgain =
      outcome.kind === "server" ? GATEWAY.has(outcome.status) : passing.some((kind) => kind === outcome.kind);
    if (!mayAgain || delay === null || asked === null || asked > longestMs) return outcome;
    await wait(asked, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  throw new Error("a request was sent again without an end");
}

function failed(failure: EndpointFailure, server: string, model: string): RemoteOpening {
  const message = `${describeEndpointFailure(failure, server, model)} Nothing is lost.`;
  return { kind: "failed", reason: failure.kind === "key" ? "key" : "other", message };
}

/** Use `openRemotePolicy`. */
export class RemotePolicy implements PolicyModel {
  readonly identity: ModelIdentity;
  /** The address, for people. */
  readonly server: string;
  readonly #endpoint: Endpoint;
  /** Tokens that a candidate can have: what the server reads, less one of the prompt. */
  readonly #mostTokens: number;
  readonly #turns: Turns;
  readonly #life = new SignsOfLife();
  readonly #patience: Patience;
  readonly #counters = { candidates: 0, generatedTokens: 0, promptTokens: 0 };

  constructor(
    endpoint: Endpoint,
    { base, origin }: { readonly base: string; readonly origin: string },
    contextLength: number | null,
    patience: Patience,
  ) {
    this.identity = { id: endpoint.model, endpoint: origin };
    this.#mostTokens = contextLength === null ? Infinity : contextLength - 1;
    this.server = base;
    this.#endpoint = endpoint;
    this.#turns = new Turns(() => endpoint.concurrentRequests);
    this.#patience = patience;
  }

  /** What was generated so far. */
  get counters(): PolicyCounters {
    return { ...this.#counters };
  }

  async propose(requests: readonly ProposeRequest[], signal: AbortSignal): Promise<readonly ProposeResult[]> {
    // A search cannot go on when a request fails, so the others need not be waited for. It can when a prompt is too long.
    const ending = new AbortController();
    const together = AbortSignal.any([signal, ending.signal]);
    // As many candidates as there are wait for their turn: Node would take eleven for a leak and say so.
    setMaxListeners(0, together);
    let failure: EndpointFailure | null = null;
    const drawn = requests.map((request) =>
      Promise.all(
        request.seeds.map((seed, index) =>
          this.#turns.take(together, async () => {
            const outcome = await this.#fit(this.#requestFor(request, seed, index), together);
            if (outcome.kind === "completion" || outcome.kind === "too-long") return outcome;
            failure ??= outcome;
            ending.abort(new Error(outcome.kind));
            throw ending.signal.reason;
          }),
        ),
      ),
    );
    try {
      return (await Promise.all(drawn)).map(resultOf);
    } catch (error) {
      signal.throwIfAborted();
      // Assigned in a closure, which the compiler does not follow.
      const why = failure as EndpointFailure | null;
      if (why === null) throw error;
      const reason = describeEndpointFailure(why, this.server, this.#endpoint.model);
      return requests.map(() => ({ kind: "failed", reason }));
    }
  }

  /** One candidate; where there is no room for all that was asked for, with as many tokens as fit. */
  async #fit(request: CompletionRequest, signal: AbortSignal): Promise<Completion | EndpointFailure> {
    const outcome = await this.#complete(request, signal);
    if (outcome.kind !== "too-long") return outcome;
    const { tokens, limit } = outcome;
    // How much fits beside a prompt of unknown length can only be tried.
    const room = tokens === null ? Math.floor(request.maxTokens / 2) : limit - tokens;
    if (room < 1 || room >= request.maxTokens) return outcome;
    return await this.#fit({ ...request, maxTokens: room }, signal);
  }

  /** One candidate. It is no other one when it is sent again: its seed says what it is. */
  async #complete(request: CompletionRequest, signal: AbortSignal): Promise<Completion | EndpointFailure> {
    const outcome = await again(this.#patience, signal, PASSING, () =>
      complete(this.server, this.#endpoint, request, signal, this.#life),
    );
    if (outcome.kind === "completion") this.#count(outcome);
    return outcome;
  }

  #requestFor(
    { prefix, sampling, stop, maxTokens, onText }: ProposeRequest,
    seed: number,
    index: number,
  ): CompletionRequest {
    return {
      prompt: prefix.join(""),
      ...{ seed, sampling, stop, maxTokens: Math.min(maxTokens, this.#mostTokens) },
      ...(onText === undefined ? {} : { onText: (text) => onText(index, text) }),
    };
  }

  #count({ candidate, evaluatedTokens }: Completion): void {
    this.#counters.candidates++;
    this.#counters.generatedTokens += candidate.tokens;
    this.#counters.promptTokens += evaluatedTokens;
  }
}

type TooLong = Extract<EndpointFailure, { readonly kind: "too-long" }>;

/** The seeds of a request share its prompt: where that is too long for one of them, it is for the request. */
function resultOf(outcomes: readonly (Completion | TooLong)[]): ProposeResult {
  const completions: Completion[] = [];
  for (const outcome of outcomes) {
    if (outcome.kind === "completion") completions.push(outcome);
    else return { ...outcome, tokens: outcome.tokens ?? outcome.limit + 1 };
  }
  return {
    kind: "candidates",
    candidates: completions.map(({ candidate }) => candidate),
    evaluatedTokens: completions.reduce((sum, { evaluatedTokens }) => sum + evaluatedTokens, 0),
    reusedTokens: completions.reduce((sum, { reusedTokens }) => sum + reusedTokens, 0),
  };
}
