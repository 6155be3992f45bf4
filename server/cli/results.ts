/** `rstar results FOLDER`: keeps evaluations for the public and writes the page over them. */
import path from "node:path";
import { Command } from "commander";
import { addResults, writeResultsPage, type Publishing } from "../evaluation/publish.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** The command. */
export function resultsCommand(): Command {
  return new Command("results")
    .description(
      "Writes the reports of every evaluation in a folder anew from its traces, and a page over them.",
    )
    .argument("<folder>", "the folder of results, such as docs/results")
    .option(
      "--add <run>",
      "first take in the evaluation in this folder: compressed, without the problems' texts",
    )
    .option("--as <name>", "what it is called among the results (default: the run's folder name)")
    .action(async (folder: string, options: { add?: string; as?: string }) => {
      if (options.add !== undefined)
        told(await addResults(options.add, folder, options.as ?? path.basename(path.resolve(options.add))));
      told(await writeResultsPage(folder));
    });
}

function told(publishing: Publishing): void {
  if (publishing.kind === "failed") throw new CommandFailure(EXIT.input, publishing.message);
  process.stdout.write(`${publishing.file}\n`);
}
