/** `rstar models list | fetch | remove | add`: the models of this machine. */
import { Command, Option } from "commander";
import { modelManager } from "../compose.ts";
import { removeTrainingEnvironment } from "../evolution/training-space.ts";
import { describeSize } from "../models/folder-size.ts";
import type { ListedModel } from "../models/listing.ts";
import type { ModelManager } from "../models/manager.ts";
import { describeFailure, describeInstalled } from "../models/outcomes.ts";
import { formatBytes } from "../protocol/text.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { interruptSignal } from "./interrupt.ts";
import { modelProgressView } from "./model-progress.ts";

interface AddFlags {
  readonly id?: string;
  readonly role: "policy" | "ppm";
  readonly promptFormat: "two-shot" | "bare";
  readonly suffix?: string;
  readonly positive?: string;
  readonly negative?: string;
  readonly json?: boolean;
}

interface RemoveFlags {
  readonly trainingEnvironment?: boolean;
  readonly json?: boolean;
}

/** The command with its subcommands. `openManager` is replaced by tests. */
export function modelsCommand(openManager: () => Promise<ModelManager> = modelManager): Command {
  const command = new Command("models").description("List, fetch, remove or add models.");
  command
    .command("list", { isDefault: true })
    .description("One line per model: what it is for, its size, and whether it is on this machine.")
    .option("--json", "as JSON")
    .action(async (flags: { json?: boolean }) => await list(await openManager(), flags.json === true));
  command
    .command("fetch [ids...]")
    .description(
      "Downloads and checks models; without a name the default policy. An interrupted one goes on.",
    )
    .option("--json", "the outcomes as JSON")
    .action(async (ids: string[], flags: { json?: boolean }) => {
      await fetchModels(await openManager(), ids, flags.json === true);
    });
  command
    .command("remove [id]")
    .description("Deletes a model's files; a file of your own is only taken off the list.")
    .option(
      "--training-environment",
      "deletes Python's packages and prepared models of training instead, which the next one makes anew",
    )
    .option("--json", "the outcome as JSON")
    .action(async (id: string | undefined, flags: RemoveFlags) => {
      if ((id === undefined) !== (flags.trainingEnvironment === true))
        throw new CommandFailure(EXIT.usage, "Name a model, or give --training-environment: one of the two.");
      const manager = await openManager();
      if (id === undefined) {
        await removeEnvironment(manager.home, flags);
        return;
      }
      const removal = await manager.remove(id);
      if (flags.json === true) process.stdout.write(`${JSON.stringify(removal)}\n`);
      switch (removal.kind) {
        case "removed":
          tell(
            flags,
            removal.bytes === 0
              ? `Removed ${id}. Its file is also elsewhere on this machine, and stays there.\n`
              : `Removed ${id}: ${formatBytes(removal.bytes)} are free again.\n`,
          );
          break;
        case "forgotten":
          tell(flags, `${id} is off the list; ${removal.path} was not touched.\n`);
          break;
        case "failed":
          throw new CommandFailure(EXIT.unavailable, removal.message);
        default:
          removal satisfies never;
      }
    });
  command
    .command("add <path>")
    .description("Puts a GGUF file of your own on the list. The file stays where it is.")
    .option("--id <id>", "its name here (default: the file's name)")
    .addOption(new Option("--role <role>", "what it is for").choices(["policy", "ppm"]).default("policy"))
    .addOption(
      new Option("--prompt-format <format>", "`bare` for a model tuned on rStar-Math steps")
        .choices(["two-shot", "bare"])
        .default("two-shot"),
    )
    .option("--suffix <text>", "PPM: text put after a step, where the score is read (\\n is a line break)")
    .option("--positive <token>", "PPM: the one-token answer for a good step")
    .option("--negative <token>", "PPM: the one-token answer for a bad step")
    .option("--json", "the outcome as JSON")
    .action(async (file: string, flags: AddFlags) => await add(await openManager(), file, flags));
  return command;
}

async function list(manager: ModelManager, json: boolean): Promise<void> {
  const { models, problem } = await manager.list();
  if (json) process.stdout.write(`${JSON.stringify({ home: manager.home, models, problem }, null, 2)}\n`);
  else process.stdout.write(listText(models, manager.home));
  if (problem !== null) throw new CommandFailure(EXIT.input, describeFailure(problem));
}

/** The list as aligned columns, with what the marks mean below. */
export function listText(models: readonly ListedModel[], home: string): string {
  const rows = models.map((model) => [
    `${model.id}${model.isDefault ? " *" : ""}`,
    model.role,
    formatBytes(model.bytes),
    stateOf(model),
    model.license ?? "no licence given",
  ]);
  const table = [["MODEL", "ROLE", "SIZE", "STATE", "LICENCE"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n\n* the default: used when no model is named and no adapter is in use (rstar adapters list). Data folder: ${home}\n`;
}

function stateOf(model: ListedModel): string {
  const shared = model.base === null ? "" : ` (the file of ${model.base})`;
  if (model.installed) return `installed${shared}`;
  if (model.origin === "own" || (model.origin === "trained" && model.removableBytes === 0))
    return "its file is gone or changed";
  if (model.partialBytes > 0) return `${formatBytes(model.partialBytes)} fetched${shared}`;
  return `not fetched${shared}${model.isTest ? " (for tests)" : ""}`;
}

async function fetchModels(manager: ModelManager, named: readonly string[], json: boolean): Promise<void> {
  const fallback = manager.defaultId("policy");
  const ids = named.length > 0 ? named : fallback === null ? [] : [fallback];
  const { signal, release } = interruptSignal();
  const failures: string[] = [];
  const outcomes: unknown[] = [];
  try {
    for (const id of ids) {
      const view = modelProgressView(process.stderr);
      const outcome = await manager
        .resolve(id, { signal, onProgress: view.onProgress })
        .finally(() => view.stop());
      outcomes.push({ id, ...outcome });
      if (outcome.kind === "failed") failures.push(outcome.message);
      else if (!json) process.stdout.write(`${id} is ready: ${outcome.model.path}\n`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CommandFailure(
      EXIT.cancelled,
      "Stopped. What had arrived is kept; fetching again goes on there.",
    );
  } finally {
    release();
  }
  if (json) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`);
  if (failures.length > 0) throw new CommandFailure(EXIT.unavailable, failures.join("\n"));
}

async function removeEnvironment(home: string, flags: RemoveFlags): Promise<void> {
  const { signal, release } = interruptSignal();
  const outcome = await removeTrainingEnvironment(home, signal).finally(release);
  if (flags.json === true) process.stdout.write(`${JSON.stringify(outcome)}\n`);
  if (outcome.kind === "failed") throw new CommandFailure(EXIT.unavailable, outcome.message);
  tell(flags, `Removed the training environment: ${describeSize(outcome.size)} are free again.\n`);
}

async function add(manager: ModelManager, file: string, flags: AddFlags): Promise<void> {
  const { suffix, positive, negative } = flags;
  const ppm =
    suffix !== undefined && positive !== undefined && negative !== undefined
      ? { suffix: suffix.replaceAll("\\n", "\n"), positive, negative }
      : undefined;
  if (ppm === undefined && (suffix ?? positive ?? negative) !== undefined)
    throw new CommandFailure(EXIT.usage, "--suffix, --positive and --negative belong together.");
  const { signal, release } = interruptSignal();
  try {
    const addition = await manager.add(file, {
      ...(flags.id === undefined ? {} : { id: flags.id }),
      role: flags.role,
      promptFormat: flags.promptFormat,
      ...(ppm === undefined ? {} : { ppm }),
      signal,
    });
    if (flags.json === true) process.stdout.write(`${JSON.stringify(addition)}\n`);
    if (addition.kind === "failed") throw new CommandFailure(EXIT.input, addition.message);
    const what =
      addition.kind === "installed"
        ? describeInstalled(addition)
        : `Added ${addition.id} (${addition.role}).`;
    const option = addition.role === "ppm" ? "--ppm" : "--model";
    tell(flags, `${what} Use it with: rstar solve FILE.md ${option} ${addition.id}\n`);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CommandFailure(EXIT.cancelled, "Stopped. Nothing was added.");
  } finally {
    release();
  }
}

/** Prints for people, unless JSON was asked for. */
function tell(flags: { readonly json?: boolean }, text: string): void {
  if (flags.json !== true) process.stdout.write(text);
}
