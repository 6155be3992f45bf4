/** What `rstar finetune` and `rstar evolve` are asked for, turned into a run that can begin. */
import { existsSync } from "node:fs";
import path from "node:path";
import { defaultTraceFile, modelManager } from "../compose.ts";
import type { ProblemOptions } from "../document/problems.ts";
import { evaluationProblems } from "../evolution/decontamination.ts";
import { finetuneMaterial, withoutOptedOut } from "../evolution/finetune.ts";
import { overridden } from "../evolution/overrides.ts";
import { readTrainingProblems, type TrainingProblem } from "../evolution/problems.ts";
import { paperRounds, SELECTION, settingsOf, smallRounds } from "../evolution/profiles.ts";
import type { NewRun } from "../evolution/rounds.ts";
import { runFolder } from "../evolution/run-folder.ts";
import { eachLine } from "../json-lines.ts";
import { readLineage } from "../models/adapters.ts";
import { describeFailure, type ModelProgress } from "../models/outcomes.ts";
import type { EvolutionSettings, TrainingProfile } from "../protocol/evolution.ts";
import { namesOn } from "../protocol/surface.ts";
import { Trace } from "../protocol/trace.ts";
import { isOptedOut, readConsent, trainingMark, type Consent } from "../traces/consent.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { problemLines } from "./problem-file.ts";
import { readTraceFiles } from "./trace-files.ts";
import { timestamp } from "../traces/trace-id.ts";

/** What both commands take. */
export interface CommonOptions {
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
  readonly microBatchSize?: number;
  readonly python?: string;
  readonly launch?: string;
  readonly json?: boolean;
}

/** How the base is fetched where it is not here yet. */
export interface Fetching {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ModelProgress) => void;
}

/** The options of `rstar finetune`. */
export interface FinetuneFlags extends CommonOptions {
  readonly traces?: string[];
  readonly anyModel?: boolean;
}

/** The options of `rstar evolve`. */
export interface EvolveFlags extends CommonOptions, ProblemOptions {
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

/** A run that trains on traces that are there. @throws CommandFailure that says why there is none. */
export async function newFinetune(flags: FinetuneFlags, fetching: Fetching): Promise<NewRun> {
  const consent = await ownConsent();
  if (flags.traces === undefined && !consent.agreed)
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
    isOptedOut: (trace) => isOptedOut(consent, trace),
  });
  if (material.kind === "failed") throw new CommandFailure(EXIT.input, material.message, material.refusal);
  const settings = settingsFrom(flags, base.id, smallRounds(1), "given", {});
  return {
    ...{ id: timestamp(), settings, problems: material.problems, traces: material.traces },
    inUse: await inUseOn(base),
  };
}

/** A run that searches problems first. @throws CommandFailure that says why there is none. */
export async function newEvolution(flags: EvolveFlags, fetching: Fetching): Promise<NewRun> {
  if (flags.problems === undefined)
    throw new CommandFailure(
      EXIT.usage,
      "Name the problems with --problems, or go on with a run by --resume.",
    );
  const problems = await problemsOf(flags.problems, flags);
  const base = await baseOf(flags, fetching);
  const settings = settingsFrom(flags, base.id, roundsFrom(flags, flags.profile), "searched", {
    ...(flags.bootstrap === undefined ? {} : { bootstrap: flags.bootstrap }),
    ...(flags.tokens === undefined ? {} : { tokensPerRollout: flags.tokens }),
    ...(flags.trainOn === undefined ? {} : { selection: { ...SELECTION, rounds: flags.trainOn } }),
  });
  return {
    ...{ id: timestamp(), settings, problems },
    ...(flags.traces === undefined ? {} : { traces: await earlierTraces(flags.traces) }),
    inUse: await inUseOn(base),
  };
}

/** What this user decided on training. @throws CommandFailure where it cannot be read. */
async function ownConsent(): Promise<Consent> {
  const reading = await readConsent(path.dirname(defaultTraceFile()));
  if (reading.kind === "bad") throw new CommandFailure(EXIT.input, reading.message);
  return reading.consent;
}

/** The traces of named files, without those of files that are opted out by now. */
async function earlierTraces(files: readonly string[]): Promise<readonly Trace[]> {
  const [traces, consent] = [await readTraceFiles(files), await ownConsent()];
  const allowed = withoutOptedOut(traces, (trace) => isOptedOut(consent, trace));
  const left = traces.length - allowed.length;
  if (left > 0) process.stderr.write(`${left} traces are of files that are opted out and are left out.\n`);
  return allowed;
}

/**
 * A run trains on copies of what it was begun with: a file that was left out since is still in them.
 * @throws CommandFailure where one is.
 */
export async function refuseOptedOut(root: string): Promise<void> {
  const { traces } = runFolder(root).round(1);
  const consent = await ownConsent();
  if (consent.optedOut.length === 0 || !existsSync(traces)) return;
  for await (const { record } of eachLine(traces, Trace))
    if (record !== null && isOptedOut(consent, record))
      throw new CommandFailure(
        EXIT.input,
        `The run in ${root} was begun with searches of a file that you left out of training since (${record.problem.source ?? ""}). Begin a new one, which leaves them out; nothing was changed.`,
      );
}

/** The plans of the rounds asked for. */
export function roundsFrom(flags: EvolveFlags, profile: TrainingProfile): EvolutionSettings["rounds"] {
  return (profile === "paper" ? paperRounds : smallRounds)(flags.rounds).map((plan) => ({
    ...plan,
    ...(flags.rollouts === undefined ? {} : { rollouts: flags.rollouts }),
    ...(flags.ladder === undefined ? {} : { ladder: flags.ladder }),
    ...(flags.candidates === undefined ? {} : { candidates: flags.candidates }),
  }));
}

/**
 * What is used on this base now. A newcomer has to beat that, not only the untouched base.
 * @throws CommandFailure where the list of adapters cannot be read.
 */
async function inUseOn(base: {
  readonly id: string;
  readonly sha256: string;
}): Promise<NonNullable<NewRun["inUse"]>> {
  const manager = await modelManager();
  const reading = await readLineage(manager.home);
  if (reading.kind !== "lineage") throw new CommandFailure(EXIT.unavailable, describeFailure(reading));
  const policy = manager.usedOn(reading.lineage, "policy", base.sha256);
  return {
    policy: policy === base.id ? null : policy,
    ppm: manager.usedOn(reading.lineage, "ppm", base.sha256),
  };
}

async function problemsOf(
  file: string,
  { limit, ...words }: Pick<EvolveFlags, "limit" | keyof ProblemOptions>,
): Promise<readonly TrainingProblem[]> {
  if (trainingMark({ kind: "consent", consent: await ownConsent() }, file) === "opted-out")
    throw new CommandFailure(
      EXIT.input,
      `${file} is opted out of training, so nothing was begun. ${namesOn().takeIn} takes it in again.`,
    );
  const reading = readTrainingProblems(await problemLines(file, words), evaluationProblems());
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
  if (adapter !== undefined) {
    const base = manager.defaultBase();
    const below = base?.sha256 === sha256 ? base.id : "the model below it (`rstar models list`)";
    throw new CommandFailure(
      EXIT.input,
      `${id} has an adapter on it already. Training always starts from an untouched base: name ${below}.`,
    );
  }
  return { id, sha256 };
}

function settingsFrom(
  flags: CommonOptions,
  base: string,
  rounds: EvolutionSettings["rounds"],
  traces: EvolutionSettings["traces"],
  own: Partial<EvolutionSettings>,
): EvolutionSettings {
  const settings = settingsOf(flags.profile, { base, bootstrap: base, rounds, traces });
  const named = {
    ...settings,
    ...own,
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
