/** `rstar finetune` and `rstar evolve`: train on traces that are there, or search and train round after round. */
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { openEvolution, type EvolutionRuntime } from "../compose.ts";
import {
  beginRun,
  continueRun,
  RUNNING_ELSEWHERE,
  type Continuation,
  type NewRun,
} from "../evolution/rounds.ts";
import { isRunning, newestUnfinished, runsFolder } from "../evolution/runs.ts";
import { summaryOf } from "../evolution/words.ts";
import { tryWithLock } from "../lock.ts";
import { dataHome } from "../models/home.ts";
import { TRAINING_PROFILES } from "../protocol/evolution.ts";
import type { EvolutionEvent, RunLine } from "../protocol/run-output.ts";
import { ServiceUnavailable } from "../services.ts";
import {
  newEvolution,
  newFinetune,
  refuseOptedOut,
  roundsFrom,
  type CommonOptions,
  type EvolveFlags,
  type Fetching,
  type FinetuneFlags,
} from "./evolution-options.ts";
import { eventLine, reportText } from "./evolution-view.ts";
import { printable } from "./printable.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { withWords } from "./files.ts";
import { interruptSignal } from "./interrupt.ts";
import { wholeNumber } from "./numbers.ts";
import { preparingView } from "./preparing.ts";
import { PROBLEM_FILE } from "./problem-file.ts";
import { quote } from "../evaluation/markdown-parts.ts";

/** `rstar finetune`. */
export function finetuneCommand(): Command {
  return common(
    new Command("finetune").description(
      "Trains policy and PPM on stored traces, compares them on held-out problems, and uses them if they are better.",
    ),
  )
    .option("--traces <file...>", "trace files (default: the traces you agreed to collect)")
    .option("--any-model", "take traces of other models than the base too")
    .action(async (flags: FinetuneFlags, command: Command) => {
      refuseOnResume(flags, command, []);
      await start(flags, async (fetching) => await newFinetune(flags, fetching));
    });
}

/** `rstar evolve`. */
export function evolveCommand(): Command {
  return common(
    withWords(new Command("evolve")).description(
      "Self-evolution: searches problems with given answers and trains on the traces, round after round.",
    ),
  )
    .option("--problems <file>", PROBLEM_FILE)
    .option("--limit <n>", "only the first n problems", wholeNumber)
    .option("--rounds <n>", "rounds", wholeNumber, 4)
    .option("--bootstrap <id>", "the model that searches in the first round (default: the base)")
    .option(
      "--rollouts <n>",
      "trajectories of a problem's first search (default: the paper's 8, then 16)",
      wholeNumber,
    )
    .option("--ladder <n,n>", "further searches of what is unsolved, in trajectories", wholeNumbers)
    .option("--candidates <n>", "candidates of an expansion", wholeNumber)
    .option("--tokens <n>", "tokens of one trajectory, on average", wholeNumber)
    .addOption(
      new Option("--train-on <rounds>", "whose traces train: the round's own, or those of all rounds so far")
        .choices(["own", "all"])
        .default("own"),
    )
    .option(
      "--traces <file...>",
      "earlier searches of some of the problems, which are not searched again then",
    )
    .option("--train-now", "with --resume: leave out of this round what is not searched yet, and train")
    .action(async (flags: EvolveFlags, command: Command) => {
      const isGiven = command.getOptionValueSource("rounds") === "cli";
      const ofRounds = isGiven ? ["rollouts", "ladder", "candidates"] : [];
      refuseOnResume(flags, command, ["rounds", "trainNow", ...ofRounds]);
      if (flags.trainNow === true && flags.resume !== true)
        throw new CommandFailure(EXIT.usage, "--train-now is for a run that goes on: add --resume.");
      await start(flags, async (fetching) => await newEvolution(flags, fetching), {
        ...(isGiven ? { rounds: (profile) => roundsFrom(flags, profile) } : {}),
        trainNow: flags.trainNow === true,
      });
    });
}

/** What a run that goes on takes from the command line, whatever it is; the rest is in its folder. */
const OF_ANY_START = ["out", "resume", "microBatchSize", "python", "launch", "json"];

/** @throws CommandFailure for an option that a run which goes on would not heed. */
function refuseOnResume(flags: CommonOptions, command: Command, heeded: readonly string[]): void {
  if (flags.resume !== true) return;
  const others = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .filter((option) => ![...OF_ANY_START, ...heeded].includes(option.attributeName()))
    .map((option) => option.long);
  if (others.length > 0)
    throw new CommandFailure(
      EXIT.usage,
      `A run that goes on keeps its own problems and settings: leave ${others.join(", ")} out, or begin a new run without --resume.`,
    );
}

function common(command: Command): Command {
  return command
    .option("--out <folder>", "where the run keeps its files (default: a folder in the data folder)")
    .option("--resume", "go on with a run that was stopped or killed")
    .option("--base <id>", "what is trained (default: the default policy's base)")
    .addOption(
      new Option("--profile <name>", "a set of training settings")
        .choices(TRAINING_PROFILES)
        .default("small"),
    )
    .option("--seed <n>", "names the whole run", wholeNumber, 1)
    .addOption(
      new Option("--ppm-loss <loss>", "how the PPM learns")
        .choices(["pairwise", "orm", "pqm"])
        .default("pairwise"),
    )
    .option("--level <p>", "adopt what is better at this level of significance (default: 0.05)", share)
    .option("--held-out <share>", "share of the problems that never train (default: 0.1)", share)
    .option("--concurrency <n>", "problems searched side by side", wholeNumber)
    .option(
      "--set <name=value...>",
      "single settings of training, selection and gate, as the run's state.json names them: ppmTraining.learningRate=2e-4",
    )
    .option(
      "--micro-batch-size <n>",
      "examples computed at once: fewer need less memory, and what is learnt is the same; with --resume too",
      wholeNumber,
    )
    .option("--python <command>", "the Python from which the training environment is made")
    .option("--launch <file>", "a configuration of `accelerate launch`, to train on many GPUs")
    .option("--json", "events and reports as JSON lines");
}

/** Begins a run, or finds the one to go on with, and carries it to its end. */
async function start(
  flags: CommonOptions,
  make: (fetching: Fetching) => Promise<NewRun>,
  continuation: Continuation = {},
): Promise<void> {
  const { signal, release } = interruptSignal();
  const view = preparingView(process.stderr);
  const tell = (line: RunLine): void => {
    if (flags.json === true) process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  let runtime: EvolutionRuntime | null = null;
  try {
    const root =
      flags.resume === true
        ? await runToResume(flags.out)
        : await begin(flags, signal, () =>
            make({ signal, onProgress: (progress) => view.download(progress) }),
          );
    tell({ kind: "run", folder: root });
    // The one variable that everything which needs a Python asks.
    if (flags.python !== undefined) process.env["RSTAR_PYTHON"] = flags.python;
    runtime = await openEvolution(
      view,
      // The trainer runs in a folder of its own.
      flags.launch === undefined ? undefined : path.resolve(flags.launch),
    );
    const onEvent = (event: EvolutionEvent): void => {
      if (flags.json === true) tell(event);
      else if (event.kind === "round") process.stdout.write(reportText(event.report));
      else {
        const line = eventLine(event);
        if (line !== null) process.stderr.write(printable(`${line}\n`));
      }
    };
    const outcome = await continueRun(root, runtime.services, signal, onEvent, {
      ...continuation,
      ...(flags.microBatchSize === undefined ? {} : { microBatchSize: flags.microBatchSize }),
    });
    switch (outcome.kind) {
      case "finished":
        tell({ kind: "end", outcome: "finished", message: summaryOf(outcome.reports.at(-1)) });
        process.stderr.write(
          `The run is finished; it is kept in ${root}. \`rstar adapters list\` shows what is in use.\n`,
        );
        break;
      case "stopped":
        tell({ kind: "end", outcome: "stopped", message: "Stopped; everything so far is kept." });
        process.stderr.write(`Stopped; everything so far is kept. Go on with --resume --out ${root}\n`);
        process.exitCode = EXIT.cancelled;
        break;
      case "failed":
        process.stderr.write(`What there is of the run is in ${root}; --resume --out goes on with it.\n`);
        throw new CommandFailure(EXIT.unavailable, outcome.message);
      default:
        outcome satisfies never;
    }
  } catch (error) {
    if (error instanceof CommandFailure || error instanceof ServiceUnavailable) {
      const { message } = error;
      const refusal = error instanceof CommandFailure ? error.refusal : undefined;
      tell({ kind: "end", outcome: "failed", message, ...(refusal === undefined ? {} : { refusal }) });
    } else if (signal.aborted) {
      tell({ kind: "end", outcome: "stopped", message: "Stopped before a run was begun." });
      process.exitCode = EXIT.cancelled;
      return;
    }
    throw error;
  } finally {
    view.stop();
    release();
    await runtime?.dispose();
  }
}

/**
 * Before anything is written: the folder of a run that never was would be taken for the one that is running.
 * @throws CommandFailure where one is.
 */
async function refuseBeside(signal: AbortSignal): Promise<void> {
  const home = dataHome();
  if (!(await isRunning(home))) return;
  // The lock of one that was killed is waited for.
  const attempt = await tryWithLock(runsFolder(home), signal, () => Promise.resolve());
  if (attempt.kind === "locked") throw new CommandFailure(EXIT.unavailable, RUNNING_ELSEWHERE);
}

async function begin(
  flags: CommonOptions,
  signal: AbortSignal,
  make: () => Promise<NewRun>,
): Promise<string> {
  await refuseBeside(signal);
  const run = await make();
  const root = path.resolve(flags.out ?? path.join(runsFolder(dataHome()), run.id));
  const begun = await beginRun(root, { ...run, command: commandText(process.argv.slice(2)) }, new Date());
  if (begun.kind === "failed") throw new CommandFailure(EXIT.input, begun.message);
  return root;
}

/** A command as a person would type it; what the editor adds for itself is left out. */
export function commandText(args: readonly string[]): string {
  const words = args.filter((arg) => arg !== "--json");
  return ["rstar", ...words.map(quote)].join(" ");
}

/** The run named, or the newest one that is not finished. */
async function runToResume(out: string | undefined): Promise<string> {
  const root = out === undefined ? await newestUnfinished(dataHome()) : path.resolve(out);
  if (root === null)
    throw new CommandFailure(
      EXIT.input,
      `There is no unfinished run in ${runsFolder(dataHome())}; name its folder with --out.`,
    );
  await refuseOptedOut(root);
  return root;
}

function wholeNumbers(text: string): number[] {
  return text.split(",").map(wholeNumber);
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("a number from 0 to 1 is needed.");
  return value;
}
