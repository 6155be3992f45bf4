/** The key of the endpoint: of a client that keeps keys the one for this server, and no other; else the environment's. */
import { keyOfEnvironment, originOf } from "../protocol/endpoint.ts";
import { CLIENT_REQUESTS } from "../protocol/requests.ts";
import type { Session } from "./session.ts";

/** Null for none. */
export async function endpointKey({ client, connection }: Session, url: string): Promise<string | null> {
  // A folder's settings may name the server: a key that is for another one must not go there.
  if (!client.keepsKeys) return keyOfEnvironment(process.env);
  const origin = originOf(url);
  if (origin === null) return null;
  const { method, result } = CLIENT_REQUESTS.endpointKey;
  const answer = result.safeParse(await connection.sendRequest(method, { origin }));
  return answer.success ? answer.data.key : null;
}
