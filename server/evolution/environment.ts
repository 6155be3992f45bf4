/** The trainer's Python: a private virtual environment with pinned packages, made once, on request. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { LockLost, withLock } from "../lock.ts";
import { freeBytesOf } from "../models/ensure.ts";
import { packageRoot } from "../models/manifest.ts";
import { findPython } from "../models/python.ts";
import { namesOn } from "../protocol/surface.ts";
import {
  cudaAdvice,
  type EnvironmentFailure,
  failure,
  installFailure,
  missingPython,
  noBuilds,
  noSpace,
  progressOf,
  succeeded,
  wordsOf,
} from "./environment-words.ts";
import { type ProgramEnd, runProgram } from "../models/program.ts";
import { removeOutdated, trainerHome } from "./training-space.ts";

export { trainerHome };

/** A Python that can train. */
export interface TrainingEnvironment {
  readonly kind: "ready";
  readonly folder: string;
  /** The interpreter's path. */
  readonly python: string;
  /** Names the set of packages: another set is another environment. */
  readonly key: string;
  readonly torch: string;
  /** Whether PyTorch sees a GPU that it can compute on. */
  readonly gpu: string | null;
}

/** How the environment is made. */
export interface EnvironmentOptions {
  /** The data folder. */
  readonly home: string;
  /** Stands for the process's own in tests; `RSTAR_PYTHON` and `RSTAR_TORCH_INDEX` are read from it. */
  readonly variables?: NodeJS.ProcessEnv;
  /** Stands for the system's in tests. */
  readonly platform?: NodeJS.Platform;
  /** Free bytes at a path; asked of the system by default. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** The folder of the Python package. */
export function trainerPackage(): string {
  return path.join(packageRoot(), "server", "evolution", "trainer");
}

/** Measured: 1.3 GB with PyTorch's CPU build, 7 GB with CUDA; and pip unpacks beside what it downloaded. */
const NEEDED = { small: 3e9, cuda: 12e9 };

const ready = z.object({ torch: z.string(), gpu: z.string().nullable() });

/**
 * Returns the environment, and makes it first if it is not there: finds a Python, checks the space, creates a virtual
 * environment, installs PyTorch and the pinned packages, imports them once. An unfinished one is made anew. Those of
 * earlier packages are deleted once it is there.
 * @throws the signal's reason when it is aborted.
 */
export async function prepareEnvironment(
  options: EnvironmentOptions,
  signal: AbortSignal,
  say: (message: string) => void,
): Promise<TrainingEnvironment | EnvironmentFailure> {
  const environment = await findOrMake(options, signal, say);
  if (environment.kind === "ready") await removeOutdated(environment.folder, signal, say);
  return environment;
}

async function findOrMake(
  options: EnvironmentOptions,
  signal: AbortSignal,
  say: (message: string) => void,
): Promise<TrainingEnvironment | EnvironmentFailure> {
  const { platform = process.platform } = options;
  const torch = platform === "win32" ? "requirements-torch-windows.txt" : "requirements-torch.txt";
  const lists = [torch, "requirements.txt"].map((name) => path.join(trainerPackage(), name));
  const texts = await Promise.all(lists.map((file) => readFile(file, "utf8")));
  const key = createHash("sha256").update(texts.join("\n")).digest("hex").slice(0, 12);
  const folder = path.join(trainerHome(options.home), `python-${key}`);
  const made = await existing(folder, key);
  if (made !== null) return made;
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    return failure("environment", `The folder ${folder} cannot be made.`, String(error));
  }
  const prepare = async (signal: AbortSignal): Promise<TrainingEnvironment | EnvironmentFailure> =>
    (await existing(folder, key)) ?? (await make(folder, key, lists, options, signal, say));
  try {
    return await withLock(folder, signal, prepare, () =>
      say("Another process is making the environment for training; waiting for it."),
    );
  } catch (error) {
    if (!(error instanceof LockLost)) throw error;
    return failure(
      "environment",
      "This process was suspended while it made the environment for training, and another one has begun to. Try again: it waits for that one.",
      "",
    );
  }
}

/** A person's own `random.py` in the folder that is open must not be taken for Python's. */
const ALONE = { PYTHONSAFEPATH: "1" };

async function make(
  folder: string,
  key: string,
  lists: readonly string[],
  options: EnvironmentOptions,
  signal: AbortSignal,
  say: (message: string) => void,
): Promise<TrainingEnvironment | EnvironmentFailure> {
  const variables = options.variables ?? process.env;
  const found = await findPython(signal, variables);
  if (found.kind === "missing") return missingPython(found.tried);
  const unsupported = noBuilds(options.platform ?? process.platform, found.machine);
  if (unsupported !== null) return unsupported;
  // What an earlier try left behind is in the way of this one.
  await rm(path.join(folder, "venv"), { recursive: true, force: true });
  const free = await (options.freeBytes ?? freeBytesOf)(folder);
  if (free < NEEDED.small) return noSpace(folder, NEEDED.small, free);

  const python = interpreter(folder);
  const run = (command: readonly string[]): Promise<ProgramEnd> =>
    runProgram(command, signal, {
      environment: {
        ...variables,
        ...ALONE,
        PIP_REQUIRE_VIRTUALENV: "0",
        PIP_DISABLE_PIP_VERSION_CHECK: "1",
      },
      onLine: (line) => {
        const step = progressOf(line);
        if (step !== null) say(step);
      },
    });
  say(`Making an environment for training with Python ${found.version}.`);
  const venv = await run([...found.command, "-m", "venv", path.join(folder, "venv")]);
  if (!succeeded(venv))
    return failure(
      "environment",
      `${found.command.join(" ")} could not make a virtual environment. On Debian and Ubuntu install the package python3-venv; or name another Python with ${namesOn().python}. Nothing else was changed.`,
      wordsOf(venv),
    );
  const pip = [python, "-m", "pip", "--no-input"];
  const index = variables["RSTAR_TORCH_INDEX"];
  const torchIndex = index === undefined || index === "" ? [] : ["--index-url", index];
  const [torch = "", ...others] = lists;
  // What pip would fetch is known before it fetches it: PyTorch for CUDA takes gigabytes.
  const plan = await planned(
    [...pip, "install", "--dry-run", "--quiet", "--report", "-"],
    torchIndex,
    torch,
    signal,
  );
  if (plan === "cuda") {
    if (free < NEEDED.cuda) return noSpace(folder, NEEDED.cuda, free, cudaAdvice());
    say(`PyTorch comes with NVIDIA's libraries (several GB). ${cudaAdvice()}`);
  }
  for (const [list, extra] of [[torch, torchIndex] as const, ...others.map((file) => [file, []] as const)]) {
    const installed = await run([...pip, "install", "--no-cache-dir", ...extra, "--requirement", list]);
    if (!succeeded(installed)) return installFailure(folder, wordsOf(installed));
  }
  say("Trying the environment.");
  let facts = "";
  const check = await runProgram([python, "-c", CHECK], signal, {
    environment: ALONE,
    onLine: (line) => (facts = line),
  });
  const parsed = succeeded(check) ? ready.safeParse(JSON.parse(facts)) : null;
  if (parsed?.success !== true)
    return failure(
      "environment",
      `The packages for training were installed but cannot be loaded on this machine. Try again; if it stays so, name another Python with ${namesOn().python}.`,
      wordsOf(check),
    );
  if (parsed.data.gpu === null && (await hasNvidia(signal)))
    say(
      `There is an NVIDIA GPU, but this build of PyTorch cannot use it. Let ${namesOn().torchIndex} name PyTorch's package index for your CUDA version (its installation page has it), and remove the folder ${folder} to have the environment made anew.`,
    );
  await writeFile(path.join(folder, "ready.json"), JSON.stringify(parsed.data));
  return { kind: "ready", folder, python, key, ...parsed.data };
}

/** Imports everything once and says what PyTorch computes on. */
const CHECK = `import json, torch, transformers, peft, accelerate, gguf
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
print(json.dumps({"torch": torch.__version__, "gpu": gpu}))`;

/** Whether NVIDIA's driver lists a GPU. */
async function hasNvidia(signal: AbortSignal): Promise<boolean> {
  const end = await runProgram(["nvidia-smi", "--list-gpus"], signal);
  return succeeded(end);
}

async function existing(folder: string, key: string): Promise<TrainingEnvironment | null> {
  try {
    const facts = ready.parse(JSON.parse(await readFile(path.join(folder, "ready.json"), "utf8")));
    return { kind: "ready", folder, python: interpreter(folder), key, ...facts };
  } catch {
    return null;
  }
}

function interpreter(folder: string): string {
  return process.platform === "win32"
    ? path.join(folder, "venv", "Scripts", "python.exe")
    : path.join(folder, "venv", "bin", "python");
}

/** Which build of PyTorch pip would take; null when pip cannot tell, which the installation itself then explains. */
async function planned(
  pip: readonly string[],
  index: readonly string[],
  list: string,
  signal: AbortSignal,
): Promise<"cuda" | "cpu" | null> {
  const lines: string[] = [];
  const end = await runProgram([...pip, ...index, "--requirement", list], signal, {
    environment: ALONE,
    onLine: (line) => lines.push(line),
  });
  if (!succeeded(end)) return null;
  const report = z
    .object({ install: z.array(z.object({ metadata: z.object({ name: z.string() }) })) })
    .safeParse(JSON.parse(lines.join("\n")));
  if (!report.success) return null;
  return report.data.install.some(({ metadata }) => metadata.name.startsWith("nvidia-")) ? "cuda" : "cpu";
}
