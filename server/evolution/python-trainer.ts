/** Trains adapters with the Python package: environment, training, export to GGUF, parity with the engine. */
import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "../errors.ts";
import { lastLines } from "../models/last-lines.ts";
import type { MetricsLine, ParityReport, TrainingJob, TrainingResult } from "../protocol/training.ts";
import type { Prefix, Trainer, TrainingPreparation } from "../services.ts";
import { chainName, writeDryRun } from "./dry-run.ts";
import {
  type EnvironmentOptions,
  prepareEnvironment,
  trainerHome,
  trainerPackage,
  type TrainingEnvironment,
} from "./environment.ts";
import { type ConverterSource, exportAdapter } from "./export.ts";
import {
  comparePrompts,
  type DistributionReader,
  parityPrompts,
  type Reference,
  TOP_TOKENS,
} from "./parity.ts";
import { runProgram } from "../models/program.ts";
import { isReason, lessMemory, parseLine, type ProgramResult, withoutResult } from "./trainer-output.ts";

/** A base model with an exported adapter on it, to be opened in the engine. */
export interface AdaptedModel {
  readonly base: TrainingJob["base"];
  readonly adapter: { readonly path: string; readonly sha256: string };
}

/** The adapted model in the engine, or why it cannot be opened. */
export type ReaderOpening =
  | { readonly kind: "ready"; readonly reader: DistributionReader; readonly close: () => Promise<void> }
  | { readonly kind: "failed"; readonly message: string };

/** What the trainer needs of the outside. */
export interface PythonTrainerOptions extends EnvironmentOptions {
  readonly source: () => Promise<ConverterSource>;
  /** @throws the signal's reason when it is aborted. */
  readonly openReader: (model: AdaptedModel, signal: AbortSignal) => Promise<ReaderOpening>;
  /** A configuration file of `accelerate launch`, for many GPUs; one process without it. */
  readonly launchConfig?: string;
}

/** After an abort the training has this long to end its micro-batch and to write a checkpoint. */
const GRACE_MS = 60_000;

type Failed = Extract<TrainingResult, { readonly kind: "failed" }>;
type Stage = Extract<MetricsLine, { readonly kind: "stage" }>["stage"];
type Listener = (line: MetricsLine) => void;

/** A `Trainer` on PyTorch. */
export class PythonTrainer implements Trainer {
  readonly #options: PythonTrainerOptions;

  constructor(options: PythonTrainerOptions) {
    this.#options = options;
  }

  async prepare(
    job: TrainingJob,
    signal: AbortSignal,
    onMetrics: Listener = () => undefined,
  ): Promise<TrainingPreparation> {
    const say = (stage: Stage, message: string): void => {
      onMetrics({ kind: "stage", at: now(), stage, message });
    };
    const environment = await prepareEnvironment(this.#options, signal, (line) => say("environment", line));
    if (environment.kind === "failed") return { ...environment, checkpoint: null };
    // A chain that has led to an adapter on this machine once needs no other trial: not by a run that is resumed either.
    const mark = path.join(environment.folder, `tried-${await this.#chain(job)}`);
    if (existsSync(mark)) return { kind: "ready" };
    say("dry-run", "Trying the whole chain on one line: train one step, export, load.");
    const folder = path.join(job.out, "dry-run");
    try {
      const result = await new Run(await writeDryRun(job, folder), this.#options, signal, (line) => {
        if (line.kind === "stage") say("dry-run", line.message);
      }).train(environment);
      signal.throwIfAborted();
      if (result.kind === "failed")
        return {
          ...result,
          message: `The dry run failed, and nothing was spent. ${result.message}`,
          checkpoint: null,
        };
      await writeFile(mark, "");
      return { kind: "ready" };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #chain(job: TrainingJob): Promise<string> {
    const { source, launchConfig } = this.#options;
    const { release } = await source();
    if (launchConfig === undefined) return chainName(job, release, null);
    // Why a file cannot be read, the launch itself says.
    return chainName(job, release, await readFile(launchConfig, "utf8").catch(() => ""));
  }

  async train(
    job: TrainingJob,
    signal: AbortSignal,
    onMetrics: Listener = () => undefined,
  ): Promise<TrainingResult> {
    await mkdir(job.out, { recursive: true });
    const run = new Run(job, this.#options, signal, onMetrics);
    const result = await run.whole();
    await run.end(result);
    return result;
  }
}

/** One job under way. */
class Run {
  readonly #job: TrainingJob;
  readonly #options: PythonTrainerOptions;
  readonly #signal: AbortSignal;
  readonly #onMetrics: Listener;
  readonly #metrics: string;

  constructor(job: TrainingJob, options: PythonTrainerOptions, signal: AbortSignal, onMetrics: Listener) {
    this.#job = job;
    this.#options = options;
    this.#signal = signal;
    this.#onMetrics = onMetrics;
    this.#metrics = path.join(job.out, "metrics.jsonl");
  }

  /** Environment and training. */
  async whole(): Promise<TrainingResult> {
    try {
      await this.#stage("environment", "Looking for the environment for training.");
      const environment = await prepareEnvironment(this.#options, this.#signal, (message) => {
        this.#onMetrics({ kind: "stage", at: now(), stage: "environment", message });
      });
      if (environment.kind === "failed") return { ...environment, checkpoint: await this.#checkpoint() };
      return await this.train(environment);
    } catch (error) {
      if (!this.#signal.aborted) throw error;
      return this.#stopped();
    }
  }

  /** Training, export and parity. @throws the signal's reason when it is aborted. */
  async train(environment: TrainingEnvironment): Promise<TrainingResult> {
    const job = this.#job;
    const file = path.join(job.out, "job.json");
    await writeFile(file, JSON.stringify(job, null, 2));
    const trained = await this.#program(environment, "train", file);
    if (trained.outcome === "failed") return this.#failed(trained.reason, trained.message);
    if (trained.outcome === "stopped" || this.#signal.aborted) return await this.#stopped();
    if (trained.outcome !== "trained") return this.#failed("other", "The trainer gave no result.");

    await this.#stage("export", "Writing the adapter as GGUF.");
    // Both only read the trained adapter, and mostly wait for one core to import PyTorch.
    const prompts = parityPrompts(job.ppm?.suffix ?? null);
    const [exported, reference] = await Promise.all([
      this.#export(environment, trained),
      this.#reference(environment, trained.adapter, prompts),
    ]);
    if (exported.kind === "failed") return this.#failed("export", exported.message, exported.log);
    if (reference.outcome === "failed") return this.#failed(reference.reason, reference.message);
    if (reference.outcome !== "reference") return this.#failed("other", "The trainer gave no reference.");

    const parity = await this.#parity(exported, trained.adapter, prompts, reference);
    if (parity.kind === "failed") return parity;
    return {
      kind: "adapter",
      adapter: {
        path: exported.path,
        sha256: exported.sha256,
        bytes: exported.bytes,
        baseSha256: job.base.gguf.sha256,
        peft: trained.adapter,
      },
      parity: parity.report,
      metrics: this.#metrics,
      steps: trained.step,
      loss: trained.loss ?? 0,
      held: trained.held,
      seconds: trained.seconds,
    };
  }

  /** Writes the last line of the metrics. */
  async end(result: TrainingResult): Promise<void> {
    const line = (outcome: "adapter" | "stopped" | "failed", message: string): Promise<void> =>
      this.#line({ kind: "end", at: now(), outcome, message });
    switch (result.kind) {
      case "adapter":
        return line("adapter", `The adapter is ${result.adapter.path}.`);
      case "stopped":
        return line("stopped", `Stopped after step ${result.step}; resume goes on from there.`);
      case "failed":
        return line("failed", result.message);
      default:
        return result satisfies never;
    }
  }

  async #export(
    environment: TrainingEnvironment,
    trained: { readonly adapter: string; readonly base: string },
  ): ReturnType<typeof exportAdapter> {
    return exportAdapter(
      {
        home: this.#options.home,
        source: await this.#options.source(),
        python: environment.python,
        base: trained.base,
        peft: trained.adapter,
        out: path.join(this.#job.out, "adapter.gguf"),
      },
      this.#signal,
    );
  }

  /** What PyTorch computes with a trained adapter. */
  async #reference(
    environment: TrainingEnvironment,
    peft: string,
    prompts: readonly Prefix[],
  ): Promise<ProgramResult> {
    const file = path.join(this.#job.out, "parity.json");
    await writeFile(file, JSON.stringify({ base: this.#job.base, adapter: peft, prompts, top: TOP_TOKENS }));
    return this.#program(environment, "reference", file);
  }

  async #parity(
    adapter: AdaptedModel["adapter"],
    peft: string,
    prompts: readonly Prefix[],
    reference: Reference,
  ): Promise<{ readonly kind: "passed"; readonly report: ParityReport } | Failed> {
    const job = this.#job;
    await this.#stage("parity", "Comparing the engine with PyTorch.");
    const opening = await this.#options.openReader({ base: job.base, adapter }, this.#signal);
    if (opening.kind === "failed")
      return this.#failed(
        "parity",
        `The engine cannot load the adapter: ${opening.message} It is kept in ${peft}.`,
      );
    try {
      const { report, faults } = await comparePrompts(prompts, reference, opening.reader, this.#signal);
      if (faults.length === 0) return { kind: "passed", report };
      return await this.#failed(
        "parity",
        `The engine does not compute with the adapter what PyTorch computed: ${faults.join("; ")}. It is not used, and kept in ${peft}.`,
        JSON.stringify(report),
      );
    } catch (error) {
      this.#signal.throwIfAborted();
      const reason = messageOf(error);
      return await this.#failed(
        "parity",
        `The engine could not compute with the adapter: ${reason}. It is kept in ${peft}.`,
      );
    } finally {
      await opening.close();
    }
  }

  /** Runs the Python program; a program that ended without a result has failed. */
  async #program(
    environment: TrainingEnvironment,
    command: "train" | "reference",
    file: string,
  ): Promise<ProgramResult> {
    const { launchConfig, home } = this.#options;
    const training = command === "train";
    const launched = training && launchConfig !== undefined;
    const isLauncher = launched && (await isOfOneMachine(launchConfig));
    const python = launched
      ? [environment.python, "-m", "accelerate.commands.launch", "--config_file", launchConfig]
      : [environment.python];
    const bases = path.join(trainerHome(home), "bases");
    const results: ProgramResult[] = [];
    const end = await runProgram(
      [
        ...python,
        "-m",
        "rstar_trainer",
        command,
        file,
        "--bases",
        bases,
        ...(training ? ["--stop-on-input"] : []),
      ],
      this.#signal,
      {
        cwd: trainerPackage(),
        environment: {
          PYTHONDONTWRITEBYTECODE: "1",
          PYTHONUNBUFFERED: "1",
          // Where a person has set it, Python would not look for the trainer in its working directory.
          PYTHONSAFEPATH: "",
          // PyTorch's threads wait for each other spinning; when another program takes a core, they then nearly stop.
          OMP_WAIT_POLICY: process.env["OMP_WAIT_POLICY"] ?? "passive",
        },
        // Only a training has something to keep.
        ...(training ? { graceMs: GRACE_MS, isLauncher } : {}),
        onLine: (line) => {
          const heard = parseLine(line);
          if (heard?.kind === "result") results.push(heard.result);
          else if (heard !== null) this.#onMetrics(heard.line);
        },
      },
    );
    if (end.kind !== "not-started") await writeFile(path.join(this.#job.out, `${command}.log`), end.errors);
    return results.at(-1) ?? withoutResult(end);
  }

  async #failed(reason: string, message: string, log?: string): Promise<Failed> {
    const file = path.join(this.#job.out, "train.log");
    const said = await readFile(file, "utf8").catch(() => "");
    return {
      kind: "failed",
      reason: isReason(reason) ? reason : "other",
      message: reason === "out-of-memory" ? `${message} ${lessMemory()}` : message,
      log: log ?? lastLines(said, 20),
      checkpoint: await this.#checkpoint(),
    };
  }

  async #stopped(): Promise<TrainingResult> {
    const checkpoint = await this.#checkpoint();
    const step = checkpoint === null ? 0 : Number(path.basename(checkpoint).replace("step-", ""));
    return { kind: "stopped", step, checkpoint };
  }

  /** The newest complete checkpoint: one that is not complete has another name. */
  async #checkpoint(): Promise<string | null> {
    const folder = path.join(this.#job.out, "checkpoints");
    const names = await readdir(folder).catch(() => []);
    const newest = names
      .filter((name) => /^step-\d+$/u.test(name))
      .sort()
      .at(-1);
    return newest === undefined ? null : path.join(folder, newest);
  }

  #stage(stage: Stage, message: string): Promise<void> {
    return this.#line({ kind: "stage", at: now(), stage, message });
  }

  /** A line of this side; those of the Python program it writes itself. */
  async #line(line: MetricsLine): Promise<void> {
    await appendFile(this.#metrics, JSON.stringify(line) + "\n");
    this.#onMetrics(line);
  }
}

/** Whether a launch file starts processes here alone: those of other machines share no standard input. */
async function isOfOneMachine(launchConfig: string): Promise<boolean> {
  // Why a file cannot be read, the launch itself says.
  const text = await readFile(launchConfig, "utf8").catch(() => "");
  return Number(/^num_machines:\s*(\d+)/mu.exec(text)?.[1] ?? 1) === 1;
}

function now(): string {
  return new Date().toISOString();
}
