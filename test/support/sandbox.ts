/** Builds the sandbox's worker from the sources as they are, and says where its files lie. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { EMPTY_STATE } from "../../server/services.ts";
import type { RunResult, Sandbox, SandboxState } from "../../server/services.ts";
import type { SandboxPaths } from "../../server/sandbox/paths.ts";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const DIST = path.join(ROOT, "dist");

let prepared: Promise<SandboxPaths> | undefined;

/**
 * The paths to hand to `createSandbox` and `createGrader`. The worker is built below node_modules, so that it finds
 * its packages; the memory snapshot is made on the first call after a change of versions, which takes some seconds.
 */
export function sandboxPaths(): Promise<SandboxPaths> {
  prepared ??= prepare();
  return prepared;
}

async function prepare(): Promise<SandboxPaths> {
  const built = await build({
    absWorkingDir: ROOT,
    entryPoints: ["server/sandbox/worker.ts"],
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  const text = built.outputFiles[0]?.text ?? "";
  // Named by its content: test processes that run side by side share it or do not meet.
  const name = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const workerPath = path.join(ROOT, "node_modules/.cache/rstar-math", `worker-${name}`, "worker.mjs");
  if (!fs.existsSync(workerPath)) {
    fs.rmSync(path.dirname(path.dirname(workerPath)), { recursive: true, force: true });
    fs.mkdirSync(path.dirname(workerPath), { recursive: true });
    const partial = `${workerPath}.${process.pid}`;
    fs.writeFileSync(partial, text);
    fs.renameSync(partial, workerPath);
  }
  await promisify(execFile)(process.execPath, [workerPath, "--prepare", DIST]);
  return { workerPath, wheelsDir: path.join(DIST, "wheels"), snapshotDir: DIST };
}

/** A signal that is never aborted. */
export const NEVER = new AbortController().signal;

/** Runs one step on an empty state, or on the state that `program` stands for. */
export function runStep(
  sandbox: Sandbox,
  step: string,
  program: readonly string[] = EMPTY_STATE.program,
): Promise<RunResult> {
  return sandbox.run({ program }, step, NEVER);
}

/** Runs steps one after another and returns the state after the last. @throws when one of them does not run. */
export async function runAll(sandbox: Sandbox, steps: readonly string[]): Promise<SandboxState> {
  let state: SandboxState = EMPTY_STATE;
  for (const step of steps) {
    const result = await sandbox.run(state, step, NEVER);
    if (result.kind !== "ok") throw new Error(`${result.kind} at ${step}: ${JSON.stringify(result)}`);
    state = result.state;
  }
  return state;
}
