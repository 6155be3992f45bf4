/** `rstar adapters list | use | rollback | remove | measure`: the lineage of trained adapters, and which is in use. */
import { Command, Option } from "commander";
import { modelManager } from "../compose.ts";
import {
  chooseAdapter,
  describeNoLineage,
  describeRefusal,
  inUse,
  isPresent,
  isRefusal,
  readLineage,
  removeAdapter,
  rollBack,
  type AdapterRefusal,
  type LineageOutcome,
} from "../models/adapters.ts";
import { dataHome } from "../models/home.ts";
import { formatBytes } from "../protocol/text.ts";
import type { Lineage, LineageEntry } from "../protocol/evolution.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { measureCommand } from "./measure.ts";

type Role = LineageEntry["role"];

/** The command with its subcommands. */
export function adaptersCommand(): Command {
  const command = new Command("adapters").description(
    "List the adapters that were trained here, use one, roll back, or remove one.",
  );
  command
    .command("list", { isDefault: true })
    .description("One line per adapter: what it is, what it was trained on, how it did.")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => {
      const lineage = lineageOf(await readLineage(dataHome()));
      process.stdout.write(
        options.json === true ? `${JSON.stringify(lineage, null, 2)}\n` : await listText(lineage, dataHome()),
      );
    });
  command
    .command("use <id>")
    .description("Uses an adapter whenever no model is named; `none` is the untouched default base.")
    .addOption(
      new Option("--role <role>", "with `none`: only this role").choices(["policy", "ppm"] satisfies Role[]),
    )
    .action(async (id: string, options: { role?: Role }) => {
      const lineage = lineageOf(await readLineage(dataHome()));
      const entry = lineage.entries.find((other) => other.id === id);
      if (id !== "none" && entry === undefined)
        throw new CommandFailure(
          EXIT.input,
          describeRefusal({ kind: "unknown-adapter", id, known: lineage.entries.map((other) => other.id) }),
        );
      const roles: readonly Role[] =
        entry !== undefined ? [entry.role] : options.role === undefined ? ["policy", "ppm"] : [options.role];
      const bases = entry !== undefined ? [entry.base.sha256] : await basesOf(lineage);
      for (const role of roles)
        for (const baseSha256 of bases)
          lineageOf(
            await chooseAdapter(
              dataHome(),
              { role, baseSha256, adapter: entry?.id ?? null },
              "person",
              new Date().toISOString(),
              new AbortController().signal,
            ),
          );
      const running = "Searches that are running keep what they began with.";
      if (entry === undefined) process.stdout.write(`The untouched base is in use. ${running}\n`);
      else if (entry.base.sha256 === (await modelManager()).defaultBase()?.sha256)
        process.stdout.write(`${id} is in use as ${entry.role} on ${entry.base.id}. ${running}\n`);
      else
        process.stdout.write(
          `${id} is what training on ${entry.base.id} compares with. That is not the base used by default: a search takes it when it is named (\`${entry.role === "ppm" ? "--ppm" : "--model"} ${id}\`, or in the editor's settings).\n`,
        );
    });
  command
    .command("rollback")
    .description("Takes the newest choice back: what was in use before is in use again.")
    .addOption(new Option("--role <role>", "only of this role").choices(["policy", "ppm"] satisfies Role[]))
    .action(async (options: { role?: Role }) => {
      const before = lineageOf(await readLineage(dataHome()));
      const after = lineageOf(await rollBack(dataHome(), options.role ?? null, new AbortController().signal));
      const undone = before.uses.find((use) => !after.uses.some((kept) => same(kept, use)));
      if (undone === undefined) return;
      const now = (await modelManager()).usedOn(after, undone.role, undone.baseSha256);
      const none = undone.role === "ppm" ? "no PPM" : "the untouched base";
      process.stdout.write(
        `${undone.adapter ?? none} is out of use; in use as ${undone.role} is ${now ?? none} again.\n`,
      );
    });
  command
    .command("remove <id>")
    .description("Deletes an adapter that is not in use.")
    .action(async (id: string) => {
      lineageOf(await removeAdapter(dataHome(), id, new AbortController().signal));
      process.stdout.write(`${id} was removed.\n`);
    });
  command.addCommand(measureCommand());
  return command;
}

function same(a: Lineage["uses"][number], b: Lineage["uses"][number]): boolean {
  return a.at === b.at && a.role === b.role && a.adapter === b.adapter && a.baseSha256 === b.baseSha256;
}

/** The bases on which anything was chosen, and the default one. */
async function basesOf(lineage: Lineage): Promise<string[]> {
  const known = new Set(lineage.uses.map(({ baseSha256 }) => baseSha256));
  const base = (await modelManager()).defaultBase();
  if (base !== null) known.add(base.sha256);
  return [...known];
}

/** The lineage, or a message and an exit code. */
function lineageOf(outcome: LineageOutcome | AdapterRefusal): Lineage {
  if (outcome.kind === "lineage") return outcome.lineage;
  throw new CommandFailure(isRefusal(outcome) ? EXIT.input : EXIT.unavailable, describeNoLineage(outcome));
}

/** The lineage as lines for a person, oldest first. */
export async function listText(lineage: Lineage, home: string): Promise<string> {
  if (lineage.entries.length === 0)
    return "No adapter was trained yet; `rstar finetune` and `rstar evolve` make them.\n";
  const blocks = await Promise.all(
    lineage.entries.map(async (entry) => {
      const mark = inUse(lineage, entry.role, entry.base.sha256) === entry.id ? "*" : " ";
      const { examples, problems, traces } = entry.data;
      const from = entry.startedFrom === null ? entry.base.id : `${entry.base.id} and ${entry.startedFrom}`;
      return [
        `${mark} ${entry.id}  ${entry.role} on ${from}, ${formatBytes(entry.bytes)}, ${entry.createdAt.slice(0, 10)}`,
        `    trained on ${examples} ${entry.role === "policy" ? "solutions" : "pairs"} of ${problems} problems (${traces} traces), profile ${entry.settings.profile}`,
        `    ${entry.gate?.why ?? "not compared yet"}`,
        ...((await isPresent(home, entry)) ? [] : ["    its file is gone"]),
      ].join("\n");
    }),
  );
  return `${blocks.join("\n")}\n\n* in use when no model is named, on the default base; on another base: name it by --model or --ppm.\n`;
}
