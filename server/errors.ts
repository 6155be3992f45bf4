/** What is read of errors that come from Node. */

/** The error's `code`, or "". */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
