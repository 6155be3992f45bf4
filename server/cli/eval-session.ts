/** What a report says about where it comes from: the commit, the command, the machine and the models' files. */
import { execFile } from "node:child_process";
import os from "node:os";
import { promisify } from "node:util";
import type { Runtime } from "../compose.ts";
import type { BackendInfo } from "../engine/engine.ts";
import { readGguf } from "../engine/gguf.ts";
import type { EvaluationSettings, Session } from "../evaluation/settings.ts";
import { packageRoot } from "../models/manifest.ts";
import type { ResolvedModel } from "../services.ts";
import { version } from "../version.ts";

/** This process as a session of an evaluation. */
export async function describeSession(concurrency: number, backend: BackendInfo): Promise<Session> {
  const cpus = os.cpus();
  const gigabytes = (os.totalmem() / 2 ** 30).toFixed(0);
  return {
    startedAt: new Date().toISOString(),
    version,
    commit: await commit(),
    command: ["rstar", ...process.argv.slice(2)],
    concurrency,
    threads: backend.threads,
    machine: `${cpus[0]?.model.trim() ?? "processor not known"}, ${cpus.length} logical cores, ${gigabytes} GiB, ${os.type()} ${os.arch()}, Node ${process.version}`,
    engine: `node-llama-cpp ${backend.version}, ${backend.why}`,
  };
}

/** The commit that this program is of, with a `+` when files differ from it; null outside of a git checkout. */
async function commit(): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)("git", args, { cwd: packageRoot() })).stdout.trim();
  try {
    const head = await git("rev-parse", "HEAD");
    return (await git("status", "--porcelain", "--untracked-files=no")) === "" ? head : `${head}+`;
  } catch {
    return null;
  }
}

/** Engine and models of a runtime that has both on this machine, as evaluations do. */
export function localParts({ backend, models }: Runtime): {
  readonly backend: BackendInfo;
  readonly models: { readonly policy: ResolvedModel; readonly ppm: ResolvedModel | null };
} {
  const { policy, ppm } = models;
  if (backend === null || policy === null) throw new Error("an evaluation runs models of this machine");
  return { backend, models: { policy, ppm } };
}

/** The models with what their files say. */
export async function describeModels(
  { policy, ppm }: ReturnType<typeof localParts>["models"],
  signal: AbortSignal,
): Promise<EvaluationSettings["models"]> {
  return { policy: await describe(policy, signal), ppm: ppm === null ? null : await describe(ppm, signal) };
}

async function describe(
  { id, sha256, adapter, parameters, path }: ResolvedModel,
  signal: AbortSignal,
): Promise<EvaluationSettings["models"]["policy"]> {
  const reading = await readGguf(path, signal);
  return {
    id,
    sha256,
    ...(adapter === undefined ? {} : { adapter: { id: adapter.id, sha256: adapter.sha256 } }),
    parameters,
    quantisation: reading.kind === "gguf" ? reading.facts.quantisation : null,
  };
}
