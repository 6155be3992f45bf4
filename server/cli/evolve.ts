/** `rstar finetune` and `rstar evolve`: train on traces that are there, or search and train round after round. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { defaultTraceFile, modelManager, openEvolution, type EvolutionRuntime } from "../compose.ts";
import { evaluationProblems } from "../evolution/decontamination.ts";
import { finetuneMaterial } from "../evolution/finetune.ts";
import { overridden } from "../evolution/overrides.ts";
import { paperRounds, settingsOf, smallRounds } from "../evolution/profiles.ts";
import { readTrainingProblems, type TrainingProblem } from "../evolution/problems.ts";
import { beginRun, continueRun, type Continuation, type NewRun } from "../evolution/rounds.ts";
import { newestUnfinished, runsFolder } from "../evolution/runs.ts";
import { summaryOf } from "../evolution/words.ts";
import { dataHome } from "../models/home.ts";
import { describeFailure, type ModelProgress } from "../models/outcomes.ts";
import { TRAINING_PROFILES, type EvolutionSettings, type TrainingProfile } from "../protocol/evolution.ts";
import type { EvolutionEvent, RunLine } from "../protocol/run-output.ts";
import { isOptedOut, readConsent } from "../traces/consent.ts";
import { ServiceUnavailable } from "../services.ts";
import { eventLine, reportText } from "./evolution-view.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { interruptSignal } from "./interrupt.ts";
import { modelProgressView } from "./model-progress.ts";
import { wholeNumber } from "./numbers.ts";
import { readTraceFiles } from "./trace-files.ts";

/** What both commands take. */
interface CommonOptions {
  readonly out?: string;
  readonly resume?: boolean;
  readonly base?: string;
  readonly profile: TrainingProfile;
  readonly seed: number;
  readonly ppmLoss: EvolutionSettings["ppmLoss"];
  readonly level?: number;
  readonly heldOut?: number;
  readonly concurrency?: number;
  readonly set?: string[];
  readonly python?: string;
  readonly launch?: string;
  readonly json?: boolean;
}

/** How the base is fetched where it is not here yet. */
interface Fetching {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ModelProgress) => void;
}

interface FinetuneFlags extends CommonOptions {
  readonly traces?: string[];
  readonly anyModel?: boolean;
}

interface EvolveFlags extends CommonOptions {
  readonly problems?: string;
  readonly rounds: number;
  readonly bootstrap?: string;
  readonly limit?: number;
  readonly rollouts?: number;
  readonly ladder?: number[];
  readonly candidates?: number;
  readonly tokens?: number;
  readonly trainOn?: EvolutionSettings["selection"]["rounds"];
  readonly traces?: string[];
  readonly trainNow?: boolean;
}

/** `rstar finetune`. */
export function finetuneCommand(): Command {
  return common(
    new Command("finetune").description(
      "Trains policy and PPM on stored traces, compares them on held-out problems, and uses them if they are better.",
    ),
  )
    .option("--traces <file...>", "trace files (default: the traces you agreed to collect)")
    .option("--any-model", "take traces of other models than the base too")
    .action(async (flags: FinetuneFlags) => {
      await start(flags, async (fetching) => await newFinetune(flags, fetching));
    });
}

/** `rstar evolve`. */
export function evolveCommand(): Command {
  return common(
    new Command("evolve").description(
      "Self-evolution: searches problems with given answers and trains on the traces, round after round.",
    ),
  )
    .option("--problems <file>", "JSON lines with id, problem and answer")
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
      if (flags.resume === true && flags.problems !== undefined)
        throw new CommandFailure(
          EXIT.usage,
          "A run that goes on keeps its own problems: leave --problems out, or begin a new run without --resume.",
        );
      if (flags.trainNow === true && flags.resume !== true)
        throw new CommandFailure(EXIT.usage, "--train-now is for a run that goes on: add --resume.");
      const isGiven = command.getOptionValueSource("rounds") === "cli";
      await start(flags, async (fetching) => await newEvolution(flags, fetching), {
        ...(flags.resume === true && isGiven ? { rounds: roundsFrom(flags) } : {}),
        trainNow: flags.trainNow === true,
      });
    });
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
  const download = modelProgressView(process.stderr);
  const tell = (line: RunLine): void => {
    if (flags.json === true) process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  let runtime: EvolutionRuntime | null = null;
  try {
    const root =
      flags.resume === true
        ? await runToResume(flags.out)
        : await begin(flags, await make({ signal, onProgress: download.onProgress }));
    tell({ kind: "run", folder: root });
    // The one variable that everything which needs a Python asks.
    if (flags.python !== undefined) process.env["RSTAR_PYTHON"] = flags.python;
    runtime = await openEvolution(
      { say: (line) => void process.stderr.write(`${line}\n`), download: download.onProgress },
      flags.launch,
    );
    const onEvent = (event: EvolutionEvent): void => {
      if (flags.json === true) tell(event);
      else if (event.kind === "round") process.stdout.write(reportText(event.report));
      else {
        const line = eventLine(event);
        if (line !== null) process.stderr.write(`${line}\n`);
      }
    };
    const outcome = await continueRun(root, runtime.services, signal, onEvent, continuation);
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
    download.stop();
    release();
    await runtime?.dispose();
  }
}

async function begin(flags: CommonOptions, run: NewRun): Promise<string> {
  const root = path.resolve(flags.out ?? path.join(runsFolder(dataHome()), run.id));
  const begun = await beginRun(root, { ...run, command: commandText(process.argv.slice(2)) }, new Date());
  if (begun.kind === "failed") throw new CommandFailure(EXIT.input, begun.message);
  return root;
}

/** A command as a person would type it; what the editor adds for itself is left out. */
export function commandText(args: readonly string[]): string {
  const words = args.filter((arg) => arg !== "--json");
  const quoted = words.map((word) =>
    /^[\w./:=,@%+-]+$/u.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  return ["rstar", ...quoted].join(" ");
}

/** The run named, or the newest one that is not finished. */
async function runToResume(out: string | undefined): Promise<string> {
  if (out !== undefined) return path.resolve(out);
  const newest = await newestUnfinished(dataHome());
  if (newest !== null) return newest;
  throw new CommandFailure(
    EXIT.input,
    `There is no unfinished run in ${runsFolder(dataHome())}; name its folder with --out.`,
  );
}

async function newFinetune(flags: FinetuneFlags, fetching: Fetching): Promise<NewRun> {
  const consent = await readConsent(path.dirname(defaultTraceFile()));
  if (consent.kind === "bad") throw new CommandFailure(EXIT.input, consent.message);
  if (flags.traces === undefined && !consent.consent.agreed)
    throw new CommandFailure(
      EXIT.input,
      "You have not agreed to training on the traces of your documents. `rstar traces consent agree` allows it; `--traces FILE` trains on a file that you name. Nothing was changed.",
      "not-agreed",
    );
  // The store is made with its first trace.
  const isThere = (file: string): boolean => file !== defaultTraceFile() || existsSync(file);
  const traces = await readTraceFiles((flags.traces ?? [defaultTraceFile()]).filter(isThere));
  const base = await baseOf(flags, fetching);
  const material = finetuneMaterial(traces, {
    baseSha256: flags.anyModel === true ? null : base.sha256,
    consent: flags.traces === undefined ? "agreed" : "any",
    isOptedOut: (trace) => isOptedOut(consent.consent, trace),
  });
  if (material.kind === "failed") throw new CommandFailure(EXIT.input, material.message, material.refusal);
  const settings = settingsFrom(flags, base.id, smallRounds(1), "given");
  return {
    ...{ id: newRunId(), settings, problems: material.problems, traces: material.traces },
    inUse: await inUseOn(base),
  };
}

async function newEvolution(flags: EvolveFlags, fetching: Fetching): Promise<NewRun> {
  if (flags.problems === undefined)
    throw new CommandFailure(
      EXIT.usage,
      "Name the problems with --problems, or go on with a run by --resume.",
    );
  const problems = await problemsOf(flags.problems, flags.limit);
  const base = await baseOf(flags, fetching);
  const settings = settingsFrom(flags, base.id, roundsFrom(flags), "searched");
  return {
    id: newRunId(),
    settings: {
      ...settings,
      bootstrap: flags.bootstrap ?? base.id,
      tokensPerRollout: flags.tokens ?? settings.tokensPerRollout,
      selection: { ...settings.selection, rounds: flags.trainOn ?? settings.selection.rounds },
    },
    problems,
    ...(flags.traces === undefined ? {} : { traces: await readTraceFiles(flags.traces) }),
    inUse: await inUseOn(base),
  };
}

/** The plans of the rounds asked for. */
function roundsFrom(flags: EvolveFlags): EvolutionSettings["rounds"] {
  return (flags.profile === "paper" ? paperRounds : smallRounds)(flags.rounds).map((plan) => ({
    ...plan,
    ...(flags.rollouts === undefined ? {} : { rollouts: flags.rollouts }),
    ...(flags.ladder === undefined ? {} : { ladder: flags.ladder }),
    ...(flags.candidates === undefined ? {} : { candidates: flags.candidates }),
  }));
}

/** What searches with this base now. A newcomer has to beat that, not only the untouched base. */
async function inUseOn(base: {
  readonly id: string;
  readonly sha256: string;
}): Promise<NonNullable<NewRun["inUse"]>> {
  const manager = await modelManager();
  if (manager.defaultBase()?.sha256 !== base.sha256) return { policy: null, ppm: null };
  const policy = await manager.idInUse("policy");
  return { policy: policy === base.id ? null : policy, ppm: await manager.idInUse("ppm") };
}

async function problemsOf(file: string, limit: number | undefined): Promise<readonly TrainingProblem[]> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new CommandFailure(
      EXIT.input,
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  const reading = readTrainingProblems(text, evaluationProblems());
  if (reading.kind === "bad")
    throw new CommandFailure(
      EXIT.input,
      `${file} cannot be used; nothing was begun.\n${reading.issues.slice(0, 20).join("\n")}`,
    );
  const { problems, evaluation, repeated } = reading;
  if (evaluation > 0)
    process.stderr.write(`${evaluation} problems belong to an evaluation set and are left out.\n`);
  if (repeated > 0) process.stderr.write(`${repeated} problems repeat an earlier one and are left out.\n`);
  if (problems.length === 0) throw new CommandFailure(EXIT.input, `${file} holds no problem to train on.`);
  return problems.slice(0, limit);
}

/** The base model: named, or the one below the default policy. @throws the signal's reason when it is aborted. */
async function baseOf(
  flags: CommonOptions,
  fetching: Fetching,
): Promise<{ readonly id: string; readonly sha256: string }> {
  const manager = await modelManager();
  const id = flags.base ?? manager.defaultBase()?.id ?? "";
  const resolution = await manager.resolve(id, fetching);
  if (resolution.kind === "failed")
    throw new CommandFailure(EXIT.unavailable, describeFailure(resolution.reason));
  const { adapter, sha256 } = resolution.model;
  if (adapter !== undefined)
    throw new CommandFailure(
      EXIT.input,
      `${id} has an adapter on it already. Training always starts from an untouched base: name ${resolution.model.id}.`,
    );
  return { id, sha256 };
}

function settingsFrom(
  flags: CommonOptions,
  base: string,
  rounds: EvolutionSettings["rounds"],
  traces: EvolutionSettings["traces"],
): EvolutionSettings {
  const settings = settingsOf(flags.profile, { base, bootstrap: base, rounds, traces });
  const named = {
    ...settings,
    seed: flags.seed,
    ppmLoss: flags.ppmLoss,
    gateLevel: flags.level ?? settings.gateLevel,
    heldOutShare: flags.heldOut ?? settings.heldOutShare,
    concurrency: flags.concurrency ?? settings.concurrency,
  };
  const overriding = overridden(named, flags.set ?? []);
  if (overriding.kind === "bad") throw new CommandFailure(EXIT.usage, `--set: ${overriding.message}`);
  return overriding.settings;
}

/** Sortable by time: `20260131-081530`. */
function newRunId(now = new Date()): string {
  return now.toISOString().replace(/[-:]/gu, "").replace("T", "-").slice(0, 15);
}

function wholeNumbers(text: string): number[] {
  return text.split(",").map(wholeNumber);
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("a number from 0 to 1 is needed.");
  return value;
}
