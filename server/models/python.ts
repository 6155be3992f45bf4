/** Finds a Python that is new enough, for what only Python can fetch. */
import { execFile } from "node:child_process";

const MINIMUM = [3, 11] as const;

/** A command line that starts Python, or what was found instead. */
export type PythonSearch =
  | { readonly kind: "found"; readonly command: readonly string[]; readonly version: string }
  | { readonly kind: "missing"; readonly tried: readonly string[] };

/**
 * Looks for Python 3.11 or newer: the program that `RSTAR_PYTHON` names, else `python3`, `python`, `py -3`,
 * on Windows the other way round.
 * @throws the signal's reason when it is aborted.
 */
export async function findPython(
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PythonSearch> {
  const own = environment["RSTAR_PYTHON"];
  const commands = own !== undefined && own !== "" ? [[own]] : usualCommands(process.platform);
  const tried: string[] = [];
  for (const command of commands) {
    const version = await versionOf(command, signal, environment);
    signal.throwIfAborted();
    if (version === null) tried.push(`${command.join(" ")}: not found`);
    else if (!isEnough(version)) tried.push(`${command.join(" ")}: ${version}`);
    else return { kind: "found", command, version };
  }
  return { kind: "missing", tried };
}

/** On Windows `python3` is mostly the Microsoft Store's, which keeps what it writes below AppData to itself. */
function usualCommands(platform: NodeJS.Platform): readonly (readonly string[])[] {
  const commands = [["python3"], ["python"], ["py", "-3"]];
  return platform === "win32" ? commands.reverse() : commands;
}

function isEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

function versionOf(
  command: readonly string[],
  signal: AbortSignal,
  env: NodeJS.ProcessEnv,
): Promise<string | null> {
  const [program = "", ...args] = command;
  const code = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
  return new Promise((resolve) => {
    execFile(
      program,
      [...args, "-c", code],
      { signal, env, timeout: 20_000, windowsHide: true },
      (error, stdout) =>
        resolve(error === null && /^\d+\.\d+\.\d+$/.test(stdout.trim()) ? stdout.trim() : null),
    );
  });
}
