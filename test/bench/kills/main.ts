/**
 * `npm run bench:kills`: a small evolution of real models, killed at random moments and gone on with each time, against
 * the same one left alone. No trace may be lost or repeated, and the trainings have to end alike.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { findProblems } from "../../../server/document/problems.ts";
import { randomNumbers } from "../../../server/evaluation/statistics.ts";
import { readReports, runFolder } from "../../../server/evolution/run-folder.ts";
import { dataHome } from "../../../server/models/home.ts";
import type { RoundReport, Stage, TrainingReport } from "../../../server/protocol/evolution.ts";
import { RunLine } from "../../../server/protocol/run-output.ts";
import { createTraceStore } from "../../../server/traces/store.ts";

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    /** A Markdown file of problems with answers that the default model can solve. */
    problems: { type: "string", default: "examples/word-problems.md" },
  },
});

/** Where in a run: so many seconds after a process began with, or went on with, a stage. */
interface Moment {
  readonly stage: Stage;
  readonly seconds: number;
}

/** One evolution: where it is, how long its processes ran, and the stages of the last one with their seconds. */
interface Evolution {
  readonly root: string;
  readonly seconds: number;
  readonly stages: readonly Moment[];
}

const folder = mkdtempSync(path.join(tmpdir(), "rstar-kills-"));
const problemFile = path.join(folder, "problems.jsonl");
writeFileSync(problemFile, problemLines(options.problems));
const whole = await evolve("whole", []);
tell(`left alone: ${whole.seconds.toFixed(0)} s`);
const random = randomNumbers(Number(options.seed));
const killed = await evolve("killed", drawMoments(Number(options.kills), whole.stages));
tell(`killed ${options.kills} times: ${killed.seconds.toFixed(0)} s`);
const results = [await outcome(whole), await outcome(killed)] as const;
for (const [index, name] of ["left alone", "killed"].entries())
  tell(`${name}: ${JSON.stringify(results[index], null, 1)}`);
rmSync(folder, { recursive: true });

/** The problems of a Markdown file as the lines that an evolution reads. */
function problemLines(file: string): string {
  return findProblems(readFileSync(file, "utf8"))
    .problems.flatMap(({ statement, reference }, index) =>
      reference === undefined
        ? []
        : JSON.stringify({ id: `example-${index + 1}`, problem: statement, answer: reference.text }),
    )
    .join("\n");
}

/**
 * Moments all over a run, in its order. A process that goes on has to start again first, so that moments on the clock
 * would all come in the first stage: what is drawn is a place in the run.
 */
function drawMoments(count: number, stages: readonly Moment[]): Moment[] {
  const all = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return Array.from({ length: count }, () => random() * all)
    .sort((a, b) => a - b)
    .flatMap((at) => {
      let left = at;
      for (const { stage, seconds } of stages) {
        if (left < seconds) return [{ stage, seconds: left }];
        left -= seconds;
      }
      return [];
    });
}

/** Runs to the end, being killed at each of these moments. */
async function evolve(name: string, moments: readonly Moment[]): Promise<Evolution> {
  // A data folder of its own for the adapters; models and the training environment are the user's.
  const home = path.join(folder, `${name}-home`);
  mkdirSync(home);
  for (const shared of ["models", "checked", "trainer"])
    if (existsSync(path.join(dataHome(), shared)))
      symlinkSync(path.join(dataHome(), shared), path.join(home, shared));
  const root = path.join(folder, name);
  const flags = ["--profile", "smoke", "--rounds", "1", "--rollouts", "8", "--tokens", "100"];
  const begin = [...flags, "--problems", problemFile, "--held-out", "0.2", "--level", "1", "--out", root];
  let seconds = 0;
  const run = async (moment: Moment | null): Promise<readonly Moment[]> => {
    const resumes = existsSync(path.join(root, "state.json"));
    const begun = performance.now();
    const child = start(resumes ? ["--resume", "--out", root] : begin, home);
    const ended = once(child, "exit");
    const stages: Moment[] = [];
    let [stage, since]: [Stage | null, number] = [null, begun];
    const leave = (): void => {
      if (stage !== null) stages.push({ stage, seconds: (performance.now() - since) / 1000 });
    };
    for await (const line of createInterface(child.stdout)) {
      const event = RunLine.parse(JSON.parse(line));
      if (event.kind !== "stage") continue;
      leave();
      [stage, since] = [event.stage, performance.now()];
      if (stage === moment?.stage) setTimeout(() => child.kill("SIGKILL"), moment.seconds * 1000).unref();
    }
    const [code] = (await ended) as [number | null];
    leave();
    seconds += (performance.now() - begun) / 1000;
    // What was done before a kill is not done again: the process may have been in a later stage already.
    const last = stages.at(-1);
    if (code === null)
      tell(`  killed in ${last?.stage ?? "nothing"} after ${last?.seconds.toFixed(1) ?? 0} s`);
    else if (code !== 0) throw new Error(`the evolution ended with ${code}`);
    else if (moment !== null) tell("  ended before it was killed");
    return stages;
  };
  for (const moment of moments) await run(moment);
  const stages = await run(null);
  return { root, seconds, stages };
}

function start(args: readonly string[], home: string): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, ["dist/cli.cjs", "evolve", "--json", ...args], {
    env: { ...process.env, RSTAR_HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What has to be the same. */
async function outcome({ root }: Evolution): Promise<object> {
  const [report] = await readReports(runFolder(root));
  if (report === undefined) throw new Error(`${root} has no report`);
  const { traces, bad } = await createTraceStore(runFolder(root).round(1).traces).query();
  return {
    traces: traces.length,
    repeated: traces.length - new Set(traces.map(({ id }) => id)).size,
    unreadable: bad.length,
    generatedTokens: report.generatedTokens,
    trajectories: report.selection.trajectories,
    examples: report.selection.sft.examples,
    pairs: report.selection.pairs,
    policy: training(report.policy),
    ppm: training(report.ppm),
    policyGate: gate(report.policyGate),
    ppmGate: gate(report.ppmGate),
  };
}

function training(report: TrainingReport): object {
  if (report.kind !== "adapter") return report;
  const { steps, loss, examples, parity } = report;
  return { steps, loss, examples, parity };
}

function gate(report: RoundReport["policyGate"]): string | null {
  return report === null ? null : report.why;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
