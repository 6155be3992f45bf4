/** An OpenAI-compatible server: its address, checked, and one request to it, with everything that may come of that. */
import * as z from "zod";
import { jsonOf } from "../../json.ts";
import { messageOf } from "../../errors.ts";
import type { EndpointFailure } from "./failures.ts";

/** Where a model is served, and how it is asked. */
export interface Endpoint {
  /** As the person wrote it: with or without `/v1`. */
  readonly url: string;
  /** The server's name for the model; empty: the only one it has. */
  readonly model: string;
  /** Sent as `Authorization: Bearer`; null sends none. */
  readonly key: string | null;
  /** `two-shot` for an untuned model, `bare` for one trained on the step grammar. */
  readonly promptFormat: "two-shot" | "bare";
  /** Requests under way at once. */
  readonly concurrentRequests: number;
  /** How long the server may say nothing before a request is given up. */
  readonly timeoutMs: number;
}

/** An address that can be asked: `base` ends before the path of a request and has no secret in it. */
export type Address =
  { readonly kind: "address"; readonly base: string; readonly origin: string } | EndpointFailure;

/** Checks the address. Secrets do not belong in it: it is shown, logged and, as far as the host, stored in traces. */
export function addressOf(text: string): Address {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return { kind: "bad-url", problem: "it is not a URL." };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return { kind: "bad-url", problem: "only http and https can be used." };
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    return {
      kind: "bad-url",
      problem: "names, passwords and parameters do not belong in it; a key is set apart from it.",
    };
  const path = url.pathname.replace(/\/+$/u, "").replace(/\/v1$/u, "");
  return { kind: "address", base: `${url.origin}${path}`, origin: url.origin };
}

/** Paths of the two requests. */
export const COMPLETIONS = "/v1/completions";
export const MODELS = "/v1/models";

/** A response whose body is still to be read. `heard` is called at every sign of life. */
export interface Answer {
  readonly kind: "answer";
  readonly response: Response;
  readonly heard: () => void;
  /** What an exception while the body is read means. @throws the signal's reason when that is what it is. */
  readonly failureOf: (error: unknown) => EndpointFailure;
  /** Ends the connection. */
  readonly close: () => void;
}

/**
 * The requests to a server that are under way. What is heard of one is a sign of life for all: many a server takes them
 * one after another, and the last in line waits for all the others.
 */
export class SignsOfLife {
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Calls `silent` when nothing was heard for so long; returns what ends that. */
  watch(timeoutMs: number, silent: () => void): () => void {
    const timer = setTimeout(silent, timeoutMs);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  heard(): void {
    for (const timer of this.#timers) timer.refresh();
  }
}

/**
 * Sends one request. Whatever is not a success is a failure by its kind.
 * @throws the signal's reason when it is aborted.
 */
export async function ask(
  { base, endpoint, path }: { readonly base: string; readonly endpoint: Endpoint; readonly path: string },
  body: object | null,
  signal: AbortSignal,
  life = new SignsOfLife(),
): Promise<Answer | EndpointFailure> {
  signal.throwIfAborted();
  const ending = new AbortController();
  const silent = new Error("the server says nothing");
  const unwatch = life.watch(endpoint.timeoutMs, () => ending.abort(silent));
  const heard = (): void => life.heard();
  const close = (): void => {
    unwatch();
    ending.abort(new Error("done"));
  };
  const failureOf = (error: unknown, otherwise: "unreachable" | "cut-off"): EndpointFailure => {
    const was = ending.signal.reason as unknown;
    close();
    signal.throwIfAborted();
    if (was === silent) return { kind: "silent", seconds: endpoint.timeoutMs / 1000 };
    return { kind: otherwise, detail: detailOf(error) };
  };
  let response: Response;
  try {
    response = await fetch(`${base}${path}`, {
      method: body === null ? "GET" : "POST",
      headers: {
        ...(body === null ? {} : { "content-type": "application/json" }),
        ...(endpoint.key === null ? {} : { authorization: `Bearer ${endpoint.key}` }),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      // The key is for this server; where it points to, a person has to say that it is meant.
      redirect: "manual",
      signal: AbortSignal.any([signal, ending.signal]),
    });
  } catch (error) {
    return failureOf(error, "unreachable");
  }
  heard();
  if (response.ok)
    return { kind: "answer", response, heard, failureOf: (error) => failureOf(error, "cut-off"), close };
  try {
    return await refusal(response, endpoint, path, base);
  } catch (error) {
    return failureOf(error, "cut-off");
  } finally {
    close();
  }
}

/** What servers say of an error: OpenAI's form, with llama-server's numbers of a prompt that is too long. */
export const ErrorBody = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: z.string().catch(""),
      n_prompt_tokens: z.number().optional().catch(undefined),
      n_ctx: z.number().optional().catch(undefined),
    }),
  ]),
});

async function refusal(
  response: Response,
  endpoint: Endpoint,
  path: string,
  base: string,
): Promise<EndpointFailure> {
  const { status, headers } = response;
  if (status >= 300 && status < 400) return { kind: "moved", to: targetOf(headers.get("location"), base) };
  const text = await textOf(response, MOST_OF_ERROR);
  const parsed = ErrorBody.safeParse(jsonOf(text));
  const error = parsed.success ? parsed.data.error : "";
  const message = typeof error === "string" ? error : error.message;
  const said = message === "" ? text : message;
  const detail = shorten(said);
  if (typeof error !== "string" && error.n_prompt_tokens !== undefined && error.n_ctx !== undefined)
    return { kind: "too-long", tokens: error.n_prompt_tokens, limit: error.n_ctx };
  const limit = status === 400 ? CONTEXT_LENGTH.exec(said)?.[1] : undefined;
  if (limit !== undefined) {
    const tokens = PROMPT_LENGTH.exec(said)?.[1];
    return { kind: "too-long", tokens: tokens === undefined ? null : Number(tokens), limit: Number(limit) };
  }
  if (status === 401 || status === 403) return { kind: "key", status, had: endpoint.key !== null };
  if (status === 404) return { kind: "not-found", path, detail };
  if (status === 429 || status === 503)
    return { kind: "busy", status, seconds: retryAfter(headers.get("retry-after")), detail };
  return { kind: status < 500 ? "refused" : "server", status, detail };
}

/**
 * How vLLM and OpenAI say that prompt and candidate together are too long: `This model's maximum context length is 2048
 * tokens. However, you requested 2100 tokens (2000 in the prompt, 100 in the completion).`, or `your prompt contains 2000
 * input tokens`. `At least 2000` is no length: the server stopped counting there.
 */
const CONTEXT_LENGTH = /maximum context length is (\d+)/iu;
const PROMPT_LENGTH = /(?:\(|has |contains )(\d+) (?:in (?:the|your) prompt|input tokens)/iu;

const MOST_DETAIL = 200;
/** No error of an honest server comes near this, in bytes. */
const MOST_OF_ERROR = 100_000;

/** What a body says, as far as so many bytes go; the rest is not asked for. */
export async function textOf({ body }: Response, mostBytes: number): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let [text, room] = ["", mostBytes];
  // Leaving the loop early cancels the body.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk.subarray(0, room), { stream: true });
    room -= chunk.length;
    if (room <= 0) break;
  }
  return text + decoder.decode();
}

/** One line of what a server said; an HTML page says nothing to a person. */
function shorten(text: string): string {
  const line = text.replace(/\s+/gu, " ").trim();
  if (line.startsWith("<")) return "";
  return line.length > MOST_DETAIL ? `${line.slice(0, MOST_DETAIL)}…` : line;
}

/** The target of a redirection without its query, in which there may be secrets. */
function targetOf(location: string | null, base: string): string {
  try {
    const url = new URL(location ?? "", base);
    return `${url.origin}${url.pathname}`;
  } catch {
    return "another address";
  }
}

/** `Retry-After`: seconds, or a date. */
function retryAfter(value: string | null): number | null {
  if (value === null || value.trim() === "") return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

function detailOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return messageOf(cause);
}
