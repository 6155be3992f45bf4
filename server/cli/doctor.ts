/** `rstar doctor`: what this machine has and what was chosen on it, as a report to paste in a bug. */
import { cpus, freemem, platform, release, totalmem } from "node:os";
import { Command } from "commander";
import { defaultTraceFile, modelManager, openPython } from "../compose.ts";
import { dataHome } from "../models/home.ts";
import { formatBytes } from "../models/outcomes.ts";
import { createTraceStore } from "../traces/store.ts";
import { EMPTY_STATE } from "../services.ts";
import { EXIT } from "./exit.ts";
import { probeEngine } from "../engine/probe.ts";
import { version } from "../version.ts";

/** The command. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("A report of this installation to paste in a bug.")
    .action(async () => {
      const out = (line: string): void => void process.stdout.write(`${line}\n`);
      out(`rStar Math ${version}, Node ${process.version}, ${platform()} ${release()} ${process.arch}`);
      out(
        `Processor: ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} logical; memory ${formatBytes(totalmem())}, ${formatBytes(freemem())} free`,
      );
      out(`Data folder: ${dataHome()}${process.env["RSTAR_HOME"] === undefined ? "" : " (RSTAR_HOME)"}`);
      const { models, problem } = await (await modelManager()).list();
      if (problem !== null) out(`Own models: ${problem.kind}`);
      for (const model of models)
        out(
          `Model ${model.id}: ${model.installed ? `here, ${formatBytes(model.bytes)}` : "not fetched"}${model.isDefault ? ", default" : ""}`,
        );
      const { traces, bad } = await createTraceStore(defaultTraceFile()).summaries();
      out(
        `Traces: ${traces.length}${bad.length === 0 ? "" : `, and ${bad.length} lines that cannot be read`}`,
      );
      const engine = await probeEngine();
      out(engine.text);
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
        if (result.kind !== "ok") process.exitCode = EXIT.unavailable;
      } finally {
        await python.dispose();
      }
      if (engine.kind === "failed") process.exitCode = EXIT.unavailable;
    });
}
