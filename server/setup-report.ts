/** What this machine has and what was chosen on it, as a report to paste in a bug. */
import { readdir } from "node:fs/promises";
import { cpus, platform, release, totalmem } from "node:os";
import path from "node:path";
import { defaultTraceFile, modelManager, openPython } from "./compose.ts";
import { probeEngine } from "./engine/probe.ts";
import { gpuBinaries, listGpuSupport } from "./models/gpu-support.ts";
import { trainerHome } from "./evolution/training-space.ts";
import { describeSize, folderSize, patience } from "./models/folder-size.ts";
import { dataHome } from "./models/home.ts";
import { formatBytes } from "./protocol/text.ts";
import { EMPTY_STATE } from "./services.ts";
import { createTraceStore } from "./traces/store.ts";
import { version } from "./version.ts";
import { usableMemory } from "./usable-memory.ts";

/** The report, and whether engine and sandbox work. */
export interface SetupReport {
  readonly text: string;
  readonly works: boolean;
}

/** Looks at everything once; opens the engine and an interpreter, and loads no model. `tell` hears each line at once. */
export async function setupReport(
  folder?: string,
  tell: (line: string) => void = () => undefined,
): Promise<SetupReport> {
  const lines: string[] = [];
  const out = (line: string): void => {
    lines.push(line);
    tell(line);
  };
  out(`rStar Math ${version}, Node ${process.version}, ${platform()} ${release()} ${process.arch}`);
  out(
    `Processor: ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} logical; memory ${formatBytes(totalmem())}, ${formatBytes(usableMemory())} free`,
  );
  const home = dataHome(folder);
  out(`Data folder: ${home}${process.env["RSTAR_HOME"] === undefined ? "" : " (RSTAR_HOME)"}`);
  // Counted while the rest is looked at.
  const space = spaceIn(home);
  const { models, problem } = await (await modelManager(undefined, folder)).list();
  if (problem !== null) out(`List of models: ${problem.kind}`);
  for (const model of models)
    out(
      `Model ${model.id}: ${model.installed ? `here, ${formatBytes(model.bytes)}` : "not fetched"}${model.isDefault ? ", default" : ""}`,
    );
  const { traces, bad } = await createTraceStore(defaultTraceFile(folder)).read(() => null);
  out(`Traces: ${traces.length}${bad.length === 0 ? "" : `, and ${bad.length} lines that cannot be read`}`);
  const engine = await probeEngine({ binaries: gpuBinaries(home) });
  out(engine.text);
  const support = listGpuSupport(home).filter(({ installed }) => installed);
  if (support.length > 0) out(`GPU support fetched: ${support.map(({ kind }) => kind).join(", ")}`);
  const python = openPython();
  try {
    const begun = performance.now();
    const result = await python.sandbox.run(
      EMPTY_STATE,
      "import sympy\nsympy.__version__",
      new AbortController().signal,
    );
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    out(
      result.kind === "ok"
        ? `Sandbox: SymPy ${result.value ?? "?"} after ${seconds} s`
        : `Sandbox: ${JSON.stringify(result)}`,
    );
    out(await space);
    return { text: lines.join("\n"), works: result.kind === "ok" && engine.kind === "ready" };
  } finally {
    await python.dispose();
  }
}

/** Smaller parts of the data folder are not told. */
const WORTH_TELLING = 1e6;

/** What takes space in the data folder, largest first; what training needs in its parts. */
async function spaceIn(home: string): Promise<string> {
  const signal = patience();
  const training = trainerHome(home);
  const folders = [
    ...(await foldersIn(home)).filter((folder) => folder !== training),
    ...(await foldersIn(training)),
  ];
  const sized = await Promise.all(
    folders.map(async (folder) => ({
      name: path.relative(home, folder),
      size: await folderSize(folder, signal),
    })),
  );
  const large = sized
    .filter(({ size }) => size.bytes >= WORTH_TELLING)
    .sort((a, b) => b.size.bytes - a.size.bytes)
    .map(({ name, size }) => `${name} ${describeSize(size)}`);
  return `Space in the data folder: ${large.length === 0 ? "next to nothing" : large.join(", ")}`;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
}
