/** What this machine has and what was chosen on it, as a report to paste in a bug. */
import { cpus, freemem, platform, release, totalmem } from "node:os";
import { defaultTraceFile, modelManager, openPython } from "./compose.ts";
import { probeEngine } from "./engine/probe.ts";
import { gpuBinaries, listGpuSupport } from "./models/gpu-support.ts";
import { dataHome } from "./models/home.ts";
import { formatBytes } from "./models/outcomes.ts";
import { EMPTY_STATE } from "./services.ts";
import { createTraceStore } from "./traces/store.ts";
import { version } from "./version.ts";

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
    `Processor: ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} logical; memory ${formatBytes(totalmem())}, ${formatBytes(freemem())} free`,
  );
  const home = dataHome(folder);
  out(`Data folder: ${home}${process.env["RSTAR_HOME"] === undefined ? "" : " (RSTAR_HOME)"}`);
  const { models, problem } = await (await modelManager(undefined, folder)).list();
  if (problem !== null) out(`List of models: ${problem.kind}`);
  for (const model of models)
    out(
      `Model ${model.id}: ${model.installed ? `here, ${formatBytes(model.bytes)}` : "not fetched"}${model.isDefault ? ", default" : ""}`,
    );
  const { traces, bad } = await createTraceStore(defaultTraceFile(folder)).summaries();
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
    return { text: lines.join("\n"), works: result.kind === "ok" && engine.kind === "ready" };
  } finally {
    await python.dispose();
  }
}
