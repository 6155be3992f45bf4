/** What the search view shows, and the string by which it is found again after a reload. */

/** A problem of a document, or a stored trace alone. */
export interface Subject {
  readonly uri: string | null;
  /** The statement's hash; null for a trace alone. */
  readonly hash: string | null;
  /** The trace shown; null: the problem's newest. */
  readonly traceId: string | null;
}

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
  if (!Array.isArray(read)) return null;
  const [kind, first, second, ...more] = read as readonly unknown[];
  if (more.length > 0 || typeof first !== "string") return null;
  if (kind === "problem" && typeof second === "string") return { uri: first, hash: second, traceId: null };
  return kind === "trace" && second === undefined ? { uri: null, hash: null, traceId: first } : null;
}
