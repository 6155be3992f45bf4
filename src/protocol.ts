/**
 * What goes between the extension and its server. Names and types are here; the schemas, most of the extension's code,
 * are read with their first use, so that activation pays for none of them.
 */
import type {
  CLIENT_NOTIFICATIONS,
  ParamsOf,
  REQUESTS,
  ResultOf,
  SERVER_NOTIFICATIONS,
} from "../server/protocol/requests.ts";

/** A request to the server. */
export type RequestName = keyof typeof REQUESTS;
/** What is sent with it: fields with defaults may be left out. */
export type RequestParams<K extends RequestName> = ParamsOf<(typeof REQUESTS)[K]>;
/** What it is answered with. */
export type RequestResult<K extends RequestName> = ResultOf<(typeof REQUESTS)[K]>;

/** A notification of the server. */
export type NewsName = keyof typeof SERVER_NOTIFICATIONS;
/** What it brings. */
export type News<K extends NewsName> = ReturnType<(typeof SERVER_NOTIFICATIONS)[K]["params"]["parse"]>;

/** A notification to the server. */
export type NoticeName = keyof typeof CLIENT_NOTIFICATIONS;
/** What is sent with it. */
export type NoticeParams<K extends NoticeName> = ParamsOf<(typeof CLIENT_NOTIFICATIONS)[K]>;

/** Every request and notification with its schemas. */
export const readSchemas = async () => await import("../server/protocol/requests.ts");

/** Reads a value from outside, such as a command's argument, as a request's params; says what is wrong with it if anything is. */
export async function readParams<K extends RequestName>(
  name: K,
  value: unknown,
): Promise<
  | { readonly success: true; readonly data: RequestParams<K> }
  | { readonly success: false; readonly why: string }
> {
  const parsed = (await readSchemas()).REQUESTS[name].params.safeParse(value);
  return parsed.success
    ? { success: true, data: parsed.data as RequestParams<K> }
    : { success: false, why: parsed.error.message };
}
