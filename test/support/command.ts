/** Runs the built `rstar` command as a person does. */
import { spawn } from "node:child_process";
import path from "node:path";
import { packageRoot } from "../../server/models/manifest.ts";

const CLI = path.join(packageRoot(), "dist", "cli.cjs");

/** What came of it. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Sees all that was said, on standard error and then on standard output, as it grows, and may signal the process. */
export type OnOutput = (text: string, kill: (signal: NodeJS.Signals) => void) => void;

/** Whether anybody reads the command's standard output, as the program behind a `|` does until it ends. */
export type Reader = "open" | "closed";

/** Runs the command with `home` as its data folder; `environment` adds to this process's own. */
export function runCommand(
  home: string,
  args: readonly string[],
  onOutput?: OnOutput,
  environment: NodeJS.ProcessEnv = {},
  reader: Reader = "open",
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, ...environment, RSTAR_HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    const told = (): void => onOutput?.(err + out, (signal) => child.kill(signal));
    if (reader === "closed") child.stdout.destroy();
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      told();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
      told();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}
