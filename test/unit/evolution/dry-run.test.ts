/** What a dry run tries is named by all that it depends on. */
import { expect, it } from "vitest";
import { chainName } from "../../../server/evolution/dry-run.ts";
import type { TrainingJob } from "../../../server/protocol/training.ts";

it("each way to launch a training is tried by itself, and each once", () => {
  const job: Pick<TrainingJob, "base" | "kind"> = {
    kind: "sft",
    base: { id: "base", gguf: { path: "/base.gguf", sha256: "a".repeat(64) }, weights: { kind: "gguf" } },
  };
  const launches = [null, "distributed_type: MULTI_GPU\n", "distributed_type: DEEPSPEED\n"];
  const names = launches.map((launch) => chainName(job, "b1", launch));
  expect(new Set([...names, chainName({ ...job, kind: "ppm" }, "b1", null)]).size).toBe(4);
  expect(launches.map((launch) => chainName(job, "b1", launch))).toEqual(names);
});
