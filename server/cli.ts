/** The `rstar` command; `start/cli.ts` readies its process. */
import { Command, CommanderError } from "commander";
import { adaptersCommand } from "./cli/adapters.ts";
import { doctorCommand } from "./cli/doctor.ts";
import { evalCommand } from "./cli/eval.ts";
import { evolveCommand, finetuneCommand } from "./cli/evolve.ts";
import { CommandFailure, EXIT } from "./cli/exit.ts";
import { endWithReader, Interruption } from "./cli/interrupt.ts";
import { gpuCommand } from "./cli/gpu.ts";
import { mcpCommand } from "./cli/mcp.ts";
import { modelsCommand } from "./cli/models.ts";
import { printable } from "./cli/printable.ts";
import { resultsCommand } from "./cli/results.ts";
import { solveCommand } from "./cli/solve.ts";
import { tracesCommand } from "./cli/traces.ts";
import { verifyCommand } from "./cli/verify.ts";
import { isOfSystem } from "./errors.ts";
import { ServiceUnavailable } from "./services.ts";

const program = new Command("rstar")
  .description("Solves the math problems of Markdown files with small language models on this machine.")
  .option("--home <folder>", "where models and traces are kept (else RSTAR_HOME, else the platform's place)")
  .hook("preAction", (root) => {
    const { home } = root.opts<{ home?: string }>();
    // Everything that asks for the folder, child processes too, reads the one variable.
    if (home !== undefined) process.env["RSTAR_HOME"] = home;
  })
  .addCommand(solveCommand())
  .addCommand(verifyCommand())
  .addCommand(evalCommand())
  .addCommand(resultsCommand())
  .addCommand(modelsCommand())
  .addCommand(gpuCommand())
  .addCommand(tracesCommand())
  .addCommand(finetuneCommand())
  .addCommand(evolveCommand())
  .addCommand(adaptersCommand())
  .addCommand(mcpCommand())
  .addCommand(doctorCommand());
throwOnExit(program);
endWithReader();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommandFailure) {
    process.stderr.write(printable(`${error.message}\n`));
    process.exitCode = error.code;
  } else if (error instanceof ServiceUnavailable) {
    process.stderr.write(printable(`${error.message}\n`));
    process.exitCode = EXIT.unavailable;
  } else if (error instanceof Interruption) {
    process.exitCode = EXIT.cancelled;
  } else if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else if (isOfSystem(error)) {
    process.stderr.write(
      printable(
        `The system refused: ${error.message}. Nothing you wrote was changed. See whether the disk is full, the place is there and yours to write, and try again.\n`,
      ),
    );
    process.exitCode = EXIT.unavailable;
  } else {
    process.stderr.write(
      `This is a bug in rStar Math; nothing you wrote was changed. Please report it with the output of \`rstar doctor\`.\n`,
    );
    process.stderr.write(
      printable(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
    );
    process.exitCode = EXIT.bug;
  }
}

/** Wrong arguments anywhere below come back here instead of ending the process with a code of commander's own. */
function throwOnExit(command: Command): void {
  command.exitOverride();
  for (const below of command.commands) throwOnExit(below);
}
