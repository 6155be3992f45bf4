/** `npm run bench:memory`: memory of many live sequences, and whether solving over and over makes the process grow. */
import { parseArgs } from "node:util";
import { modelManager, openRuntime } from "../../../server/compose.ts";
import { openEngine } from "../../../server/engine/engine.ts";
import { profile } from "../../../server/search/config.ts";
import { promptFor } from "../../../server/search/prompt.ts";
import { solve } from "../../../server/search/solve.ts";
import { median } from "../support/statistics.ts";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "qwen2.5-coder-0.5b" },
    /** The model of the solves: small, since what is looked for is a leak and not an answer. */
    solver: { type: "string", default: "smollm2-135m" },
    sequences: { type: "string", default: "64" },
    solves: { type: "string", default: "1000" },
    budget: { type: "string", default: "48" },
  },
});
const signal = new AbortController().signal;

await measureSequences(Number(options.sequences));
await measureSolves(Number(options.solves));

/** Resident memory with that many sequences alive, beyond what the loaded model takes. */
async function measureSequences(count: number): Promise<void> {
  const resolution = await (await modelManager()).resolve(options.model, { signal });
  if (resolution.kind === "failed") throw new Error(resolution.message);
  const opening = await openEngine({ gpu: false });
  if (opening.kind === "failed") throw new Error(opening.message);
  const { engine } = opening;
  const problem = promptFor("How many apples are 3 baskets of 12 apples?", resolution.model.promptFormat);
  const small = await engine.loadPolicy(resolution.model, {
    lanes: 1,
    contextLength: 256,
    kvBytes: 4_000_000,
  });
  if (small.kind === "failed") throw new Error(small.message);
  // A pass over all weights, so that what is mapped from the file counts as the model's.
  const sampling = { temperature: 1, topP: 1 };
  await small.policy.propose([{ prefix: ["1 + 1 ="], seeds: [1], sampling, stop: [], maxTokens: 8 }], signal);
  const before = process.memoryUsage().rss;
  const loaded = await engine.loadPolicy(resolution.model, {
    lanes: count,
    contextLength: 1024,
    kvBytes: 1_000_000_000,
  });
  if (loaded.kind === "failed") throw new Error(loaded.message);
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  await loaded.policy.propose([{ prefix: problem, seeds, sampling, stop: [], maxTokens: 100 }], signal);
  const grown = process.memoryUsage().rss - before;
  tell(
    `${loaded.info.lanes} live sequences of ${loaded.info.contextLength} tokens (${loaded.info.sequences} with the cached ones): ${megabytes(grown)} beyond the model's ${megabytes(before)}`,
  );
  await engine.dispose();
}

/** Resident memory over many solves in one process. */
async function measureSolves(count: number): Promise<void> {
  const opening = await openRuntime({ model: options.solver }, signal, {
    say: tell,
    download: () => undefined,
  });
  if (opening.kind === "failed") throw new Error(opening.message);
  const config = { ...profile("default"), budgetTokens: Number(options.budget), maxStepTokens: 16 };
  const resident: number[] = [];
  for (let index = 0; index < count; index++) {
    const text = `Tom has ${index} apples and buys ${index % 7} more. How many does he have?`;
    const stamp = { id: `solve-${index}`, createdAt: new Date(0).toISOString(), source: null };
    await solve(
      { id: `problem-${index}`, text, reference: null },
      { ...config, seed: index },
      opening.runtime.services,
      stamp,
      signal,
    );
    resident.push(process.memoryUsage().rss);
    if ((index + 1) % 100 === 0) tell(`${index + 1} solves: ${megabytes(resident.at(-1) ?? 0)}`);
  }
  await opening.runtime.dispose();
  const tenth = Math.ceil(count / 10);
  // The first tenth fills caches that are meant to fill.
  const early = median(resident.slice(tenth, 2 * tenth));
  const late = median(resident.slice(-tenth));
  tell(`from the second tenth to the last: ${(100 * (late / early - 1)).toFixed(1)}% more`);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
