/** `rstar eval`: searches a set of problems by several methods, grades, and reports with intervals and paired tests. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { Command, Option } from "commander";
import type { Runtime } from "../compose.ts";
import { BENCHMARKS } from "../evaluation/benchmarks.ts";
import { openDraws } from "../evaluation/draws.ts";
import { filesOf, inFolder } from "../evaluation/folder.ts";
import { budgetName, methodList } from "../evaluation/methods.ts";
import { ofLevels, problemsHash, slice, type EvaluationProblem } from "../evaluation/problems.ts";
import { openRecords, readRecords } from "../evaluation/records.ts";
import { cellCount, evaluate, isDone, type EvaluationEnd, type EvaluationPlan } from "../evaluation/run.ts";
import { settingsHash, type EvaluationSettings } from "../evaluation/settings.ts";
import { writeReports } from "../evaluation/write.ts";
import { writeFailure } from "../models/write-failure.ts";
import { namedPpm } from "../protocol/settings.ts";
import { promptTemplate } from "../search/prompt.ts";
import { sha256 } from "../search/solve.ts";
import { list, planOf, type EvalOptions } from "./eval-options.ts";
import { createEvalProgress } from "./eval-progress.ts";
import { problemsFor } from "./eval-problems.ts";
import { describeModels, describeSession, localParts } from "./eval-session.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { withWords } from "./files.ts";
import { interruptSignal } from "./interrupt.ts";
import { count, wholeNumber } from "./numbers.ts";
import { openForCommand } from "./preparing.ts";
import { PROBLEM_FILE } from "./problem-file.ts";

/** The command. */
export function evalCommand(): Command {
  return withWords(new Command("eval"))
    .description("Evaluates strategies on a set of problems, side by side, with intervals and paired tests.")
    .option("--problems <file>", PROBLEM_FILE)
    .addOption(
      new Option(
        "--set <name>",
        "a public benchmark instead, fetched from its home and checked by SHA-256",
      ).choices(BENCHMARKS.map(({ name }) => name)),
    )
    .option("--data <folder>", "with --set: read a local copy from this folder instead of fetching")
    .option("--strategy <names>", "what to compare, separated by commas", "greedy,self-consistency,auto")
    .option("--budget <budgets>", "tokens for one problem, or multiples of greedy's: 800,8x", "8x")
    .option("--limit <n>", "only so many problems", wholeNumber)
    .option("--offset <n>", "leave out the first problems", count, 0)
    .option("--level <levels>", "of these only the problems of some levels: 1,2,3", (text) =>
      list(text, "--level"),
    )
    .option("--seed <n>", "the first seed", count, 1)
    .option("--seeds <k>", "how many seeds, one after another", wholeNumber, 1)
    .option("--model <id>", "the policy, as `rstar models list` names it")
    .option("--ppm <id>", "the process preference model; `none` leaves it out")
    .option("--concurrency <n>", "searches side by side", wholeNumber, 8)
    .option(
      "--share-draws",
      "draw and score once what several methods and budgets of a problem have in common: accuracies and tokens stay the same, times are not each method's own and are left out",
    )
    .requiredOption("--out <folder>", "where traces and reports go")
    .option("--resume", "go on with the evaluation that is in the folder")
    .option("--report-only", "write the reports of the folder anew from its traces; nothing is searched")
    .addHelpText(
      "after",
      `\nStrategies (a setting may follow after a colon, as in mcts:exploration=2; ppm=none leaves the PPM out):\n${methodList()}`,
    )
    .action(run);
}

async function run(options: EvalOptions): Promise<void> {
  if (options.reportOnly === true) {
    await writing(options.out, () => report(options.out));
    return;
  }
  const { signal, release } = interruptSignal();
  let runtime: Runtime | null = null;
  try {
    const { plan, set } = await preparePlan(options, signal);
    const problemsAtOnce = Math.min(options.concurrency, plan.problems.length * plan.seeds.length);
    runtime = await openForCommand(
      {
        ...(options.model === undefined ? {} : { model: options.model }),
        ...(options.ppm === undefined ? {} : { ppm: namedPpm(options.ppm) }),
        reproducible: true,
        problemsAtOnce,
      },
      signal,
    );
    const opened = runtime;
    await writing(options.out, async () => {
      const end = await evaluateInto(options, plan, set, opened, signal);
      await report(options.out);
      explain(end, options.out);
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = EXIT.cancelled;
  } finally {
    release();
    await runtime?.dispose();
  }
}

/** Does `work`, which writes into `folder`. @throws CommandFailure where its disk is full or it cannot be written. */
async function writing(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const failure = writeFailure(error, folder, 0);
    if (failure === null) throw error;
    const [what, remedy] =
      failure.kind === "disk-full"
        ? [`The disk of ${folder} is full`, "free some space"]
        : [`The folder ${folder} cannot be written (${failure.code})`, "make it writable"];
    throw new CommandFailure(
      EXIT.unavailable,
      `${what}. What was searched is kept; ${remedy}, and the same command with --resume goes on.`,
    );
  }
}

/** The problems and what is to be done with them. @throws CommandFailure that says what is wrong. */
async function preparePlan(
  options: EvalOptions,
  signal: AbortSignal,
): Promise<{ readonly plan: Omit<EvaluationPlan, "name">; readonly set: string }> {
  const { set, all } = await problemsFor(options, signal);
  const problems = slice(all, options.offset, options.limit ?? null);
  if (problems === null)
    throw new CommandFailure(
      EXIT.usage,
      `${set} has ${all.length} problems; --offset ${options.offset} leaves none of them.`,
    );
  return { plan: planOf(options, atLevels(problems, options.level)), set };
}

function atLevels(
  problems: readonly EvaluationProblem[],
  levels: readonly string[] | undefined,
): readonly EvaluationProblem[] {
  if (levels === undefined) return problems;
  const choice = ofLevels(problems, levels);
  if (choice.kind === "problems") return choice.problems;
  throw new CommandFailure(
    EXIT.usage,
    choice.levels.length === 0
      ? "The problems do not say how hard they are: leave --level out."
      : `--level ${levels.join(",")} leaves no problem; there are the levels ${choice.levels.join(", ")}.`,
  );
}

async function evaluateInto(
  options: EvalOptions,
  plan: Omit<EvaluationPlan, "name">,
  set: string,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<EvaluationEnd> {
  const needsPpm = plan.methods.find((method) => method.ppm === "required");
  if (needsPpm !== undefined && runtime.services.ppm === null)
    throw new CommandFailure(
      EXIT.usage,
      `${needsPpm.name} weighs by a process preference model, and there is none. Name one with --ppm; nothing was run.`,
    );
  const settings = await settingsOf(plan, options, set, runtime, signal);
  const session = await describeSession(options.concurrency, localParts(runtime).backend);
  const { concurrency, out, resume = false } = options;
  const worked = await inFolder(out, settings, session, resume, signal, async (index, signal) => {
    const { traces, draws } = filesOf(out);
    const { outcomes } = await readRecords(traces);
    const done = new Map(outcomes);
    const writer = await openRecords(traces);
    const named = { ...plan, name: settingsHash(settings).slice(0, 12) };
    const progress = createEvalProgress(process.stderr);
    progress.begin(cellCount(named), [...done.values()].filter(isDone).length);
    try {
      const end = await evaluate(
        named,
        done,
        runtime.services,
        {
          concurrency,
          session: index,
          now: () => Date.now(),
          keep: (record) => writer.append(record),
          openDraws: (name) => openDraws(draws, name),
          onOutcome: (outcome) => progress.show(outcome),
        },
        signal,
      );
      if (end.kind === "finished") await rm(draws, { recursive: true, force: true });
      return end;
    } finally {
      progress.end();
      await writer.close();
    }
  });
  if (worked.kind === "refused") throw new CommandFailure(EXIT.usage, worked.message);
  return worked.value;
}

async function settingsOf(
  plan: Omit<EvaluationPlan, "name">,
  { offset, level }: EvalOptions,
  set: string,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<EvaluationSettings> {
  const format = runtime.services.promptFormat;
  return {
    set,
    problemsSha256: problemsHash(plan.problems),
    problems: plan.problems.map(({ id, level }) => ({ id, level })),
    offset,
    ...(level === undefined ? {} : { levels: [...level] }),
    methods: plan.methods.map(({ name, ppm, config }) => ({ name, ppm, config })),
    budgets: plan.budgets.map(budgetName),
    seeds: [...plan.seeds],
    sharedDraws: plan.sharedDraws,
    models: await describeModels(localParts(runtime).models, signal),
    prompt: { format, sha256: sha256(promptTemplate(format)) },
  };
}

async function report(folder: string): Promise<void> {
  const writing = await writeReports(folder);
  if (writing.kind === "failed") throw new CommandFailure(EXIT.input, writing.message);
  const { report: made, unreadable } = writing;
  if (unreadable.length > 0)
    process.stderr.write(
      `${filesOf(folder).traces}: ${unreadable.length} lines could not be read (${unreadable.slice(0, 5).join(", ")}…), probably cut off by a kill; their searches count as not done.\n`,
    );
  for (const row of made.rows)
    process.stdout.write(
      `${row.name.padEnd(32)} strict ${(100 * row.strict.mean).toFixed(1).padStart(5)}%  pass@N ${(100 * row.passAtN.mean).toFixed(1).padStart(5)}%  ${row.generatedTokens.mean.toFixed(0).padStart(6)} tokens  ${row.problems} problems${row.missing === 0 ? "" : `, ${row.missing} searches to do`}\n`,
    );
  process.stdout.write(`${path.join(folder, "report.md")}\n`);
}

function explain(end: EvaluationEnd, folder: string): void {
  switch (end.kind) {
    case "finished":
      return;
    case "stopped":
      process.stderr.write(
        `Stopped. What was searched is kept in ${folder}; the same command with --resume goes on.\n`,
      );
      process.exitCode = EXIT.cancelled;
      return;
    case "failing":
      throw new CommandFailure(
        EXIT.unavailable,
        `The last searches failed one after another, so the evaluation was stopped: ${end.reason} What was searched is kept; the same command with --resume tries the failed ones again.`,
      );
    default:
      end satisfies never;
  }
}
