/** Runs a program of others (Python, pip, npm): its lines as they come, its last words on failure, ended by a signal. */
import { spawn, type ChildProcess } from "node:child_process";
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
  /**
   * It only starts others, which share its standard input, and gives them less time than `graceMs` once it is sent
   * SIGTERM: so the line asks on all systems, and SIGTERM comes when `graceMs` is over.
   */
  readonly isLauncher?: boolean;
  /** It starts programs of its own that are to end with it. On Windows a shell starts it: npm is a script there. */
  readonly isGroup?: boolean;
}

/** How a program ended. */
export type ProgramEnd =
  | { readonly kind: "ended"; readonly code: number; readonly errors: string }
  /** By a signal that was not ours. */
  | { readonly kind: "killed"; readonly signal: string; readonly errors: string }
  | { readonly kind: "not-started"; readonly detail: string };

/** A launcher that was sent SIGTERM has this long: `accelerate launch` kills what it started after half a minute. */
const LAUNCHER_MS = 45_000;

/** How much of standard error is kept, in characters. */
const ERRORS_KEPT = 8_000;

/**
 * Runs `command` to its end.
 * @throws the signal's reason when it is aborted and there is no `graceMs`, or it went by, or the program ended by being
 * asked (one that is still starting does not hear it otherwise). The program is gone then.
 */
export function runProgram(
  command: readonly string[],
  signal: AbortSignal,
  options: ProgramOptions = {},
): Promise<ProgramEnd> {
  const { cwd, environment, onLine, graceMs, isLauncher = false, isGroup = false } = options;
  const isWindows = process.platform === "win32";
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...environment },
      stdio: [graceMs === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      windowsHide: true,
      shell: isGroup && isWindows,
      detached: isGroup && !isWindows,
    });
    let errors = "";
    let isKilled = false;
    let timer: NodeJS.Timeout | undefined;
    child.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => (errors = (errors + text).slice(-ERRORS_KEPT)));
    if (child.stdout !== null) onLines(child.stdout, onLine ?? (() => undefined));
    const end = (): void => {
      isKilled = true;
      kill(child, isGroup);
    };
    const endLauncher = (): void => {
      child.kill("SIGTERM");
      timer = setTimeout(end, LAUNCHER_MS);
    };
    const onAbort = (): void => {
      if (graceMs === undefined) {
        end();
        return;
      }
      if (!isWindows && !isLauncher) child.kill("SIGTERM");
      // The program may be gone already: it then ends as it would have.
      else child.stdin?.on("error", () => undefined).write("stop\n");
      timer = setTimeout(isWindows || !isLauncher ? end : endLauncher, graceMs);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (ended: ProgramEnd): void => {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
      resolve(ended);
    };
    child.on("error", (error) => settle({ kind: "not-started", detail: error.message }));
    // What a single program started may hold its pipes open, which those of a group do not outlive.
    child.on(isGroup ? "close" : "exit", () => {
      if (isKilled) reject(signal.reason as Error);
    });
    child.on("close", (code, by) => {
      if (code === null && signal.aborted) reject(signal.reason as Error);
      settle(
        code === null ? { kind: "killed", signal: by ?? "unknown", errors } : { kind: "ended", code, errors },
      );
    });
  });
}

/** Kills a program; on Windows, and elsewhere where it leads a group of its own (`detached`), with all its children. */
function kill(child: ChildProcess, isGroup: boolean): void {
  const { pid } = child;
  if (process.platform === "win32" && pid !== undefined)
    spawn("taskkill", ["/pid", String(pid), "/T", "/F"], { stdio: "ignore", windowsHide: true });
  else if (!isGroup || pid === undefined) child.kill("SIGKILL");
  else
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It ended by itself in this moment.
    }
}
