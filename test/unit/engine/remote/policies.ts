/** Policies behind a scripted server, and what is asked of them. */
import { once } from "node:events";
import { openRemotePolicy, type RemotePolicy } from "../../../../server/engine/remote/remote-policy.ts";
import type { Endpoint } from "../../../../server/engine/remote/endpoint.ts";
import type { ProposeRequest, ProposeResult } from "../../../../server/services.ts";
import { endpointServer, type EndpointScript, type stream } from "../../../support/endpoint-server.ts";

export const forever = new AbortController().signal;
export const HASTE = { delaysMs: [1, 1], longestMs: 50 };
export const REQUEST: ProposeRequest = {
  prefix: ["Question: 6 times 7?\n", "<code>\n"],
  seeds: [11],
  sampling: { temperature: 0.8, topP: 0.95, topK: 40, minP: 0.05 },
  stop: ["<end_of_step>", "\n# Step "],
  maxTokens: 32,
};

export async function policyOf(endpoint: Endpoint): Promise<RemotePolicy> {
  const opening = await openRemotePolicy(endpoint, forever, HASTE);
  if (opening.kind === "failed") throw new Error(opening.message);
  return opening.policy;
}

export async function propose(
  script: EndpointScript,
  request: Partial<ProposeRequest> = {},
  changes: Partial<Endpoint> = {},
): Promise<ProposeResult | undefined> {
  await using server = await endpointServer(script);
  const policy = await policyOf(server.endpoint(changes));
  return (await policy.propose([{ ...REQUEST, ...request }], forever))[0];
}

/** Sends 16 MB, as far as somebody reads them, and then neither more nor an end. */
export async function flood(response: Parameters<typeof stream>[0]): Promise<void> {
  const block = "x".repeat(2 ** 16);
  for (let sent = 0; sent < 2 ** 24 && !response.destroyed; sent += block.length)
    if (!response.write(block)) await once(response, "drain").catch(() => undefined);
}
