/** Runs that were killed, moved or stopped, or cannot work: what is kept, and how they go on. */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { EvolutionServices } from "../../../server/evolution/context.ts";
import { split } from "../../../server/evolution/problems.ts";
import { beginRun, continueRun, type EvolutionOutcome } from "../../../server/evolution/rounds.ts";
import { runFolder } from "../../../server/evolution/run-folder.ts";
import type { Trace } from "../../../server/protocol/trace.ts";
import type { PolicyModel, Trainer } from "../../../server/services.ts";
import type * as Store from "../../../server/traces/store.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { fakeTrainer, type FakeTrainer } from "../../support/fake-trainer.ts";
import { toyProblems, toyServices, toySettings } from "./worlds.ts";
import { never, PROBLEMS, begin, harvest } from "./toy-run.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** How many traces find room on the disk. */
const disk = vi.hoisted(() => ({ room: Infinity }));
vi.mock("../../../server/traces/store.ts", async (original) => {
  const real = await original<typeof Store>();
  return {
    ...real,
    createTraceStore: (file: string) => {
      const store = real.createTraceStore(file);
      const full = (): Promise<void> => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }));
      return {
        ...store,
        append: (trace: Trace) => (disk.room-- > 0 ? store.append(trace) : full()),
      };
    },
  };
});
afterEach(() => {
  disk.room = Infinity;
});

describe("a kill", () => {
  it("at any boundary loses nothing: gone on with, the run ends with the same adapters and the same searches", async () => {
    const whole = await begin();
    let boundaries = 0;
    expect(
      (
        await whole.go(() => {
          boundaries++;
        })
      ).kind,
    ).toBe("finished");
    const expected = await harvest(whole);
    expect(boundaries).toBeGreaterThan(30);
    // All of them take a minute; these few are others with another FC_SEED.
    for (const at of fc.sample(fc.nat(boundaries - 1), 6)) {
      const run = await begin();
      let count = 0;
      const killed = run.go(() => {
        // Everything after the kill fails too: the process is gone.
        if (count++ >= at) throw new Error("killed");
      });
      await expect(killed).rejects.toThrow("killed");
      const before = await harvest(run);
      const folder = runFolder(run.root);
      // A line that was being written is cut off.
      for (const file of [folder.round(1).traces, folder.round(2).traces, folder.heldOut])
        if (existsSync(file)) appendFileSync(file, '{"version":2,"id":"cut o');
      const outcome = await run.go();
      expect(outcome.kind).toBe("finished");
      expect(await harvest(run)).toEqual(expected);
      // What had been stored was not searched again.
      for (const [index, ids] of before.traces.entries())
        for (const id of ids) expect(expected.traces[index]).toContain(id);
    }
  });

  it("of the trainer is a failure that says so, and going on trains only what is missing", async () => {
    const run = await begin();
    const message = "The trainer was killed.";
    const dying = fakeTrainer((job) =>
      job.id === "toy-r1-ppm"
        ? { kind: "failed", reason: "killed", message, log: "", checkpoint: null }
        : null,
    );
    const outcome = await run.go(undefined, never(), dying);
    expect(outcome).toMatchObject({ kind: "failed" });
    expect(outcome.kind === "failed" && outcome.message).toContain(message);
    const trainer = fakeTrainer();
    expect((await run.go(undefined, never(), trainer)).kind).toBe("finished");
    expect(trainer.jobs.map(({ id }) => id)).toEqual(["toy-r1-ppm", "toy-r2-policy", "toy-r2-ppm"]);
    expect(trainer.jobs.every(({ resume }) => resume)).toBe(true);
  });
});

describe("a run whose folder was moved", () => {
  const one = { rounds: toySettings().rounds.slice(0, 1) };
  const idsOf = ({ jobs }: FakeTrainer): string[] => jobs.map(({ id }) => id);
  const stoppingAtPpm = (): Trainer =>
    fakeTrainer((job) => (job.kind === "ppm" ? { kind: "stopped", step: 0, checkpoint: null } : null));

  it("starts the PPM from its policy, where that is now", async () => {
    const run = await begin(one);
    expect((await run.go(undefined, never(), stoppingAtPpm())).kind).toBe("stopped");
    const moved = path.join(temporaryFolder(), "moved");
    renameSync(run.root, moved);
    const trainer = fakeTrainer();
    const outcome = await continueRun(moved, toyServices(run.home, trainer), never());
    expect(outcome.kind).toBe("finished");
    expect(trainer.jobs.map(({ id, startFrom }) => [id, startFrom])).toEqual([
      ["toy-r1-ppm", path.join(moved, "r1/policy/peft")],
    ]);
  });

  it("takes an adapter that a kill came right after", async () => {
    const run = await begin(one);
    const services = toyServices(run.home, fakeTrainer());
    const now = (): Date => {
      if (existsSync(runFolder(run.root).round(1).result("policy"))) throw new Error("killed");
      return services.now();
    };
    await expect(continueRun(run.root, { ...services, now }, never())).rejects.toThrow("killed");
    const moved = path.join(temporaryFolder(), "moved");
    renameSync(run.root, moved);
    const trainer = fakeTrainer();
    const outcome = await continueRun(moved, toyServices(run.home, trainer), never());
    expect(outcome.kind).toBe("finished");
    expect(idsOf(trainer)).toEqual(["toy-r1-ppm"]);
  });

  it("says so where its policy did not come along, and trains no PPM from the base", async () => {
    const run = await begin(one);
    await run.go(undefined, never(), stoppingAtPpm());
    rmSync(path.join(run.root, "r1/policy/peft"), { recursive: true });
    const trainer = fakeTrainer();
    const outcome = await run.go(undefined, never(), trainer);
    expect(outcome.kind === "failed" && outcome.message).toContain(path.join(run.root, "r1/policy"));
    expect(trainer.jobs).toEqual([]);
  });
});

describe("a stop", () => {
  it("in the middle of a search keeps what is done, and going on ends like a run without it", async () => {
    const whole = await begin();
    await whole.go();
    const run = await begin();
    const controller = new AbortController();
    let proposed = 0;
    const stopped = await run.go((what) => {
      if (what === "propose" && ++proposed === 5) controller.abort();
    }, controller.signal);
    expect(stopped).toMatchObject({
      kind: "stopped",
      state: { status: "stopped", stage: "search", round: 1 },
    });
    expect((await run.go()).kind).toBe("finished");
    expect(await harvest(run)).toEqual(await harvest(whole));
  });

  it("of the training is a stop of the run", async () => {
    const run = await begin();
    const stopping = fakeTrainer(() => ({ kind: "stopped", step: 3, checkpoint: "somewhere" }));
    expect(await run.go(undefined, never(), stopping)).toMatchObject({
      kind: "stopped",
      state: { stage: "train-policy" },
    });
  });
});

describe("what can go wrong", () => {
  it("a trainer that cannot work is told before the first search", async () => {
    const run = await begin();
    const trainer: Trainer = {
      ...fakeTrainer(),
      prepare: () =>
        Promise.resolve({
          kind: "failed",
          reason: "no-python",
          message: "There is no Python.",
          log: "",
          checkpoint: null,
        }),
    };
    const asked: string[] = [];
    expect(await run.go((what) => asked.push(what), never(), trainer)).toEqual({
      kind: "failed",
      message: "There is no Python.",
    });
    expect(asked).toEqual(["prepare"]);
  });

  it("a full disk is told with what to do, and going on searches only what is missing", async () => {
    const whole = await begin();
    await whole.go();
    const run = await begin();
    disk.room = 3;
    expect(await run.go()).toEqual({
      kind: "failed",
      message: `The disk of ${run.root} is full. Everything up to the problem under way is kept; free some space and resume the run.`,
    });
    disk.room = Infinity;
    const kept = await createTraceStore(runFolder(run.root).round(1).traces).query();
    expect(kept.traces).toHaveLength(3);
    expect((await run.go()).kind).toBe("finished");
    // What had been kept would be there twice, had it been searched again.
    expect(await harvest(run)).toEqual(await harvest(whole));
  });

  it("no right solution in any trace: nothing is trained, and the traces are kept", async () => {
    const run = await begin({}, { problems: PROBLEMS.map((problem) => ({ ...problem, answer: "none" })) });
    const outcome = await run.go();
    expect(outcome.kind === "failed" && outcome.message).toContain("no trajectory has the right answer");
    expect((await createTraceStore(runFolder(run.root).round(1).traces).query()).traces.length).toBe(12);
  });

  it("an adapter that came out unusable is kept aside, and the round goes on", async () => {
    const run = await begin();
    const trainer = fakeTrainer((job) =>
      job.id === "toy-r1-policy"
        ? {
            kind: "failed",
            reason: "not-a-number",
            message: "The loss became NaN.",
            log: "",
            checkpoint: null,
          }
        : null,
    );
    const outcome = await run.go(undefined, never(), trainer);
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    expect(outcome.reports[0]?.policy).toMatchObject({ kind: "failed", reason: "not-a-number" });
    expect(outcome.reports[0]?.policyGate).toBeNull();
    expect(outcome.reports[1]?.searchedBy.policy).toBe("base");
  });

  it("a second run with the same data folder is refused while the first goes on", async () => {
    const run = await begin();
    let second: EvolutionOutcome | null = null;
    const trainer = fakeTrainer();
    const outcome = await run.go(undefined, never(), {
      ...trainer,
      train: async (...args) => {
        second ??= await continueRun(run.root, toyServices(run.home, fakeTrainer()), never());
        return await trainer.train(...args);
      },
    });
    expect(outcome.kind).toBe("finished");
    expect(second).toMatchObject({ kind: "failed" });
    expect(JSON.stringify(second)).toContain("Another fine-tuning or evolution is running");
  });

  it("a folder that holds a run already, none, or a damaged one, is told and not touched", async () => {
    const run = await begin();
    const again = await beginRun(
      run.root,
      { id: "other", settings: toySettings(), problems: PROBLEMS },
      new Date(),
    );
    expect(again.kind === "failed" && again.message).toContain("Resume it");
    const empty = await continueRun(temporaryFolder(), toyServices(run.home, fakeTrainer()), never());
    expect(empty.kind === "failed" && empty.message).toContain("holds no run");
    const { state } = runFolder(run.root);
    writeFileSync(state, readFileSync(state, "utf8").slice(0, 100));
    const damaged = await run.go();
    expect(damaged.kind === "failed" && damaged.message).toContain("cannot be read");
    expect(readFileSync(state, "utf8")).toHaveLength(100);
  });

  it("problems longer than the context are left out of the search and count as not right in the comparison", async () => {
    const problems = toyProblems(20);
    const { train, held } = split(problems, toySettings().heldOutShare);
    const long = [...train.slice(0, 6), ...held.slice(0, 1)];
    const run = await begin({ rounds: toySettings().rounds.slice(0, 1) }, { problems });
    const services = toyServices(run.home, fakeTrainer());
    const limited: EvolutionServices = {
      ...services,
      openSearch: async (models, problemsAtOnce, signal) => {
        const open = await services.openSearch(models, problemsAtOnce, signal);
        if (open.kind === "failed") return open;
        const { policy } = open.services;
        const propose: PolicyModel["propose"] = async (requests, inner) => {
          const isLong = long.some(({ problem }) => requests[0]?.prefix[0]?.includes(problem) === true);
          if (isLong) return requests.map(() => ({ kind: "too-long", tokens: 5000, limit: 4096 }));
          return await policy.propose(requests, inner);
        };
        return { ...open, services: { ...open.services, policy: { ...policy, propose } } };
      },
    };
    const outcome = await continueRun(run.root, limited, never(), (event) => run.events.push(event));
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    expect(outcome.reports[0]).toMatchObject({ problems: 6, policyGate: { problems: 8 } });
    expect(outcome.reports[0]?.policyGate?.neither).toBeGreaterThan(0);
    const notes = run.events.flatMap((event) => (event.kind === "note" ? [event.message] : []));
    for (const { id } of train.slice(0, 6))
      expect(notes.filter((note) => note.startsWith(`${id} was left out: `))).toHaveLength(1);
    // By each policy once, and in the comparison of PPMs by the policy of both.
    const name = held[0]?.id ?? "";
    expect(notes.filter((note) => note.startsWith(`${name} counts as not right: `)).length).toBeGreaterThan(
      1,
    );
    expect(notes.join()).toContain("5000 tokens");
    const done = run.events.flatMap((event) =>
      event.kind === "progress" && event.stage === "search" ? [event] : [],
    );
    expect(done.at(-1)).toMatchObject({ done: 12, total: 12 });
  });

  it("models that fail on every problem stop the run instead of skipping everything", async () => {
    const run = await begin();
    const services = toyServices(run.home, fakeTrainer());
    const outcome = await continueRun(
      run.root,
      {
        ...services,
        openSearch: async (models, problemsAtOnce, signal) => {
          const open = await services.openSearch(models, problemsAtOnce, signal);
          if (open.kind === "failed") return open;
          const policy = {
            ...open.services.policy,
            propose: () => Promise.resolve([{ kind: "failed" as const, reason: "out of memory" }]),
          };
          return { ...open, services: { ...open.services, policy } };
        },
      },
      never(),
    );
    expect(outcome.kind === "failed" && outcome.message).toContain("out of memory");
  });
});
