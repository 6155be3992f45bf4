/** Batches over node-llama-cpp's public interface alone: slower, for versions whose internals were not reviewed. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { ControlledEvaluateInputItem, LlamaContext, LlamaContextSequence, Token } from "node-llama-cpp";
import type { BatchBackend, BatchItem, BatchResult, Logits, Readout } from "./backend.ts";

/** The library's scheduler forms the batches, forks go through a state file, and reading sorts the vocabulary. */
export class PublicBackend implements BatchBackend {
  readonly kind = "public";
  readonly sequences: number;
  readonly cells: number;
  readonly batchSize: number;
  readonly rowGroup = 1;
  readonly #context: LlamaContext;
  readonly #all: readonly LlamaContextSequence[];

  /** @param context Fresh, and used by nobody else from now on; disposed with the backend. */
  constructor(context: LlamaContext) {
    this.sequences = context.totalSequences;
    this.cells = context.contextSize - 1; // The library shifts the context when the last cell would be used.
    this.batchSize = context.batchSize;
    this.#context = context;
    this.#all = Array.from({ length: this.sequences }, () => context.getSequence());
  }

  async evaluate(items: readonly BatchItem[]): Promise<BatchResult> {
    const started = performance.now();
    const outputs = await Promise.all(items.map((item) => this.#evaluateOne(item)));
    return { outputs, decodeMs: performance.now() - started, readMs: 0 };
  }

  async fork(from: number, to: number): Promise<void> {
    const source = this.#sequence(from);
    const target = this.#sequence(to);
    if (source.nextTokenIndex === 0) return this.truncate(to, 0);
    const file = path.join(os.tmpdir(), `rstar-state-${randomUUID()}.bin`);
    try {
      await source.saveStateToFile(file);
      await target.loadStateFromFile(file, { acceptRisk: true });
    } finally {
      await rm(file, { force: true });
    }
  }

  async truncate(sequence: number, length: number): Promise<void> {
    const target = this.#sequence(sequence);
    if (length >= target.nextTokenIndex) return;
    if (length === 0) await target.clearHistory();
    else await target.eraseContextTokenRanges([{ start: length, end: target.nextTokenIndex }]);
  }

  async dispose(): Promise<void> {
    await this.#context.dispose();
  }

  async #evaluateOne({ sequence, position, tokens, readout }: BatchItem): Promise<Logits | null> {
    const target = this.#sequence(sequence);
    if (target.nextTokenIndex !== position) {
      throw new Error(`sequence ${sequence} holds ${target.nextTokenIndex} tokens, not ${position}`);
    }
    const input: ControlledEvaluateInputItem[] = tokens.map((token) => token as Token);
    const last = input.at(-1) as Token | undefined;
    if (readout !== null && last !== undefined) input[input.length - 1] = [last, wanted(readout)];
    const logits = (await target.controlledEvaluate(input))[tokens.length - 1]?.next.logits;
    if (readout === null) return null;
    if (logits === undefined) throw new Error("the model gave no logits");
    if (readout.kind === "top") return { tokens: [...logits.keys()], logits: [...logits.values()] };
    const values = readout.tokens.map((token) => logits.get(token as Token));
    const found = values.filter((value) => value !== undefined);
    if (found.length < values.length) throw new Error("the model gave no logit for a token");
    return { tokens: readout.tokens, logits: found };
  }

  #sequence(id: number): LlamaContextSequence {
    const sequence = this.#all[id];
    if (sequence === undefined) throw new Error(`there is no sequence ${id}`);
    return sequence;
  }
}

type Wanted = Exclude<ControlledEvaluateInputItem, Token>[1];

function wanted(readout: Readout): Wanted {
  switch (readout.kind) {
    case "top":
      // Top-k and top-p are on unless they are switched off.
      return {
        generateNext: {
          logits: true,
          options: { temperature: 1, minP: Math.exp(-readout.window), topK: 0, topP: 1 },
        },
      };
    case "logits":
      return {
        generateNext: {
          logits: { filter: { tokens: readout.tokens.map((token) => token as Token) } },
          options: { temperature: 0 },
        },
      };
    default:
      return readout satisfies never;
  }
}
