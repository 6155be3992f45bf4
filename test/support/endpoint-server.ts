/** An OpenAI-compatible server by script, in this process: what it answers is written in the test. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Endpoint } from "../../server/engine/remote/endpoint.ts";

/** A request as it arrived. */
export interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

/** Answers one request; called with how many completions were asked for before it. */
export type EndpointScript = (asked: Asked, answer: ServerResponse, before: number) => void | Promise<void>;

export interface EndpointServer extends AsyncDisposable {
  readonly url: string;
  /** Completions that were asked for. */
  readonly asked: Asked[];
  /** Completions whose connection the client closed before the answer was whole. */
  readonly closedEarly: () => number;
  /** The most completions that were under way at once. */
  readonly most: () => number;
  /** Settings for it. */
  endpoint(changes?: Partial<Endpoint>): Endpoint;
}

/** What `/v1/models` tells. */
export const ONE_MODEL = { data: [{ id: "tiny", max_model_len: 2048 }] };

/** Starts the server on a free port. */
export async function endpointServer(
  complete: EndpointScript,
  models: object | ((asked: Asked, answer: ServerResponse) => void) = ONE_MODEL,
): Promise<EndpointServer> {
  const asked: Asked[] = [];
  let [under, most, closedEarly] = [0, 0, 0];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const one: Asked = {
      path: request.url ?? "",
      authorization: request.headers.authorization,
      body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
    };
    if (one.path === "/v1/models") {
      if (typeof models === "function") models(one, response);
      else json(response, 200, models);
      return;
    }
    most = Math.max(most, ++under);
    response.once("close", () => {
      under--;
      if (!response.writableFinished) closedEarly++;
    });
    asked.push(one);
    await complete(one, response, asked.length - 1);
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    closedEarly: () => closedEarly,
    most: () => most,
    endpoint: (changes = {}) => ({
      url,
      model: "tiny",
      key: null,
      promptFormat: "bare",
      concurrentRequests: 4,
      timeoutMs: 5_000,
      ...changes,
    }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A whole answer in JSON. */
export function json(response: ServerResponse, status: number, body: object, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** Begins a stream of events. */
export function stream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
}

/** One event of a stream. */
export function send(response: ServerResponse, event: object | "[DONE]"): void {
  response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`);
}

/** A piece of text, one token. */
export function piece(text: string, rest: object = {}): object {
  return { choices: [{ text, index: 0, finish_reason: null }], ...rest };
}

/** Streams the pieces and ends the text as models do. */
export function write(response: ServerResponse, pieces: readonly string[], reason = "stop"): void {
  stream(response);
  for (const text of pieces) send(response, piece(text));
  send(response, { choices: [{ text: "", finish_reason: reason }] });
  send(response, "[DONE]");
  response.end();
}
