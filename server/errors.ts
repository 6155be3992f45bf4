/** What is read of errors that come from Node. */

/** The error's `code`, or "". */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Whether it is the operating system's word about a file, such as `ENOSPC: no space left on device, write`. */
export function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return (
    /^E[A-Z0-9]+$/.test(codeOf(error)) && error instanceof Error && "syscall" in error && "errno" in error
  );
}

/** What an error says; anything may be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
