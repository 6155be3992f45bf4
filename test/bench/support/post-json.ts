/** Requests that may take as long as they need: `fetch` gives up after five minutes without an answer. */
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";

/** Posts JSON and reads JSON. @throws when the server refuses, or the signal is aborted. */
export async function postJson(url: string, body: object, signal: AbortSignal): Promise<unknown> {
  const headers = { "Content-Type": "application/json" };
  const call = request(url, { method: "POST", headers, signal });
  call.end(JSON.stringify(body));
  // What goes wrong later comes out of the response.
  const responses = once(call, "response");
  call.on("error", () => undefined);
  const [response] = (await responses) as [IncomingMessage];
  const answer = await text(response);
  if (response.statusCode !== 200)
    throw new Error(`${url} answered ${response.statusCode ?? 0}: ${answer.slice(0, 300)}`);
  return JSON.parse(answer);
}
