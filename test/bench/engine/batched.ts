/** Plain batched decoding: llama.cpp's own `llama-batched-bench` against our decoder, same model, lengths and threads. */
import { spawnSync } from "node:child_process";
import type { DecoderStats } from "../../../server/engine/decoder.ts";
import type { Policy } from "../../../server/engine/policy.ts";
import type { ProposeRequest } from "../../../server/services.ts";
import { llamaTool } from "../support/llama-tools.ts";

/** Tokens of each prompt, and tokens generated after each. */
export const LENGTHS = { prompt: 128, generated: 64 };

/** Generated tokens a second, by number of sequences decoded together. */
export type Speeds = ReadonlyMap<number, number>;

/** Where the milliseconds of a turn go: in llama.cpp, in reading its logits, in the rest of our loop. */
export interface Profile {
  readonly decode: number;
  readonly read: number;
  readonly rest: number;
}

/** One pass of `llama-batched-bench` over all batch sizes, with flash attention as we compute. */
export async function referenceSpeeds(
  modelFile: string,
  sizes: readonly number[],
  threads: number,
): Promise<Speeds> {
  const most = Math.max(...sizes);
  const run = spawnSync(
    await llamaTool("llama-batched-bench"),
    [
      ...["-m", modelFile, "-t", String(threads), "-tb", String(threads)],
      ...["-c", String(most * (LENGTHS.prompt + LENGTHS.generated)), "-ngl", "0"],
      ...["-npp", String(LENGTHS.prompt), "-ntg", String(LENGTHS.generated), "-npl", sizes.join(",")],
      ...["-fa", "on", "--output-format", "jsonl"],
    ],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (run.status !== 0) throw new Error(`llama-batched-bench failed:\n${run.stderr.slice(-1000)}`);
  const rows = run.stdout.split("\n").filter((line) => line.startsWith("{"));
  return new Map(
    rows.map((line) => {
      const { pl, speed_tg } = JSON.parse(line) as { pl: number; speed_tg: number };
      return [pl, speed_tg];
    }),
  );
}

/** One pass of our decoder over all batch sizes: prompts of their own, evaluated before the clock starts. */
export async function ownSpeeds(
  policy: Policy,
  sizes: readonly number[],
  stats: () => DecoderStats,
): Promise<{ readonly speeds: Speeds; readonly profiles: ReadonlyMap<number, Profile> }> {
  const speeds = new Map<number, number>();
  const profiles = new Map<number, Profile>();
  for (const size of sizes) {
    const requests = Array.from({ length: size }, (_, index) => countingFrom(1 + 100 * index));
    await propose(
      policy,
      requests.map((request) => ({ ...request, maxTokens: 1 })),
    );
    const before = stats();
    const started = performance.now();
    const tokens = await propose(policy, requests);
    const ms = performance.now() - started;
    speeds.set(size, tokens / (ms / 1000));
    const after = stats();
    const turns = after.batches - before.batches;
    const decode = (after.decodeMs - before.decodeMs) / turns;
    const read = (after.readMs - before.readMs) / turns;
    profiles.set(size, { decode, read, rest: ms / turns - decode - read });
  }
  return { speeds, profiles };
}

async function propose(policy: Policy, requests: readonly ProposeRequest[]): Promise<number> {
  const results = await policy.propose(requests, new AbortController().signal);
  const candidates = results.flatMap((result) => {
    if (result.kind !== "candidates") throw new Error(JSON.stringify(result));
    return result.candidates;
  });
  for (const { finish, tokens } of candidates) {
    if (finish.kind !== "length") throw new Error(`A count ended after ${tokens} tokens; it never should.`);
  }
  return candidates.reduce((sum, candidate) => sum + candidate.tokens, 0);
}

/** A count that any model goes on with, so that nothing ends before its last token. Differs for every sequence. */
function countingFrom(first: number): ProposeRequest {
  let text = "";
  // Each number of this model's tokenizer takes one token a digit, and two for the comma and the space.
  for (let n = first; text.length < 2 * LENGTHS.prompt; n++) text += `${n}, `;
  return {
    prefix: [text.slice(0, LENGTHS.prompt)],
    seeds: [first],
    sampling: { temperature: 0.8, topP: 0.95 },
    stop: [],
    maxTokens: LENGTHS.generated,
  };
}
