/** What the search view shows, and the string by which it is found again after a reload. */

/** A problem of a document, or a stored trace alone. */
export interface Subject {
  readonly uri: string | null;
  /** The statement's hash, and the 1-based place in the file for problems of the same text; null for a trace alone. */
  readonly problem: { readonly hash: string; readonly index: number } | null;
  /** The trace shown; null: the problem's newest. */
  readonly traceId: string | null;
}

/** The same for all traces of one problem, so that a choice of trace is not a change of session. */
export function sessionOf({ uri, problem, traceId }: Subject): string {
  return JSON.stringify(
    uri !== null && problem !== null
      ? ["problem", uri, problem.hash, problem.index]
      : ["trace", traceId ?? ""],
  );
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
  const [kind, first, hash, index, ...more] = read as readonly unknown[];
  if (more.length > 0 || typeof first !== "string") return null;
  if (kind === "problem" && typeof hash === "string" && typeof index === "number")
    return { uri: first, problem: { hash, index }, traceId: null };
  return kind === "trace" && hash === undefined ? { uri: null, problem: null, traceId: first } : null;
}

/** The subject's problem among those of its document, also where problems above it came or went meanwhile. */
export function problemAmong<P extends { readonly hash: string; readonly index: number }>(
  problems: readonly P[],
  { problem }: Subject,
): P | undefined {
  const same = problems.filter(({ hash }) => hash === problem?.hash);
  return same.find(({ index }) => index === problem?.index) ?? same[0];
}
