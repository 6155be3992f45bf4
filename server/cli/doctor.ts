/** `rstar doctor`: what this machine has and what was chosen on it, as a report to paste in a bug. */
import { Command } from "commander";
import { setupReport } from "../setup-report.ts";
import { EXIT } from "./exit.ts";

/** The command. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("A report of this installation to paste in a bug.")
    .action(async () => {
      const { works } = await setupReport(undefined, (line) => void process.stdout.write(`${line}\n`));
      if (!works) process.exitCode = EXIT.unavailable;
    });
}
