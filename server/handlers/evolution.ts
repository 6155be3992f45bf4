/** Fine-tuning and evolution in the editor: one run at a time, in a process of its own, told to the client as it goes. */
import { DEFAULT_PROBLEM_OPTIONS } from "../document/problems.ts";
import { readState, runFolder } from "../evolution/run-folder.ts";
import { findRun, isRunning, listRuns } from "../evolution/runs.ts";
import { STAGE_WORDS } from "../evolution/words.ts";
import { defaultTraceFile } from "../models/home.ts";
import type { DashboardRun } from "../protocol/dashboard.ts";
import type { RunState } from "../protocol/evolution.ts";
import {
  SERVER_NOTIFICATIONS,
  type EvolutionNews,
  type ParamsOf,
  type REQUESTS,
  type ResultOf,
  type RunOutcome,
} from "../protocol/requests.ts";
import type { RunLine } from "../protocol/run-output.ts";
import { homeOf } from "./home.ts";
import { managerOf } from "./models.ts";
import { beginProgress, type Display, type Tokens } from "./progress.ts";
import type { Session } from "./session.ts";
import type { TrainingEnd } from "./training-process.ts";

type End = Extract<RunLine, { kind: "end" }>;

/** The run under way. Its id is known once its folder is. */
interface Current {
  readonly stop: AbortController;
  /** Ends its search: what was found trains. */
  readonly trainNow: AbortController;
  state: RunState | null;
  folder: string | null;
}

/** What is asked for: the command's own arguments, and what the display is called. */
interface Request {
  readonly title: string;
  readonly args: readonly string[];
}

export class Evolution {
  readonly #session: Session;
  #current: Current | null = null;

  constructor(session: Session) {
    this.#session = session;
  }

  /** `rstar/evolution/fineTune` */
  async fineTune(
    { traces, agreedOrNot, anyModel, profile, ...tokens }: ParamsOf<typeof REQUESTS.fineTune>,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    // A file that is named trains whoever agreed to what.
    const { dataFolder } = this.#session.settings.model;
    const file = traces ?? (agreedOrNot === true ? defaultTraceFile(dataFolder) : null);
    const named = file === null ? [] : ["--traces", file];
    const args = ["finetune", ...named, ...(anyModel ? ["--any-model"] : []), "--profile", profile];
    return await this.#begin({ title: "Fine-tuning", args: await this.#withSettings(args) }, tokens, signal);
  }

  /** `rstar/evolution/evolve` */
  async evolve(
    { problems, rounds, profile, ...tokens }: ParamsOf<typeof REQUESTS.evolve>,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const args = ["evolve", "--problems", problems, ...this.#wordsOfItsOwn()];
    args.push("--rounds", String(rounds), "--profile", profile);
    return await this.#begin({ title: "Evolution", args: await this.#withSettings(args) }, tokens, signal);
  }

  /** The words by which a Markdown file's problems, answers and solutions are found, where they are not the usual ones. */
  #wordsOfItsOwn(): string[] {
    const { document } = this.#session.settings;
    return (["headings", "answers", "solutions", "fences"] as const).flatMap((name) => {
      const words = document[name].join();
      return words === DEFAULT_PROBLEM_OPTIONS[name].join() ? [] : [`--${name}`, words];
    });
  }

  /** `rstar/evolution/resume` */
  async resume(
    { run, trainNow, ...tokens }: ParamsOf<typeof REQUESTS.resumeRun>,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const id = run ?? (await this.runs()).find(({ status }) => status !== "finished")?.id ?? null;
    const found = id === null ? null : await findRun(this.#home(), id, this.#running());
    if (found === null || found.state.status === "finished")
      return {
        kind: "not-begun",
        reason: "no-run",
        message: "There is no unfinished run to go on with. Nothing was changed.",
      };
    const args = this.#resuming(found.folder, found.state, trainNow === true);
    return await this.#begin({ title: "Going on with the run", args }, tokens, signal);
  }

  /** `rstar/evolution/trainNow`: its process stops, and another one trains. */
  trainNow(): boolean {
    const current = this.#current;
    if (current?.state?.stage !== "search") return false;
    current.trainNow.abort();
    return true;
  }

  /** `rstar/evolution/stop` */
  stop(): boolean {
    this.#current?.stop.abort();
    return this.#current !== null;
  }

  /** `rstar/evolution/runs` */
  async runs(): Promise<DashboardRun[]> {
    return await listRuns(this.#home(), this.#running());
  }

  /** `rstar/evolution/run` */
  async run(id: string): Promise<ResultOf<typeof REQUESTS.run>> {
    const found = await findRun(this.#home(), id, this.#running());
    if (found === null)
      return {
        kind: "missing",
        message: `The run ${id} is no longer in the data folder, or cannot be read.`,
      };
    const { folder, state, reports, metrics } = found;
    return { kind: "run", folder, state, reports: [...reports], metrics: [...metrics] };
  }

  #home(): string {
    return homeOf(this.#session);
  }

  #running(): string | null {
    return this.#current?.state?.id ?? null;
  }

  #python(): string[] {
    const { pythonPath } = this.#session.settings.training;
    return pythonPath === "" ? [] : ["--python", pythonPath];
  }

  /** The variables of what no option names. */
  #environment(): Record<string, string> {
    const { torchIndex } = this.#session.settings.training;
    return { RSTAR_HOME: this.#home(), ...(torchIndex === "" ? {} : { RSTAR_TORCH_INDEX: torchIndex }) };
  }

  /** The command that goes on with a run; only a searching one has a search to end. */
  #resuming(folder: string, state: RunState, trainNow: boolean): string[] {
    const command = state.settings.traces === "given" ? ["finetune"] : ["evolve"];
    if (trainNow && state.stage === "search") command.push("--train-now");
    return [...command, "--resume", "--out", folder, ...this.#python()];
  }

  /** What the settings say of a new run: Python, the level of adoption, and the model that is trained. */
  async #withSettings(args: readonly string[]): Promise<string[]> {
    const { model, training } = this.#session.settings;
    const base = model.policy === "" ? null : await this.#baseOf(model.policy);
    const level = ["--level", String(training.level)];
    return [...args, ...level, ...(base === null ? [] : ["--base", base]), ...this.#python()];
  }

  /** What is trained of a model that the settings name: of one with an adapter on it, what is below that. */
  async #baseOf(id: string): Promise<string> {
    const { models } = await (await managerOf(this.#session)).list();
    return models.find((model) => model.id === id)?.base ?? id;
  }

  async #begin(request: Request, tokens: Tokens, signal: AbortSignal): Promise<RunOutcome> {
    if (!this.#session.client.trusted)
      return notBegun(
        "untrusted",
        "This folder is not trusted, so no model is trained. Trust it to train; nothing was changed.",
      );
    const busy = notBegun(
      "busy",
      "Another fine-tuning or evolution is running with this data folder. Stop it or wait for it; nothing was changed.",
    );
    if (this.#current !== null) return busy;
    const [stop, trainNow] = [new AbortController(), new AbortController()];
    const current: Current = { stop, trainNow, state: null, folder: null };
    this.#current = current;
    try {
      if (await isRunning(this.#home())) return busy;
      return await this.#show(current, request, tokens, signal);
    } finally {
      this.#current = null;
      // What was told while it ran says that it is running.
      if (current.folder !== null) await this.#tellState(current, current.folder, null);
    }
  }

  async #show(
    current: Current,
    { title, args }: Request,
    tokens: Tokens,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const display = await beginProgress(this.#session, tokens, title);
    const { signal: trainNow } = current.trainNow;
    const stop = AbortSignal.any([signal, display.signal, current.stop.signal]);
    try {
      const outcome = await this.#follow(current, args, display, AbortSignal.any([stop, trainNow]));
      const { folder, state } = current;
      const isGoingOn = outcome.kind === "stopped" && trainNow.aborted && !stop.aborted;
      if (!isGoingOn || folder === null || state === null) return outcome;
      return await this.#follow(current, this.#resuming(folder, state, true), display, stop);
    } finally {
      display.done();
    }
  }

  /** Starts the process and tells what it says until it has ended. */
  async #follow(
    current: Current,
    args: readonly string[],
    display: Display,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const { console: log } = this.#session.connection;
    let end: End | null = null;
    // One line after the other: reading the state takes time, and what comes later must be told later.
    let telling: Promise<void> = Promise.resolve();
    const process = await this.#session.services.startTraining([...args, "--json"], this.#environment(), {
      line: (line) => {
        if (line.kind === "end") end = line;
        else
          telling = telling
            .then(() => this.#tell(current, line, display))
            .catch((error: unknown) => log.error(String(error)));
      },
      say: (text) => {
        log.info(text);
        // Before there is a run, it is what is being downloaded.
        if (current.folder === null) display.report(undefined, text);
      },
    });
    const stop = (): void => process.stop();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const ended = await process.ended;
      await telling;
      return outcomeOf(end, ended, current.state?.id ?? null);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #tell(current: Current, line: Exclude<RunLine, { kind: "end" }>, display: Display): Promise<void> {
    if (line.kind === "run") {
      current.folder = line.folder;
      await this.#tellState(current, line.folder, "running");
      if (current.state !== null) this.#send({ kind: "begun", run: current.state.id });
      return;
    }
    const run = current.state?.id;
    if (run === undefined || current.folder === null) return;
    switch (line.kind) {
      case "stage":
        display.report(undefined, `round ${line.round}: ${STAGE_WORDS[line.stage]}`);
        await this.#tellState(current, current.folder, "running");
        return;
      case "progress": {
        const { round, stage, done, total } = line;
        this.#send({ kind: "progress", run, progress: { round, stage, done, total } });
        display.report(undefined, `round ${round}: ${STAGE_WORDS[stage]}, ${done} of ${total} problems`);
        return;
      }
      case "metrics": {
        const { round, role, line: metrics } = line;
        this.#send({ kind: "metrics", run, metrics: { round, role, lines: [metrics] } });
        if (metrics.kind === "stage") display.report(undefined, `round ${round}: ${metrics.message}`);
        if (metrics.kind === "step")
          display.report(
            undefined,
            `round ${round}: ${STAGE_WORDS[`train-${role}`]}, step ${metrics.step} of ${metrics.steps}, loss ${metrics.loss.toFixed(3)}`,
          );
        return;
      }
      case "round":
        this.#send({ kind: "round", run, report: line.report });
        return;
      case "note":
        this.#send({ kind: "note", run, message: line.message });
        return;
      default:
        line satisfies never;
    }
  }

  /** Reads the state that the process has written and tells it; while it runs, that it does. */
  async #tellState(current: Current, folder: string, status: "running" | null): Promise<void> {
    const read = await readState(runFolder(folder));
    if (read.kind !== "read") return;
    const { value } = read;
    // A process that was killed could not write how it ended.
    const ended = value.status === "running" ? "stopped" : value.status;
    current.state = status === "running" ? { ...value, status, failure: null } : { ...value, status: ended };
    this.#send({ kind: "state", state: current.state });
  }

  #send(news: EvolutionNews): void {
    void this.#session.connection.sendNotification(SERVER_NOTIFICATIONS.evolution.method, news);
  }
}

/** What the process said of its end; of one that said nothing, what can be seen from outside. */
function outcomeOf(end: End | null, { code, errors }: TrainingEnd, run: string | null): RunOutcome {
  if (end?.refusal !== undefined) return notBegun(end.refusal, end.message);
  if (end?.outcome === "finished" && run !== null) return { kind: "finished", run, message: end.message };
  if (end?.outcome === "stopped" && run === null) return { kind: "stopped", run, message: end.message };
  if (end?.outcome === "stopped")
    return { kind: "stopped", run, message: `${end.message} Resume Evolution goes on from there.` };
  if (end?.outcome === "failed") return { kind: "failed", run, message: end.message };
  const kept =
    run === null ? "Nothing was changed." : "What was done before is kept; Resume goes on from there.";
  const how =
    code === null
      ? "was ended from outside, as systems do that run out of memory"
      : `ended with code ${code}`;
  return {
    kind: "failed",
    run,
    message: `The training's process ${how}. ${kept} ${errors.slice(-400)}`.trim(),
  };
}

function notBegun(reason: Extract<RunOutcome, { kind: "not-begun" }>["reason"], message: string): RunOutcome {
  return { kind: "not-begun", reason, message };
}
