/** Runs a program of the training chain: its lines as they come, its last words on failure, ended by a signal. */
import { spawn } from "node:child_process";
import { killProgram } from "../models/kill.ts";
import { onLines } from "../protocol/lines.ts";

/** How a program is run. */
export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Hears every line of standard output, as far as they were written whole. */
  readonly onLine?: (line: string) => void;
  /**
   * On abort the program is asked to stop (SIGTERM; on Windows, which has none, a line on its standard input) and has
   * this long, in milliseconds, to end by itself. Without it, it is killed at once.
   */
  readonly graceMs?: number;
}

/** How a program ended. */
export type ProgramEnd =
  | { readonly kind: "ended"; readonly code: number; readonly errors: string }
  /** By a signal that was not ours. */
  | { readonly kind: "killed"; readonly signal: string; readonly errors: string }
  | { readonly kind: "not-started"; readonly detail: string };

/** How much of standard error is kept, in characters. */
const ERRORS_KEPT = 8_000;

/**
 * Runs `command` to its end.
 * @throws the signal's reason when it is aborted and there is no `graceMs`, or it went by, or the program ended by being
 * asked (one that is still starting does not hear it otherwise).
 */
export function runProgram(
  command: readonly string[],
  signal: AbortSignal,
  options: ProgramOptions = {},
): Promise<ProgramEnd> {
  const { cwd, environment, onLine, graceMs } = options;
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...environment },
      stdio: [graceMs === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      windowsHide: true,
    });
    let errors = "";
    let timer: NodeJS.Timeout | undefined;
    child.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => (errors = (errors + text).slice(-ERRORS_KEPT)));
    if (child.stdout !== null) onLines(child.stdout, onLine ?? (() => undefined));
    const end = (): void => {
      killProgram(child);
      reject(signal.reason as Error);
    };
    const onAbort = (): void => {
      if (graceMs === undefined) {
        end();
        return;
      }
      if (process.platform !== "win32") child.kill("SIGTERM");
      // The program may be gone already: it then ends as it would have.
      else child.stdin?.on("error", () => undefined).write("stop\n");
      timer = setTimeout(end, graceMs);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (ended: ProgramEnd): void => {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
      resolve(ended);
    };
    child.on("error", (error) => settle({ kind: "not-started", detail: error.message }));
    child.on("close", (code, by) => {
      if (code === null && signal.aborted) reject(signal.reason as Error);
      settle(
        code === null ? { kind: "killed", signal: by ?? "unknown", errors } : { kind: "ended", code, errors },
      );
    });
  });
}
