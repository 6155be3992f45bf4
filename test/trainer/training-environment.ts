/** The training environment that these tests share: made once by the product's own code, beside this user's models. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  type EnvironmentOptions,
  prepareEnvironment,
  trainerHome,
  trainerPackage,
  type TrainingEnvironment,
} from "../../server/evolution/environment.ts";
import { runProgram } from "../../server/models/program.ts";
import { dataHome } from "../../server/models/home.ts";

/** The user's own. */
export const ENVIRONMENT: EnvironmentOptions = { home: dataHome() };

/** Minutes when it has to be made first. */
export const ENVIRONMENT_TIMEOUT = 1_200_000;

/** The environment. */
export async function trainingEnvironment(): Promise<TrainingEnvironment> {
  const environment = await prepareEnvironment(ENVIRONMENT, new AbortController().signal, () => undefined);
  if (environment.kind === "failed") throw new Error(`${environment.message}\n${environment.log}`);
  return environment;
}

/**
 * A Python with what the trainer's own tests need, made once: it sees the packages of the training environment, which
 * are gigabytes, and adds its own.
 */
export async function testingPython(): Promise<string> {
  const { python: trainer, key } = await trainingEnvironment();
  const requirements = path.join(trainerPackage(), "requirements-dev.txt");
  const name = createHash("sha256").update(key).update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = path.join(trainerHome(ENVIRONMENT.home), `tests-${name}`);
  const python = path.join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const made = path.join(folder, "made");
  if (existsSync(made)) return python;
  rmSync(folder, { recursive: true, force: true });
  await output(trainer, "-m", "venv", folder);
  const [theirs, ours] = [await packagesOf(trainer), await packagesOf(python)];
  writeFileSync(path.join(ours, "training-environment.pth"), `${theirs}\n`);
  await output(python, "-m", "pip", "--no-input", "install", "--no-cache-dir", "--requirement", requirements);
  writeFileSync(made, "");
  return python;
}

/** Where an interpreter's packages lie. */
function packagesOf(python: string): Promise<string> {
  return output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))");
}

/** What a program prints. @throws where it does not end well. */
async function output(...command: string[]): Promise<string> {
  const lines: string[] = [];
  const end = await runProgram(command, new AbortController().signal, { onLine: (line) => lines.push(line) });
  if (end.kind !== "ended" || end.code !== 0) throw new Error([...lines, JSON.stringify(end)].join("\n"));
  return lines.join("\n");
}
