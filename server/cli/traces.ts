/** `rstar traces list | show | export | delete | consent | opt-out`: what past searches left behind. */
import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { messageOf } from "../errors.ts";
import { treeText } from "./trace-text.ts";
import { consentCommand, optOutCommand } from "./consent.ts";
import { printable } from "./printable.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { defaultTraceFile } from "../compose.ts";
import { createTraceStore } from "../traces/store.ts";
import type { BadLine } from "../services.ts";
import { summarise, type Trace } from "../protocol/trace.ts";

/** The command with its subcommands. */
export function tracesCommand(): Command {
  const command = new Command("traces").description("List, show, export or delete stored searches.");
  command
    .command("list")
    .description("One line per stored search, oldest first.")
    .option("--json", "as JSON lines")
    .action(async (options: { json?: boolean }) => {
      const { traces, bad } = await createTraceStore(defaultTraceFile()).read(summarise);
      reportBad(bad);
      for (const trace of traces)
        process.stdout.write(
          options.json === true
            ? `${JSON.stringify(trace)}\n`
            : printable(
                `${trace.id}  ${trace.strategy.padEnd(16)} ${(trace.answer ?? "no answer").slice(0, 20).padEnd(20)} ${(trace.graded ?? "").padEnd(10)} ${oneLine(trace.problem)}\n`,
              ),
        );
      if (traces.length === 0)
        process.stderr.write("No traces are stored yet; `rstar solve FILE.md` makes them.\n");
    });
  command
    .command("show <id>")
    .description("The whole search tree of one trace; an unambiguous beginning of the id is enough.")
    .option("--json", "the trace as JSON")
    .action(async (id: string, options: { json?: boolean }) => {
      const trace = await findTrace(id);
      process.stdout.write(options.json === true ? `${JSON.stringify(trace, null, 2)}\n` : treeText(trace));
    });
  command
    .command("export <file>")
    .description("Writes all traces that can be read to a JSON-lines file.")
    .action(async (file: string) => {
      const { traces, bad } = await createTraceStore(defaultTraceFile()).query();
      reportBad(bad);
      // One by one: many would not fit into one text.
      await writeFile(file, jsonLines(traces), { flag: "wx" }).catch((error: unknown) => {
        throw new CommandFailure(
          EXIT.input,
          `${file} was not written: ${messageOf(error)}. The traces are untouched.`,
        );
      });
      process.stdout.write(`${traces.length} traces written to ${file}.\n`);
    });
  command
    .command("delete [ids...]")
    .description("Deletes traces for good: the ones named, or all with --all.")
    .option("--all", "every trace, and every line that cannot be read")
    .action(async (ids: string[], options: { all?: boolean }) => {
      if (ids.length === 0 && options.all !== true)
        throw new CommandFailure(EXIT.usage, "Name the traces to delete, or say --all.");
      const named = new Set<string>();
      if (options.all !== true) for (const id of ids) named.add((await findTrace(id)).id);
      const removed = await createTraceStore(defaultTraceFile()).remove(
        (trace) => options.all === true || (trace !== null && named.has(trace.id)),
      );
      process.stdout.write(`${removed} deleted.\n`);
    });
  return command.addCommand(consentCommand()).addCommand(optOutCommand());
}

/** The one stored trace whose id begins so. */
export async function findTrace(id: string): Promise<Trace> {
  if (id === "") throw new CommandFailure(EXIT.usage, "A trace's id is empty.");
  const { traces, bad } = await createTraceStore(defaultTraceFile()).query({ id });
  reportBad(bad);
  const [trace, other] = traces;
  if (trace === undefined)
    throw new CommandFailure(EXIT.input, `No trace begins with ${id}; \`rstar traces list\` shows them all.`);
  if (other !== undefined)
    throw new CommandFailure(EXIT.input, `${traces.length} traces begin with ${id}; write more of the id.`);
  return trace;
}

function reportBad(bad: readonly BadLine[]): void {
  for (const { line, reason } of bad)
    process.stderr.write(printable(`${defaultTraceFile()}:${line}: ${reason}\n`));
}

function* jsonLines(traces: readonly Trace[]): Generator<string> {
  for (const trace of traces) yield `${JSON.stringify(trace)}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/gu, " ").slice(0, 60);
}
