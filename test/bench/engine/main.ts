/** `npm run bench:engine`: the decoder against llama.cpp's own programs, as ratios of medians in one run. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { modelManager } from "../../../server/compose.ts";
import type { ContextOptions } from "../../../server/engine/context-sizes.ts";
import type { DecoderStats } from "../../../server/engine/decoder.ts";
import { openEngine, type Engine } from "../../../server/engine/engine.ts";
import type { Policy } from "../../../server/engine/policy.ts";
import { promptFor } from "../../../server/search/prompt.ts";
import type { ResolvedModel } from "../../../server/services.ts";
import { startLlamaServer } from "../support/llama-server.ts";
import { median } from "../support/statistics.ts";
import { LENGTHS, ownSpeeds, referenceSpeeds, type Profile, type Speeds } from "./batched.ts";
import { ownDriver, runLoad, SHAPE, type LoadResult } from "./search-load.ts";
import { SERVER_SETTINGS, serverDriver, type SiblingMode } from "./server-driver.ts";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "qwen2.5-coder-0.5b" },
    ppm: { type: "string", default: "qwen2.5-coder-0.5b-zero-shot-ppm" },
    sizes: { type: "string", default: "1,4,8,16,32" },
    repeats: { type: "string", default: "3" },
    only: { type: "string", default: "batched,search" },
    // The ways in which llama-server is asked for siblings.
    modes: { type: "string", default: "requests,n_cmpl" },
    out: { type: "string", default: "dist/bench/engine" },
  },
});

const repeats = Array.from({ length: Number(options.repeats) }, (_, index) => index + 1);
const model = await resolve(options.model);
const about = { model: model.id, sha256: model.sha256, threads: 0, date: new Date().toISOString() };
mkdirSync(options.out, { recursive: true });
if (options.only.includes("batched")) await compareBatched(options.sizes.split(",").map(Number));
if (options.only.includes("search")) await compareSearch();

/** In turn, and each in a process or an engine of its own: what warms up or slows down the machine meets both. */
async function compareBatched(sizes: readonly number[]): Promise<void> {
  const own: Awaited<ReturnType<typeof ownSpeeds>>[] = [];
  const references: Speeds[] = [];
  for (const repeat of repeats) {
    const engine = await open();
    const policy = await loadPolicy(engine, { lanes: Math.max(...sizes), contextLength: 512 });
    const run = await ownSpeeds(policy, sizes, () => engine.stats().policy);
    own.push(run);
    tell(`ours ${repeat}: ${speedText(run.speeds)}`);
    await engine.dispose();
    const speeds = await referenceSpeeds(model.path, sizes, about.threads);
    references.push(speeds);
    tell(`llama-batched-bench ${repeat}: ${speedText(speeds)}`);
  }
  const rows = sizes.map((size) => {
    const at = (runs: readonly Speeds[]): number => median(runs.map((speeds) => speeds.get(size) ?? NaN));
    const ms = (part: keyof Profile): number =>
      median(own.map(({ profiles }) => profiles.get(size)?.[part] ?? NaN));
    return {
      sequences: size,
      ours: at(own.map(({ speeds }) => speeds)),
      reference: at(references),
      msPerTurn: { decode: ms("decode"), read: ms("read"), rest: ms("rest") },
    };
  });
  for (const { sequences, ours, reference, msPerTurn } of rows)
    tell(
      `B = ${sequences}: ${ours.toFixed(1)} against ${reference.toFixed(1)} tokens/s, ratio ${(ours / reference).toFixed(2)}; ` +
        `ms a turn: decode ${msPerTurn.decode.toFixed(1)}, read ${msPerTurn.read.toFixed(1)}, rest ${msPerTurn.rest.toFixed(1)}`,
    );
  save("batched.json", { lengths: LENGTHS, rows });
}

async function compareSearch(): Promise<void> {
  const ppm = await resolve(options.ppm);
  if (ppm.ppm === undefined) throw new Error(`${ppm.id} is no PPM.`);
  const root = promptFor(
    "A farmer has 17 sheep, 23 goats and 8 cows. Each sheep eats 2 kg of hay a day, each goat 1.5 kg and each cow 12 kg. How many kilograms of hay does the farmer need for a week?",
    model.promptFormat,
  );
  const runs: Record<"ours" | SiblingMode, LoadResult[]> = { ours: [], requests: [], n_cmpl: [] };
  const overTree: { readonly policy: number; readonly ppm: number }[] = [];
  const overDistinct: typeof overTree = [];
  for (const repeat of repeats) {
    const engine = await open();
    const policy = await loadPolicy(engine, {});
    const scorer = await engine.loadPpm(ppm);
    if (scorer.kind === "failed") throw new Error(scorer.message);
    const driver = ownDriver(policy, scorer.ppm);
    runs.ours.push(await runLoad(driver, root));
    const stats = engine.stats();
    const tree = await driver.treeTokens(root);
    overTree.push({
      policy: stats.policy.evaluatedTokens / tree.policy,
      ppm: stats.ppm.evaluatedTokens / tree.ppm,
    });
    overDistinct.push({ policy: evaluatedToDistinct(stats.policy), ppm: evaluatedToDistinct(stats.ppm) });
    tell(
      `ours ${repeat}: ${loadText(runs.ours.at(-1))}; policy ${timeText(stats.policy)}; PPM ${timeText(stats.ppm)}`,
    );
    await engine.dispose();
    for (const mode of (["requests", "n_cmpl"] as const).filter((name) => options.modes.includes(name))) {
      const server = await startLlamaServer(model.path, about.threads, SERVER_SETTINGS);
      try {
        runs[mode].push(await runLoad(serverDriver(server, mode, ppm.ppm), root));
        tell(`llama-server (${mode}) ${repeat}: ${loadText(runs[mode].at(-1))}`);
      } finally {
        await server.stop();
      }
    }
  }
  const made = Object.entries(runs).filter(([, results]) => results.length > 0);
  const speeds = made.map(([driver, results]) => ({
    driver,
    stepsPerSecond: median(results.map((result) => result.steps / result.seconds)),
    tokensPerSecond: median(results.map((result) => result.tokens / result.seconds)),
  }));
  const [ours, ...servers] = speeds;
  for (const { driver, stepsPerSecond, tokensPerSecond } of speeds)
    tell(`${driver}: ${stepsPerSecond.toFixed(2)} steps/s, ${tokensPerSecond.toFixed(1)} tokens/s`);
  const best = Math.max(...servers.map((server) => server.stepsPerSecond));
  tell(`ratio to the faster way of llama-server: ${((ours?.stepsPerSecond ?? NaN) / best).toFixed(2)}`);
  tell(`evaluated tokens to those of the tree's steps: ${JSON.stringify(overTree)}`);
  tell(`the same, what siblings begin alike counted once: ${JSON.stringify(overDistinct)}`);
  save("search.json", { ppm: ppm.id, shape: SHAPE, speeds, evaluated: { overTree, overDistinct } });
}

function evaluatedToDistinct({ evaluatedTokens, evaluatedAgainTokens }: DecoderStats): number {
  return evaluatedTokens / (evaluatedTokens - evaluatedAgainTokens);
}

function save(file: string, results: object): void {
  writeFileSync(path.join(options.out, file), `${JSON.stringify({ ...about, ...results }, null, 2)}\n`);
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

function speedText(speeds?: Speeds): string {
  return [...(speeds ?? [])].map(([size, speed]) => `${size}: ${speed.toFixed(1)}`).join("  ");
}

function loadText(result?: LoadResult): string {
  return result === undefined
    ? ""
    : `${result.steps} steps, ${result.tokens} tokens, ${result.seconds.toFixed(1)} s`;
}

function timeText({ batches, decodeMs, readMs, sampleMs, forkMs, idleMs }: DecoderStats): string {
  const each = (ms: number): string => (ms / batches).toFixed(1);
  return `${batches} batches; ms each: decode ${each(decodeMs)}, read ${each(readMs)}, sample ${each(sampleMs)}, fork ${each(forkMs)}, idle ${each(idleMs)}`;
}

async function resolve(id: string): Promise<ResolvedModel> {
  const resolution = await (await modelManager()).resolve(id, { signal: new AbortController().signal });
  if (resolution.kind === "failed") throw new Error(resolution.message);
  return resolution.model;
}

async function open(): Promise<Engine> {
  const opening = await openEngine({ gpu: false });
  if (opening.kind === "failed") throw new Error(opening.message);
  about.threads = opening.engine.backend.threads;
  return opening.engine;
}

async function loadPolicy(engine: Engine, sizes: Partial<ContextOptions>): Promise<Policy> {
  const loaded = await engine.loadPolicy(model, sizes);
  if (loaded.kind === "failed") throw new Error(loaded.message);
  return loaded.policy;
}
