/**
 * `npm run bench:peers -- --set gsm8k --limit 100 --out FOLDER`: our engine beside OptiLLM and plain sampling over
 * llama-server, on the same model file and problems, in turn. The same command goes on with a folder that it began.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { problemsFor } from "../../../server/cli/eval-problems.ts";
import { describeModels, describeSession, localParts } from "../../../server/cli/eval-session.ts";
import { interruptSignal } from "../../../server/cli/interrupt.ts";
import { openPython, openRuntime, type Runtime } from "../../../server/compose.ts";
import { llamaCppSource } from "../../../server/engine/converter-source.ts";
import { eachLine, openLines } from "../../../server/json-lines.ts";
import { tryWithLock } from "../../../server/lock.ts";
import { readMethod } from "../../../server/evaluation/methods.ts";
import { withoutFolders } from "../../../server/evaluation/publish.ts";
import { problemsHash, slice, type EvaluationProblem } from "../../../server/evaluation/problems.ts";
import { startLlamaServer, type LlamaServer } from "../support/llama-server.ts";
import { childrenOf, measurePeak } from "../support/memory.ts";
import type { Contestant } from "./contestant.ts";
import { APPROACH_NAMES, OPTILLM, OptiLlm } from "./optillm.ts";
import { ourContestant } from "./ours.ts";
import { publishPeers } from "./publish.ts";
import { filesOf, openRun, readRun, Turn, type PeerSettings } from "./records.ts";
import { peerMarkdown, reportOf } from "./report.ts";
import { compare, turnName } from "./run.ts";
import { chatSampling, programSampling } from "./sampling.ts";

const { values: options } = parseArgs({
  options: {
    problems: { type: "string" },
    set: { type: "string" },
    data: { type: "string" },
    limit: { type: "string" },
    offset: { type: "string", default: "0" },
    /**
     * Methods of `rstar eval`, each with its own profile's budget: `auto`, or `auto@MODEL` with another model of the
     * same file, so one with an adapter.
     */
    ours: { type: "string", default: "auto" },
    /** `sampling`, `sampling-code` and names of OptiLLM's approaches. */
    rivals: { type: "string", default: ["sampling", "sampling-code", ...APPROACH_NAMES].join(",") },
    model: { type: "string" },
    ppm: { type: "string" },
    seed: { type: "string", default: "1" },
    samples: { type: "string", default: "8" },
    "max-tokens": { type: "string", default: "1024" },
    /** Seconds after which an attempt counts as not solved. */
    "limit-seconds": { type: "string", default: "900" },
    out: { type: "string" },
    "report-only": { type: "boolean", default: false },
    /** A folder of `docs/results` to take in what `--out` holds. */
    publish: { type: "string" },
  },
});
const { out } = options;
if (out === undefined) throw new Error("Name the folder for the results with --out.");

/** Tokens of llama-server's KV cache, shared by its slots: as many as all samples can take with their prompts. */
const CONTEXT_TOKENS = Number(options.samples) * (Number(options["max-tokens"]) + 1024);
/**
 * What its cache in main memory may take, in MiB. All prompts of an attempt by a small model fit in; its default of 8 GiB
 * would fill up over the problems and count as every rival's memory.
 */
const CACHE_MIB = 256;

const { signal: stopped, release } = interruptSignal();
if (options.publish !== undefined) await publishPeers(out, options.publish);
else if (!options["report-only"]) await measureAlone(out);
await writeReport(options.publish ?? out);
release();

/** Two that measure side by side would measure each other. */
async function measureAlone(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const attempt = await tryWithLock(filesOf(folder).run, stopped, (signal) => measureInto(folder, signal));
  if (attempt.kind === "locked")
    throw new Error(`Another process is measuring into ${folder}. Wait for it or choose another --out.`);
}

async function measureInto(folder: string, signal: AbortSignal): Promise<void> {
  const { set, all } = await problemsFor(
    {
      ...(options.problems === undefined ? {} : { problems: options.problems }),
      ...(options.set === undefined ? {} : { set: options.set }),
      ...(options.data === undefined ? {} : { data: options.data }),
    },
    signal,
  );
  const problems = slice(
    all,
    Number(options.offset),
    options.limit === undefined ? null : Number(options.limit),
  );
  if (problems === null) throw new Error(`${set} has ${all.length} problems; --offset leaves none of them.`);
  const python = openPython();
  const opened: Runtime[] = [];
  const open = async (model: string | undefined): Promise<Runtime> => {
    const runtime = await openModel(model, python, signal);
    opened.push(runtime);
    return runtime;
  };
  try {
    const runtime = await open(options.model);
    const server = await startServer(runtime);
    const optillm = new OptiLlm(server.url);
    try {
      const rivalPrograms = (): number[] => [server.pid, ...(optillm.pid === null ? [] : [optillm.pid])];
      const contestants = [
        ...(await ourSide(runtime, open, rivalPrograms)),
        ...rivalSide(server, optillm, rivalPrograms, python.sandbox),
      ];
      await measure({ folder, set, problems, runtime, contestants }, signal);
    } finally {
      await optillm.stop();
      await server.stop();
    }
  } finally {
    for (const runtime of opened) await runtime.dispose();
    await python.dispose();
  }
}

async function openModel(
  model: string | undefined,
  python: ReturnType<typeof openPython>,
  signal: AbortSignal,
): Promise<Runtime> {
  const opening = await openRuntime(
    {
      ...(model === undefined ? {} : { model }),
      ...(options.ppm === undefined ? {} : { ppm: options.ppm === "none" ? null : options.ppm }),
      gpu: false,
      // Loading again after the rivals' turns would count as ours.
      idleUnloadMs: Infinity,
      python,
    },
    signal,
    { say: tell, download: () => undefined },
  );
  if (opening.kind === "failed") throw new Error(opening.message);
  return opening.runtime;
}

function startServer(runtime: Runtime): Promise<LlamaServer> {
  const { models, backend } = localParts(runtime);
  if (models.policy.adapter !== undefined)
    throw new Error("The rivals have no adapter: name a model without one with --model.");
  return startLlamaServer(models.policy.path, backend.threads, [
    ...["--parallel", options.samples, "--kv-unified", "-c", String(CONTEXT_TOKENS), "--metrics", "--jinja"],
    ...["--cache-ram", String(CACHE_MIB)],
  ]);
}

/** What `--ours` names; a model of its own is opened once. */
async function ourSide(
  runtime: Runtime,
  open: (model: string | undefined) => Promise<Runtime>,
  rivalPrograms: () => readonly number[],
): Promise<Contestant[]> {
  const file = localParts(runtime).models.policy.path;
  const runtimes = new Map<string | undefined, Runtime>([[undefined, runtime]]);
  const contestants: Contestant[] = [];
  for (const name of options.ours.split(",")) {
    const [method = "", model] = name.split("@");
    const reading = readMethod(method);
    if (reading.kind === "bad") throw new Error(reading.message);
    const own = runtimes.get(model) ?? (await open(model));
    runtimes.set(model, own);
    const { policy } = localParts(own).models;
    if (policy.path !== file) throw new Error(`${policy.id} is another model file than the rivals'.`);
    contestants.push(ourContestant(reading.method, own, Number(options.seed), rivalPrograms, model));
  }
  return contestants;
}

function rivalSide(
  server: LlamaServer,
  optillm: OptiLlm,
  rivalPrograms: () => readonly number[],
  sandbox: ReturnType<typeof openPython>["sandbox"],
): Contestant[] {
  const interpreters = (): number[] =>
    childrenOf(process.pid).filter((pid) => !rivalPrograms().includes(pid));
  const seed = Number(options.seed);
  const maxTokens = Number(options["max-tokens"]);
  const place = { serverUrl: server.url, samples: Number(options.samples), maxTokens, seed };
  return options.rivals.split(",").map((name) => {
    if (name === "sampling") return chatSampling({ ...place, processes: () => [server.pid] });
    if (name === "sampling-code")
      return programSampling({ ...place, processes: () => [server.pid, ...interpreters()] }, sandbox);
    const approach = APPROACH_NAMES.find((each) => each === name);
    if (approach === undefined)
      throw new Error(`There is no rival "${name}": sampling, sampling-code, ${APPROACH_NAMES.join(", ")}.`);
    return optillm.contestant(approach, maxTokens, rivalPrograms);
  });
}

interface Measurement {
  readonly folder: string;
  readonly set: string;
  readonly problems: readonly EvaluationProblem[];
  readonly runtime: Runtime;
  readonly contestants: readonly Contestant[];
}

async function measure(
  { folder, set, problems, runtime, contestants }: Measurement,
  signal: AbortSignal,
): Promise<void> {
  const { backend, models } = localParts(runtime);
  const { policy, ppm } = await describeModels(models, signal);
  const settings: PeerSettings = {
    set,
    problemsSha256: problemsHash(problems),
    problems: problems.map(({ id }) => id),
    policy,
    ppm: ppm === null ? null : { id: ppm.id, sha256: (ppm.adapter ?? ppm).sha256 },
    seed: Number(options.seed),
    threads: backend.threads,
    limitSeconds: Number(options["limit-seconds"]),
    contestants: contestants.map(({ name, side, settings: about }) => ({ name, side, settings: about })),
    programs: {
      "llama-server": `${(await llamaCppSource()).release} (-c ${CONTEXT_TOKENS} --kv-unified --parallel ${options.samples} --cache-ram ${CACHE_MIB})`,
      OptiLLM: OPTILLM.replace("optillm==", ""),
      "node-llama-cpp": backend.version,
    },
  };
  const described = await describeSession(1, backend);
  const command = ["npm", "run", "bench:peers", "--", ...process.argv.slice(2).map(withoutFolders)];
  const opened = await openRun(folder, settings, { ...described, command });
  const { turns } = filesOf(folder);
  const done = await readTurns(turns);
  const writer = await openLines(turns, Turn);
  try {
    await compare(
      problems,
      contestants,
      done,
      {
        grader: runtime.services.grader,
        session: opened.session,
        limitMs: 1000 * settings.limitSeconds,
        now: () => Date.now(),
        measureMemory: measurePeak,
        keep: async (taken) => {
          await writer.append(taken);
          tell(
            `${taken.problem} ${taken.contestant}: ${taken.answer ?? "no answer"}, ${taken.strict}, ${taken.seconds.toFixed(1)} s, ${taken.generatedTokens} tokens${taken.end.kind === "failed" ? `, failed: ${taken.end.reason}` : ""}`,
          );
        },
      },
      signal,
    );
  } finally {
    await writer.close();
  }
}

async function readTurns(file: string): Promise<Map<string, Turn>> {
  const turns = new Map<string, Turn>();
  for await (const { record } of eachLine(file, Turn))
    if (record !== null) turns.set(turnName(record), record);
  return turns;
}

async function writeReport(folder: string): Promise<void> {
  const files = filesOf(folder);
  const report = reportOf(await readRun(folder), await readTurns(files.turns));
  if (report === null) {
    tell("No problem has been attempted by all yet; the same command goes on.");
    return;
  }
  writeFileSync(files.json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files.markdown, peerMarkdown(report));
  tell(`${report.problems} of ${report.settings.problems.length} problems: ${files.markdown}`);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
