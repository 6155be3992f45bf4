/** `rstar solve FILE.md`: finds the problems, searches several side by side, prints the steps, writes them back if asked. */
import { basename } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { defaultTraceFile, type Runtime } from "../compose.ts";
import {
  PROFILES,
  profile,
  STRATEGIES,
  type ProfileName,
  SearchConfig,
  type StrategyName,
} from "../search/config.ts";
import { solve } from "../search/solve.ts";
import { toSolution } from "../solutions.ts";
import { openTraceFiles } from "../traces/files.ts";
import { createTraceStore } from "../traces/store.ts";
import type { Problem, ProblemOptions } from "../document/problems.ts";
import type { EngineStats } from "../engine/engine.ts";
import { codeOf, messageOf } from "../errors.ts";
import { namesOn } from "../protocol/surface.ts";
import { firstWords } from "../protocol/text.ts";
import { sideBySide } from "../turns.ts";
import type { Trace } from "../protocol/trace.ts";
import type { TraceStore } from "../services.ts";
import { modelsFrom, withEndpoint, type EndpointFlags } from "./endpoint.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { readProblems, withWords, writeSolution } from "./files.ts";
import { interruptSignal } from "./interrupt.ts";
import { count, wholeNumber } from "./numbers.ts";
import { openForCommand } from "./preparing.ts";
import { printable } from "./printable.ts";
import { createProgress } from "./progress.ts";
import { paintFor, renderResult } from "./render.ts";
import { newTraceId } from "../traces/trace-id.ts";

interface Options extends EndpointFlags, ProblemOptions {
  readonly problem?: number[];
  readonly strategy?: StrategyName;
  readonly profile: ProfileName;
  readonly budget?: number;
  readonly seed?: number;
  readonly candidates?: number;
  readonly settle?: number;
  readonly concurrency: number;
  readonly write?: boolean;
  readonly json?: boolean;
  readonly stats?: boolean;
}

/** The command. */
export function solveCommand(): Command {
  return withWords(withEndpoint(new Command("solve")))
    .description(
      "Solves the problems of a Markdown file and shows every step with its evidence, Q-value and visits.",
    )
    .argument("<file>", "a Markdown file (UTF-8)")
    .option(
      "--problem <n>",
      "only the n-th problem; may be given several times",
      collect(wholeNumber),
      undefined,
    )
    .addOption(new Option("--strategy <name>", "how to search (default: the profile's)").choices(STRATEGIES))
    .addOption(new Option("--profile <name>", "a named set of settings").choices(PROFILES).default("default"))
    .option(
      "--budget <tokens>",
      "tokens the policy may generate for one problem; what is begun by then is finished",
      wholeNumber,
    )
    .option("--seed <n>", "the same seed gives the same search, bit by bit on a CPU", count)
    .option("--candidates <n>", "candidates drawn together, 1 to 64", wholeNumber)
    .option(
      "--settle <p>",
      "stop early once the leading answer is the commoner one with this probability; 1 = never",
      share,
    )
    .option("--model <id>", "the policy, as `rstar models list` names it")
    .option("--ppm <id>", "score steps with this process preference model; `none`: with none")
    .option("--concurrency <n>", "problems searched side by side", wholeNumber, 4)
    .option("--write", "put the solutions into the file, below their problems")
    .option("--stats", "say where the time and the tokens went")
    .option("--json", "print one JSON object per problem instead of text")
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const { problems, issues } = await readProblems(file, options);
  for (const issue of issues) process.stderr.write(printable(`${file}: ${issue}\n`));
  const picked = pick(file, problems, options.problem);
  const config = configFrom(options);
  const { signal, release } = interruptSignal();
  const progress = createProgress(process.stderr);
  let runtime: Runtime | null = null;
  try {
    // Whoever names a seed wants the same search again; without, single candidates are decoded twice as fast.
    const reproducible = options.seed !== undefined;
    runtime = await openForCommand({ ...modelsFrom(options), reproducible }, signal);
    const traces = await searchAll(file, picked, config, runtime, options, signal, progress);
    progress.close();
    summarise(traces, signal);
    if (options.stats === true) process.stderr.write(statsText(traces, runtime.stats()));
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = EXIT.cancelled;
  } finally {
    progress.close();
    release();
    await runtime?.dispose();
  }
}

/** Searches the problems, at most `concurrency` at a time, and shows each result as soon as those before it are shown. */
async function searchAll(
  file: string,
  problems: readonly Problem[],
  config: SearchConfig,
  runtime: Runtime,
  options: Options,
  signal: AbortSignal,
  progress: ReturnType<typeof createProgress>,
): Promise<Trace[]> {
  const store = createTraceStore(defaultTraceFile());
  const training = await openTraceFiles(defaultTraceFile()).trainingMark(file);
  const paint = paintFor(process.stdout);
  const shown: (string | undefined)[] = [];
  const traces: Trace[] = [];
  let printed = 0;
  await sideBySide([...problems.entries()], options.concurrency, signal, async ([index, problem]) => {
    const heading = `${problem.index}. ${problem.title ?? firstWords(problem.statement)}  (${basename(file)})`;
    const trace = await solve(
      // The statement's hash is the id: the same problem is searched the same way wherever it stands.
      { id: problem.hash, text: problem.statement, reference: problem.reference?.text ?? null },
      config,
      runtime.services,
      {
        id: newTraceId(),
        createdAt: new Date().toISOString(),
        source: `${basename(file)}#${problem.index}`,
        training,
      },
      signal,
      (event) => progress.show(problem.index, event),
    );
    const isStored = await keep(store, trace);
    const solution = toSolution(trace, problem.hash);
    const note =
      // What was stopped or failed is not settled, and can be gone on with in the editor: it is kept, as there.
      options.write === true &&
      solution.answer !== null &&
      trace.stop !== "cancelled" &&
      trace.stop !== "failed"
        ? await writeSolution(file, problem, solution, options, isStored)
        : null;
    if (note?.kind === "kept-aside") {
      process.exitCode = EXIT.input;
      if (options.json === true) process.stderr.write(printable(`${note.message}\n`));
    }
    traces[index] = trace;
    shown[index] =
      options.json === true
        ? `${JSON.stringify({ problem: problem.index, written: note?.kind === "written", trace })}\n`
        : `${renderResult(heading, solution, trace, paint)}${note === null ? "" : `  ${printable(note.message)}\n`}\n`;
    for (let text = shown[printed]; text !== undefined; text = shown[++printed]) progress.print(text);
  });
  return Object.values(traces);
}

/** Stores a trace, and says whether it could; where not (a full disk), the person is told, and that the result is shown. */
async function keep(store: TraceStore, trace: Trace): Promise<boolean> {
  try {
    await store.append(trace);
    return true;
  } catch (error) {
    if (codeOf(error) === "") throw error;
    process.stderr.write(
      `Trace ${trace.id} could not be stored in ${defaultTraceFile()} (${messageOf(error)}); the result shown is complete, but it cannot be replayed or gone on with. Free some space, or name another folder with ${namesOn().dataFolder}, before the next one.\n`,
    );
    return false;
  }
}

/** The closing line and the exit code. */
function summarise(traces: readonly Trace[], signal: AbortSignal): void {
  const answered = traces.filter((trace) => trace.chosen !== null);
  const graded = answered.filter((trace) => trace.problem.reference !== null);
  const right = graded.filter((trace) => trace.nodes[trace.chosen ?? 0]?.graded === "equal");
  process.stderr.write(
    `${answered.length} of ${traces.length} problems have an answer${graded.length === 0 ? "" : `; ${right.length} of the ${traces.filter((trace) => trace.problem.reference !== null).length} with a given answer are right`}.\n`,
  );
  if (signal.aborted) process.exitCode = EXIT.cancelled;
  else if (answered.length < traces.length || traces.some(({ stop }) => stop === "failed"))
    process.exitCode ??= EXIT.unsolved;
}

function pick(
  file: string,
  problems: readonly Problem[],
  wanted: readonly number[] | undefined,
): readonly Problem[] {
  if (problems.length === 0)
    throw new CommandFailure(
      EXIT.input,
      `${file} has no problem. A problem is a fenced block with the info string \`problem\`, or a heading or bold label that begins with Problem, Exercise or Question. Nothing was changed.`,
    );
  if (wanted === undefined) return problems;
  return wanted.map((number) => {
    const problem = problems.find(({ index }) => index === number);
    if (problem === undefined)
      throw new CommandFailure(
        EXIT.usage,
        `${file} has ${problems.length} problems; there is no problem ${number}.`,
      );
    return problem;
  });
}

function configFrom(options: Options): SearchConfig {
  const config = SearchConfig.safeParse({
    ...profile(options.profile),
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(options.budget === undefined ? {} : { budgetTokens: options.budget }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.candidates === undefined ? {} : { candidates: options.candidates }),
    ...(options.settle === undefined ? {} : { settleConfidence: options.settle }),
  });
  if (config.success) return config.data;
  const [issue] = config.error.issues;
  throw new CommandFailure(EXIT.usage, `--${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0.5 && value <= 1)) throw new InvalidArgumentError("a number from 0.5 to 1 is needed.");
  return value;
}

function collect<T>(parse: (text: string) => T): (text: string, earlier: T[] | undefined) => T[] {
  return (text, earlier = []) => [...earlier, parse(text)];
}

/** Where time and tokens went. Times are what the searches waited for, added up over problems searched side by side. */
function statsText(traces: readonly Trace[], { policy, ppm }: EngineStats): string {
  const sum = (value: (trace: Trace) => number): number =>
    traces.reduce((all, trace) => all + value(trace), 0);
  const total = sum((trace) => trace.ms.total);
  const part = (ms: number): string => `${((100 * ms) / Math.max(1, total)).toFixed(1)}%`;
  const known = sum(({ ms }) => ms.policy + ms.ppm + ms.sandbox + ms.grading);
  const again = (100 * policy.evaluatedAgainTokens) / Math.max(1, policy.evaluatedTokens);
  return [
    `Time: policy ${part(sum(({ ms }) => ms.policy))}, PPM ${part(sum(({ ms }) => ms.ppm))}, sandbox ${part(sum(({ ms }) => ms.sandbox))}, grading ${part(sum(({ ms }) => ms.grading))}, rest ${part(total - known)}`,
    `Policy: ${policy.generatedTokens} tokens generated; ${policy.evaluatedTokens} computed in ${policy.batches} batches, ${again.toFixed(1)}% of them again; ${policy.reusedTokens} reused; ${(policy.decodeMs / 1000).toFixed(1)} s decoding`,
    ...(ppm.evaluatedTokens === 0
      ? []
      : [`PPM: ${ppm.evaluatedTokens} tokens computed, ${ppm.reusedTokens} reused`]),
    "",
  ].join("\n");
}
