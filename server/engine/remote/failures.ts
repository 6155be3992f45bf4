/** What can go wrong between this program and a server that has the model, and the words for it. */

/** Every kind is a state of the network or of the server that a person can change. */
export type EndpointFailure =
  | { readonly kind: "bad-url"; readonly problem: string }
  /** No answer at all; `detail` is the system's name for why, such as ECONNREFUSED. */
  | { readonly kind: "unreachable"; readonly detail: string }
  /** 401 or 403. */
  | { readonly kind: "key"; readonly status: number; readonly had: boolean }
  /** 404: no such path, or no such model. `detail` is what the server said. */
  | { readonly kind: "not-found"; readonly path: string; readonly detail: string }
  /** The server lists its models, and the one asked for is not among them, or none was asked for and there are several. */
  | { readonly kind: "model"; readonly known: readonly string[] }
  /** Any other 4xx. */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** 429 or 503, after waiting as often as was sensible. `seconds` is what the server asked to wait. */
  | {
      readonly kind: "busy";
      readonly status: number;
      readonly seconds: number | null;
      readonly detail: string;
    }
  /** 5xx, or an error in the middle of an answer. */
  | { readonly kind: "server"; readonly status: number; readonly detail: string }
  | { readonly kind: "moved"; readonly to: string }
  /** An answer that is not what the OpenAI interface says. */
  | { readonly kind: "malformed"; readonly detail: string }
  /** The connection ended in the middle of an answer. */
  | { readonly kind: "cut-off"; readonly detail: string }
  | { readonly kind: "silent"; readonly seconds: number }
  /** The prompt with what was asked for does not fit. `tokens` are the prompt's; null where the server does not tell. */
  | { readonly kind: "too-long"; readonly tokens: number | null; readonly limit: number };

/** What happened and what to do. `server` is its address, without any secret; `model` the name that was asked for. */
export function describeEndpointFailure(failure: EndpointFailure, server: string, model: string): string {
  switch (failure.kind) {
    case "bad-url":
      return `The address of the endpoint is not usable: ${failure.problem} Write it as http://localhost:8080, for example. Nothing was sent.`;
    case "unreachable":
      return `The server at ${server} cannot be reached (${failure.detail}). Start it, or correct the address of the endpoint, and try again.`;
    case "key":
      return failure.had
        ? `The server at ${server} does not accept the key (${failure.status}). Set the right one: Set Endpoint Key… in VS Code, RSTAR_ENDPOINT_KEY elsewhere.`
        : `The server at ${server} wants a key (${failure.status}). Set one: Set Endpoint Key… in VS Code, RSTAR_ENDPOINT_KEY elsewhere.`;
    case "not-found":
      return `The server at ${server} has no ${failure.path} for the model "${model}"${said(failure.detail)}. Correct the endpoint's model or address; servers that only chat cannot be used, since the method continues text.`;
    case "model":
      return model === ""
        ? `The server at ${server} has several models: ${list(failure.known)}. Name the one to use as the endpoint's model.`
        : `The server at ${server} has no model "${model}". It has: ${list(failure.known)}. Correct the endpoint's model.`;
    case "refused":
      return `The server at ${server} refused the request (${failure.status}${said(failure.detail)}). Where it speaks of the length, start it with a longer context.`;
    case "busy":
      return failure.seconds === null
        ? `The server at ${server} has too much to do (${failure.status}${said(failure.detail)}). Try again later, or ask it less at once (the endpoint's concurrent requests).`
        : `The server at ${server} takes no more requests for ${Math.ceil(failure.seconds)} s (${failure.status}${said(failure.detail)}). Try again then, or ask it less at once (the endpoint's concurrent requests).`;
    case "server":
      return `The server at ${server} failed (${failure.status}${said(failure.detail)}). Its own log says more; try again when it works.`;
    case "moved":
      return `The server at ${server} points to ${failure.to}. Make that the address of the endpoint if it is the one you mean; nothing was sent there.`;
    case "malformed":
      return `The server at ${server} answered something else than the OpenAI interface says (${failure.detail}). Check that the address is that of llama-server, vLLM, LM Studio or Ollama.`;
    case "cut-off":
      return `The connection to the server at ${server} ended in the middle of an answer (${failure.detail}). See whether it still runs, and try again.`;
    case "silent":
      return `The server at ${server} said nothing for ${failure.seconds} s. See whether it still works, or allow it more time (the endpoint's time-out), and try again.`;
    case "too-long":
      return `The prompt takes ${failure.tokens ?? "more"} tokens, but the server at ${server} reads ${failure.limit}. Start it with a longer context.`;
    default:
      return failure satisfies never;
  }
}

function said(detail: string): string {
  return detail === "" ? "" : `: ${detail}`;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.slice(0, 20).join(", ");
}
