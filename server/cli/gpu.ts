/** `rstar gpu list | fetch | remove`: the engine's binaries for GPUs, which are too large for the package. */
import { Argument, Command } from "commander";
import { fetchGpuSupport, hasGpuInPackage, listGpuSupport, removeGpuSupport } from "../models/gpu-support.ts";
import { dataHome } from "../models/home.ts";
import { formatBytes } from "../protocol/text.ts";
import { GpuKind } from "../protocol/models.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { interruptSignal } from "./interrupt.ts";
import { modelProgressView } from "./model-progress.ts";

/** The command with its subcommands. */
export function gpuCommand(): Command {
  const command = new Command("gpu").description("List, fetch or remove the engine's binaries for GPUs.");
  const kind = (): Argument => new Argument("<kind>", "what computes").choices(GpuKind.options);
  command
    .command("list", { isDefault: true })
    .description("What can be fetched for this platform, its size, and whether it is here.")
    .option("--json", "as JSON")
    .action(({ json }: { json?: boolean }) => {
      const kinds = listGpuSupport(dataHome());
      if (json === true) process.stdout.write(`${JSON.stringify({ kinds }, null, 2)}\n`);
      else if (kinds.length === 0)
        process.stdout.write(
          hasGpuInPackage()
            ? "Nothing has to be fetched for this platform: the package has Metal.\n"
            : "There are no binaries for GPUs to fetch for this platform yet: the processor computes.\n",
        );
      else
        for (const { kind: name, bytes, installed } of kinds)
          process.stdout.write(
            `${name.padEnd(8)}${formatBytes(bytes).padEnd(10)}${installed ? "fetched" : "not fetched"}\n`,
          );
    });
  command
    .command("fetch")
    .addArgument(kind())
    .description(
      "Fetches binaries with npm and checks them; the next run computes on the GPU where its driver works.",
    )
    .action(async (name: GpuKind) => {
      const { signal, release } = interruptSignal();
      const view = modelProgressView(process.stderr);
      try {
        const outcome = await fetchGpuSupport(dataHome(), name, {
          signal,
          onBytes: (bytes, totalBytes) =>
            view.onProgress({
              ...{ file: name, phase: "downloading" as const, source: "npm" },
              ...{ bytes, totalBytes, bytesPerSecond: 0 },
            }),
        });
        if (outcome.kind === "failed") throw new CommandFailure(EXIT.unavailable, outcome.message);
        process.stdout.write(`The binaries for ${name} are here (${formatBytes(outcome.bytes)}).\n`);
      } catch (error) {
        if (!signal.aborted) throw error;
        throw new CommandFailure(EXIT.cancelled, "Stopped; nothing was changed.");
      } finally {
        view.stop();
        release();
      }
    });
  command
    .command("remove")
    .addArgument(kind())
    .description("Deletes fetched binaries.")
    .action(async (name: GpuKind) => {
      const outcome = await removeGpuSupport(dataHome(), name, new AbortController().signal);
      if (outcome.kind === "failed") throw new CommandFailure(EXIT.input, outcome.message);
      process.stdout.write(`Removed: ${formatBytes(outcome.bytes)} are free again.\n`);
    });
  return command;
}
