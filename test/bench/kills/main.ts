/**
 * `npm run bench:kills`: a small evolution of real models, killed at random moments and gone on with each time, against
 * the same one left alone. No trace may be lost or repeated, and the trainings have to end alike.
 */
import { spawn, type ChildProcess } from "node:child_process";
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
import { parseArgs } from "node:util";
import { findProblems } from "../../../server/document/problems.ts";
import { randomNumbers } from "../../../server/evaluation/statistics.ts";
import { readReports, readState, runFolder } from "../../../server/evolution/run-folder.ts";
import { dataHome } from "../../../server/models/home.ts";
import type { RoundReport, TrainingReport } from "../../../server/protocol/evolution.ts";
import { createTraceStore } from "../../../server/traces/store.ts";

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    /** A Markdown file of problems with answers that the default model can solve. */
    problems: { type: "string", default: "examples/word-problems.md" },
  },
});

/** One evolution: where it is, and how long its processes ran. */
interface Evolution {
  readonly root: string;
  readonly seconds: number;
}

const folder = mkdtempSync(path.join(tmpdir(), "rstar-kills-"));
const problemFile = path.join(folder, "problems.jsonl");
writeFileSync(problemFile, problemLines(options.problems));
const whole = await evolve("whole", []);
tell(`left alone: ${whole.seconds.toFixed(0)} s`);
const random = randomNumbers(Number(options.seed));
const moments = Array.from({ length: Number(options.kills) }, () => random() * whole.seconds).sort(
  (a, b) => a - b,
);
// Each kill comes that long after the process began, so that together they fall all over the run.
const killed = await evolve(
  "killed",
  moments.map((moment, index) => moment - (moments[index - 1] ?? 0)),
);
tell(`killed ${moments.length} times: ${killed.seconds.toFixed(0)} s`);
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

/** Runs to the end, being killed after each of these waiting times in seconds. */
async function evolve(name: string, waits: readonly number[]): Promise<Evolution> {
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
  const run = async (wait: number | null): Promise<void> => {
    const resumes = existsSync(path.join(root, "state.json"));
    const begun = performance.now();
    const child = start(resumes ? ["--resume", "--out", root] : begin, home);
    const ended = once(child, "exit");
    const timer = wait === null ? null : setTimeout(() => child.kill("SIGKILL"), wait * 1000);
    const [code] = (await ended) as [number | null];
    if (timer !== null) clearTimeout(timer);
    seconds += (performance.now() - begun) / 1000;
    if (code === null) tell(`  killed after ${(wait ?? 0).toFixed(1)} s in ${await whereIs(root)}`);
    else if (code !== 0) throw new Error(`the evolution ended with ${code}`);
  };
  for (const wait of waits) await run(wait);
  await run(null);
  return { root, seconds };
}

function start(args: readonly string[], home: string): ChildProcess {
  return spawn(process.execPath, ["dist/cli.cjs", "evolve", ...args], {
    env: { ...process.env, RSTAR_HOME: home },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function whereIs(root: string): Promise<string> {
  const state = await readState(runFolder(root));
  return state.kind === "read" ? state.value.stage : "nothing";
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
