/** What `rstar finetune` and `rstar evolve` take when a run goes on. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { evolveCommand, finetuneCommand } from "../../../server/cli/evolve.ts";

const home = mkdtempSync(path.join(os.tmpdir(), "rstar-resume-"));

beforeAll(() => {
  vi.stubEnv("RSTAR_HOME", home);
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const run = (command: Command, ...words: string[]): Promise<Command> =>
  command.parseAsync(["--resume", ...words], { from: "user" });

it("refuses what the run would not heed, by name", async () => {
  await expect(run(finetuneCommand(), "--seed", "2", "--set", "heldOutShare=0.2")).rejects.toThrow(
    "leave --seed, --set out",
  );
  await expect(run(finetuneCommand(), "--traces", "mine.jsonl")).rejects.toThrow("leave --traces out");
  await expect(run(evolveCommand(), "--problems", "mine.jsonl")).rejects.toThrow("leave --problems out");
  await expect(run(evolveCommand(), "--candidates", "4")).rejects.toThrow("leave --candidates out");
  await expect(run(evolveCommand(), "--rounds", "6", "--profile", "paper")).rejects.toThrow(
    "leave --profile out",
  );
});

it("takes more rounds and smaller batches", async () => {
  const none = "There is no unfinished run";
  await expect(run(finetuneCommand(), "--micro-batch-size", "1")).rejects.toThrow(none);
  await expect(
    run(evolveCommand(), "--rounds", "6", "--candidates", "4", "--train-now", "--micro-batch-size", "1"),
  ).rejects.toThrow(none);
});
