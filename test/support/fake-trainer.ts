/** A trainer that writes a file whose content follows from the job and its data, so that equal training gives equal bytes. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Trainer } from "../../server/services.ts";
import type { ParityReport, TrainingJob, TrainingResult } from "../../server/protocol/training.ts";

export const PARITY: ParityReport = {
  prompts: 4,
  sameTokens: true,
  maxDifference: 0.01,
  meanDifference: 0.001,
  sameFirst: 1,
  sameStops: true,
  tolerance: { mean: 0.01, max: 0.1, sameFirst: 0.9 },
  passed: true,
};

/** What it is asked, and a hook before each call that may throw or answer otherwise. */
export interface FakeTrainer extends Trainer {
  readonly jobs: TrainingJob[];
}

/** Builds it. `instead` may answer for it. */
export function fakeTrainer(instead: (job: TrainingJob) => TrainingResult | null = () => null): FakeTrainer {
  const jobs: TrainingJob[] = [];
  return {
    jobs,
    prepare: () => Promise.resolve({ kind: "ready" }),
    train(job, signal, onMetrics) {
      jobs.push(job);
      const answer = instead(job);
      if (answer !== null) return Promise.resolve(answer);
      if (signal.aborted) return Promise.resolve({ kind: "stopped", step: 0, checkpoint: null });
      onMetrics?.({ kind: "stage", at: "2026-01-01T00:00:00.000Z", stage: "train", message: "training" });
      const data = readFileSync(job.data.train, "utf8");
      const content = `${job.kind} ${job.loss} ${job.seed} ${JSON.stringify(job.hyperParameters)}\n${data}`;
      const adapter = path.join(job.out, "adapter.gguf");
      const peft = path.join(job.out, "peft");
      mkdirSync(peft, { recursive: true });
      writeFileSync(adapter, content);
      return Promise.resolve({
        kind: "adapter",
        adapter: {
          path: adapter,
          sha256: createHash("sha256").update(content).digest("hex"),
          bytes: Buffer.byteLength(content),
          baseSha256: job.base.gguf.sha256,
          peft,
        },
        parity: PARITY,
        metrics: path.join(job.out, "metrics.jsonl"),
        steps: 2,
        loss: 0.5,
        held: null,
        seconds: 1,
      });
    },
  };
}
