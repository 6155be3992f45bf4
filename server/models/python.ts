/** Finds a Python that is new enough, for what only Python can fetch. */
import { execFile } from "node:child_process";

const MINIMUM = [3, 11] as const;

/** A command line that starts Python, or what was found instead. */
export type PythonSearch =
  | {
      readonly kind: "found";
      readonly command: readonly string[];
      readonly version: string;
      /** The processor that it is built for, as it calls it: `x86_64`, `arm64`; "" where it does not say. */
      readonly machine: string;
    }
  | { readonly kind: "missing"; readonly tried: readonly string[] };

/**
 * Looks for Python 3.11 or newer: the program that `RSTAR_PYTHON` names, else `python3`, `python`, `py -3`.
 * One of the Microsoft Store, which keeps what it writes below AppData to itself, only where there is no other.
 * @throws the signal's reason when it is aborted.
 */
export async function findPython(
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PythonSearch> {
  const own = environment["RSTAR_PYTHON"];
  const commands = own !== undefined && own !== "" ? [[own]] : [["python3"], ["python"], ["py", "-3"]];
  const tried: string[] = [];
  let last: PythonSearch | null = null;
  for (const command of commands) {
    const facts = await ask(command, signal, environment);
    signal.throwIfAborted();
    if (facts === null) {
      tried.push(`${command.join(" ")}: not found`);
      continue;
    }
    const { version, machine, folder } = facts;
    if (!isEnough(version)) tried.push(`${command.join(" ")}: ${version}`);
    else if (/[\\/]WindowsApps[\\/]/iu.test(folder)) last ??= { kind: "found", command, version, machine };
    else return { kind: "found", command, version, machine };
  }
  return last ?? { kind: "missing", tried };
}

function isEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

/** What a Python says of itself; null where it is none. */
interface Facts {
  readonly version: string;
  readonly machine: string;
  /** Where it is installed. */
  readonly folder: string;
}

const QUESTION =
  "import platform, sys; print('%d.%d.%d' % sys.version_info[:3], platform.machine(), sys.base_prefix, sep='\\n')";

function ask(command: readonly string[], signal: AbortSignal, env: NodeJS.ProcessEnv): Promise<Facts | null> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    execFile(
      program,
      [...args, "-c", QUESTION],
      { signal, env, timeout: 20_000, windowsHide: true },
      (error, stdout) => {
        const [version = "", machine = "", folder = ""] = stdout.trim().split(/\r?\n/u);
        resolve(error === null && /^\d+\.\d+\.\d+$/u.test(version) ? { version, machine, folder } : null);
      },
    );
  });
}
