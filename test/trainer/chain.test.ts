/** The whole chain on a real small model: train, stop, resume, export, parity, load, decode. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTrainer } from "../../server/compose.ts";
import type { Engine } from "../../server/engine/engine.ts";
import { llamaCppSource } from "../../server/engine/converter-source.ts";
import { PythonTrainer, type PythonTrainerOptions } from "../../server/evolution/python-trainer.ts";
import type { HyperParameters, MetricsLine, TrainingJob } from "../../server/protocol/training.ts";
import { CONTINUATION_STOPS, writeAnswer, writeStep } from "../../server/search/grammar.ts";
import { promptFor } from "../../server/search/prompt.ts";
import type { ResolvedModel } from "../../server/services.ts";
import { forever, SMALL, testEngine, testModel } from "../engine/engine-model.ts";
import { ENVIRONMENT, ENVIRONMENT_TIMEOUT, trainingEnvironment } from "./training-environment.ts";

const folder = mkdtempSync(path.join(tmpdir(), "rstar-trainer-"));
const PROBLEM = "Ann has 3 bags of 4 nuts. How many nuts has she?";
const STEP = writeStep({ text: "# Step 1: Multiply.\nprint(3 * 4)", final: true });
const READING = { suffix: "\nRight?", positive: " Yes", negative: " No" };

let engine: Engine;
let model: ResolvedModel;

beforeAll(async () => {
  await trainingEnvironment();
  engine = await testEngine();
  model = await testModel();
}, ENVIRONMENT_TIMEOUT);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A trainer in the tests' environment. */
function trainer(changes: Partial<PythonTrainerOptions> = {}): PythonTrainer {
  return new PythonTrainer({ ...ENVIRONMENT, source: llamaCppSource, openReader, ...changes });
}

/** The engine as the product opens it, or without the adapter. */
const openReader: PythonTrainerOptions["openReader"] = ({ adapter }, signal) => read(adapter, signal);
const openPlain: PythonTrainerOptions["openReader"] = (_, signal) => read(undefined, signal);

async function read(
  adapter: { readonly path: string; readonly sha256: string } | undefined,
  signal: AbortSignal,
): ReturnType<PythonTrainerOptions["openReader"]> {
  const adapted = adapter === undefined ? model : { ...model, adapter: { id: "test", ...adapter } };
  const load = await engine.loadReader(adapted, signal);
  if (load.kind === "failed") return load;
  return { kind: "ready", reader: load.reader, close: () => load.reader.dispose() };
}

/**
 * Enough for the model to say the one text by heart, no more: at 2e-3 it is so sure of itself that what quantisation
 * rounds makes 0.27 nats on average, and parity is refused.
 */
const HYPER: HyperParameters = {
  epochs: 20,
  maxSteps: null,
  batchSize: 1,
  microBatchSize: 1,
  maxTokens: 256,
  learningRate: 7e-4,
  schedule: "constant",
  warmupShare: 0,
  weightDecay: 0,
  maxGradientNorm: 1,
  lora: { rank: 4, alpha: 8, dropout: 0 },
  precision: "auto",
};

function job(name: string, changes: Partial<TrainingJob> = {}): TrainingJob {
  const train = path.join(folder, `${name}.jsonl`);
  const line = {
    version: 1,
    kind: "sft",
    id: "one",
    problemId: "one",
    segments: [
      ...promptFor(PROBLEM, "bare").map((text) => ({ text, train: false })),
      { text: STEP, train: true },
      { text: writeAnswer("12"), train: true },
    ],
    traceId: "t",
    node: 1,
    meanQ: 1,
  };
  writeFileSync(train, JSON.stringify(line) + "\n");
  return {
    version: 1,
    id: name,
    kind: "sft",
    loss: "sft",
    data: { train, held: null },
    base: {
      id: model.id,
      gguf: { path: model.path, sha256: model.sha256 },
      weights: { kind: "gguf" },
    },
    startFrom: null,
    ppm: null,
    profile: "smoke",
    hyperParameters: HYPER,
    seed: 1,
    out: path.join(folder, name),
    checkpointEvery: 5,
    resume: true,
    ...changes,
  };
}

function steps(lines: readonly MetricsLine[]): Extract<MetricsLine, { kind: "step" }>[] {
  return lines.filter((line) => line.kind === "step");
}

describe("training a real model", () => {
  it("tries the chain first, and once on a machine for each kind", async () => {
    const { folder: marks } = await trainingEnvironment();
    for (const mark of await readdir(marks)) if (mark.startsWith("tried-")) rmSync(path.join(marks, mark));
    const stages: string[] = [];
    const listen = (line: MetricsLine): void => {
      if (line.kind === "stage") stages.push(line.stage);
    };
    const pairs = job("prepare", { kind: "ppm", loss: "pairwise", ppm: READING });
    expect(await trainer().prepare(pairs, forever, listen)).toEqual({ kind: "ready" });
    const said = stages.length;
    expect(said).toBeGreaterThan(3);
    expect(await trainer().prepare(pairs, forever, listen)).toEqual({ kind: "ready" });
    expect(stages.length).toBe(said);
    expect(await readdir(pairs.out)).toEqual([]);
  });

  // One training, on disk from test to test: started, stopped, gone on with, and brought to an end on the third try.
  const first: MetricsLine[] = [];
  const second: MetricsLine[] = [];

  it("stops with a checkpoint", async () => {
    const stop = new AbortController();
    const stopped = await trainer().train(job("policy"), stop.signal, (line) => {
      first.push(line);
      if (line.kind === "step" && line.step === 2) stop.abort();
    });
    expect(stopped.kind).toBe("stopped");
    if (stopped.kind !== "stopped") return;
    expect(stopped.checkpoint).toMatch(/checkpoints.step-\d+$/u);
    expect(first.at(-1)).toMatchObject({ kind: "end", outcome: "stopped" });
  });

  it("goes on, and keeps what was trained when the export fails", async () => {
    const broken = trainer({ source: () => Promise.resolve({ bundle: "/nowhere", release: "broken" }) });
    const failed = await broken.train(job("policy"), forever, (line) => second.push(line));
    expect(failed).toMatchObject({ kind: "failed", reason: "export" });
    if (failed.kind !== "failed") return;
    expect(failed.message).toContain("nothing is trained twice");
    const numbers = [...steps(first), ...steps(second)].map(({ step }) => step);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(steps(second).at(-1)?.loss).toBeLessThan(0.3 * (steps(first)[0]?.loss ?? 0));
  });

  it("refuses an adapter that the engine does not compute with", async () => {
    const result = await trainer({ openReader: openPlain }).train(job("policy"), forever);
    expect(result).toMatchObject({ kind: "failed", reason: "parity" });
    if (result.kind === "failed") expect(result.message).toContain("as if the adapter were not there");
  });

  it("is only exported when it is run again, and the engine then says what was trained", async () => {
    const third: MetricsLine[] = [];
    const result = await trainer().train(job("policy"), forever, (line) => third.push(line));
    expect(steps(third)).toEqual([]);
    expect(result).toMatchObject({ kind: "adapter", steps: 20 });
    if (result.kind !== "adapter") return;
    expect(result.parity).toMatchObject({ passed: true, sameTokens: true, sameStops: true });
    const written = (await readFile(result.metrics, "utf8")).trim().split("\n");
    expect(JSON.parse(written.at(-1) ?? "")).toMatchObject({ kind: "end", outcome: "adapter" });

    const adapter = { id: "policy", path: result.adapter.path, sha256: result.adapter.sha256 };
    const load = await engine.loadPolicy({ ...model, adapter }, SMALL);
    if (load.kind === "failed") throw new Error(load.message);
    const [proposal] = await load.policy.propose(
      [
        {
          prefix: promptFor(PROBLEM, "bare"),
          seeds: [1],
          sampling: { temperature: 0, topP: 1 },
          stop: CONTINUATION_STOPS,
          maxTokens: 40,
        },
      ],
      forever,
    );
    await load.policy.dispose();
    expect(proposal).toMatchObject({
      kind: "candidates",
      candidates: [{ text: "# Step 1: Multiply.\nprint(3 * 4)\n" }],
    });
  });

  it("that is stopped while Python still starts is stopped, not failed", async () => {
    const sft = job("early");
    const stop = new AbortController();
    const running = trainer().train(sft, stop.signal);
    await expect.poll(() => existsSync(path.join(sft.out, "job.json")), { timeout: 30_000 }).toBe(true);
    // The process exists from now on, and imports PyTorch for seconds before it hears a signal.
    await setTimeout(100);
    stop.abort();
    expect(await running).toEqual({ kind: "stopped", step: 0, checkpoint: null });
  });

  it("says what is wrong with the data, through the trainer that the product opens", async () => {
    const sft = job("empty");
    writeFileSync(sft.data.train, "");
    const result = await openTrainer(() => Promise.resolve(engine)).train(sft, AbortSignal.abort());
    expect(result).toMatchObject({ kind: "stopped", step: 0, checkpoint: null });
    const failed = await trainer().train(sft, forever);
    expect(failed).toMatchObject({ kind: "failed", reason: "no-data", checkpoint: null });
  });
});
