/** Builds llama.cpp's own programs from the source that node-llama-cpp ships: the very release our engine runs on. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import envPaths from "env-paths";
import { llamaCppSource, type LlamaCppSource } from "../../../server/engine/converter-source.ts";

/** The programs that the benchmarks compare with. */
export type LlamaTool = "llama-batched-bench" | "llama-server";

const TOOLS: readonly LlamaTool[] = ["llama-batched-bench", "llama-server"];

/**
 * The path of one of llama.cpp's programs; the first call for a release builds them, which takes ten minutes on two
 * cores and needs git, cmake and a C++ compiler. `RSTAR_LLAMA_TOOLS` names a folder that has them already.
 */
export async function llamaTool(tool: LlamaTool): Promise<string> {
  const given = process.env["RSTAR_LLAMA_TOOLS"];
  const source = await llamaCppSource();
  const build = path.join(envPaths("rstar-math", { suffix: "" }).cache, `llama.cpp-${source.release}`);
  const folder = given ?? path.join(build, "bin");
  const file = path.join(folder, tool);
  if (given === undefined && !existsSync(file)) buildTools(source, build);
  if (!existsSync(file)) throw new Error(`${tool} is not in ${folder}.`);
  return file;
}

function buildTools({ bundle }: LlamaCppSource, folder: string): void {
  const source = path.join(folder, "source");
  mkdirSync(folder, { recursive: true });
  process.stderr.write(`Building ${TOOLS.join(" and ")} in ${folder}; this happens once.\n`);
  if (!existsSync(path.join(source, "CMakeLists.txt"))) {
    run("git", ["clone", "--quiet", bundle, source]);
  }
  const settings = ["-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF"];
  run("cmake", ["-S", source, "-B", folder, ...settings]);
  // Without a number make starts all compilers at once.
  run("cmake", ["--build", folder, "--parallel", String(os.availableParallelism()), "--target", ...TOOLS]);
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? `exit status ${status}`}`);
}
