/** What the search view shows, and the string by which it is found again after a reload. */
import * as z from "zod";

/** A problem of a document, or a stored trace alone. */
export interface Subject {
  readonly uri: string | null;
  /** The statement's hash; null for a trace alone. */
  readonly hash: string | null;
  /** The trace shown; null: the problem's newest. */
  readonly traceId: string | null;
}

const Session = z.union([
  z.tuple([z.literal("problem"), z.string(), z.string()]),
  z.tuple([z.literal("trace"), z.string()]),
]);

/** The same for all traces of one problem, so that a choice of trace is not a change of session. */
export function sessionOf({ uri, hash, traceId }: Subject): string {
  return JSON.stringify(uri !== null && hash !== null ? ["problem", uri, hash] : ["trace", traceId ?? ""]);
}

/** The inverse, but for which trace of the problem was shown. Null for what is not a session. */
export function parseSession(session: string): Subject | null {
  let read: unknown;
  try {
    read = JSON.parse(session);
  } catch {
    return null;
  }
  const parsed = Session.safeParse(read);
  if (!parsed.success) return null;
  return parsed.data[0] === "problem"
    ? { uri: parsed.data[1], hash: parsed.data[2], traceId: null }
    : { uri: null, hash: null, traceId: parsed.data[1] };
}
