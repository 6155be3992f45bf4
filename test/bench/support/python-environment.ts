/** Python environments of the programs that the benchmarks compare with: made once, each by itself. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import envPaths from "env-paths";

/** What an environment holds. */
export interface BenchEnvironment {
  /** Its folder's name in this program's cache. */
  readonly name: string;
  /** The environment variable that names a Python which has all of it already. */
  readonly variable: string;
  /** Requirements as pip reads them, pinned. */
  readonly requirements: readonly string[];
  /** Requirements that are installed without what they depend on. */
  readonly alone?: readonly string[];
}

/** The environment's Python; the first call installs it. */
export function benchPython({ name, variable, requirements, alone = [] }: BenchEnvironment): string {
  const given = process.env[variable];
  if (given !== undefined) return given;
  const folder = path.join(envPaths("rstar-math", { suffix: "" }).cache, name);
  const [bin, program] = process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"];
  const python = path.join(folder, bin, program);
  const ready = path.join(folder, "ready");
  const wanted = JSON.stringify([requirements, alone]);
  // Another list of requirements is another environment.
  if (existsSync(ready) && readFileSync(ready, "utf8") === wanted) return python;
  process.stderr.write(
    `Installing ${[...alone, ...requirements].join(", ")} in ${folder}; this happens once.\n`,
  );
  rmSync(folder, { recursive: true, force: true });
  execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
  const pip = (...args: string[]): void => {
    execFileSync(python, ["-m", "pip", "install", "--quiet", ...args], { stdio: "inherit" });
  };
  pip(...requirements);
  if (alone.length > 0) pip("--no-deps", ...alone);
  writeFileSync(ready, wanted);
  return python;
}
