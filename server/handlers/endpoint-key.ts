/** The key of the endpoint: the client's own, where it keeps keys, else the environment's. */
import { keyOfEnvironment, originOf } from "../protocol/endpoint.ts";
import { CLIENT_REQUESTS } from "../protocol/requests.ts";
import type { Session } from "./session.ts";

/** Null for none. */
export async function endpointKey({ client, connection }: Session, url: string): Promise<string | null> {
  const origin = originOf(url);
  if (client.keepsKeys && origin !== null) {
    const { method, result } = CLIENT_REQUESTS.endpointKey;
    const answer = result.safeParse(await connection.sendRequest(method, { origin }));
    if (answer.success && answer.data.key !== null) return answer.data.key;
  }
  return keyOfEnvironment(process.env);
}
