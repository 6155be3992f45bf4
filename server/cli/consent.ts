/** `rstar traces consent` and `rstar traces opt-out`: whether solved documents may train models. */
import { existsSync } from "node:fs";
import path from "node:path";
import { Argument, Command } from "commander";
import { defaultTraceFile } from "../compose.ts";
import { changeConsent, decide, optOut, readConsent, type ConsentReading } from "../traces/consent.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** `consent [agree|withdraw]`. */
export function consentCommand(): Command {
  return new Command("consent")
    .description("Whether traces of your documents may train models on this machine; off until you agree.")
    .addArgument(
      new Argument("[decision]", "leave it out to see how it stands").choices(["agree", "withdraw"]),
    )
    .action(async (decision?: "agree" | "withdraw") => {
      const reading =
        decision === undefined
          ? await readConsent(folder())
          : await changeConsent(folder(), (consent) => decide(consent, decision === "agree", new Date()));
      process.stdout.write(describe(reading));
    });
}

/** `opt-out <file> [--undo]`. */
export function optOutCommand(): Command {
  return new Command("opt-out")
    .description("Never trains on the traces of a file, whatever is agreed to.")
    .argument("<file>", "a Markdown file")
    .option("--undo", "take it in again")
    .action(async (file: string, options: { undo?: boolean }) => {
      if (options.undo !== true && !existsSync(file))
        throw new CommandFailure(EXIT.input, `There is no file ${file}; nothing was changed.`);
      const isOut = options.undo !== true;
      const reading = await changeConsent(folder(), (consent) => optOut(consent, file, isOut));
      process.stdout.write(describe(reading));
    });
}

/** Beside the traces. */
function folder(): string {
  return path.dirname(defaultTraceFile());
}

function describe(reading: ConsentReading): string {
  if (reading.kind === "bad") throw new CommandFailure(EXIT.input, reading.message);
  const { agreed, optedOut } = reading.consent;
  const lines = [
    agreed
      ? "Traces of solved documents may train models on this machine. Nothing leaves it. `rstar traces consent withdraw` takes that back."
      : "Traces of solved documents do not train models. `rstar traces consent agree` allows it, for what is solved from then on; nothing leaves this machine.",
    ...(optedOut.length > 0
      ? ["Never trained on:", ...optedOut.map((file) => `  ${path.normalize(file)}`)]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}
