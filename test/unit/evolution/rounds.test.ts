/** Rounds: what each stage hands on, the gate and the lineage, and going on after a kill at every boundary. */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EvolutionEvent } from "../../../server/protocol/run-output.ts";
import type { EvolutionServices } from "../../../server/evolution/context.ts";
import { earlierSearches } from "../../../server/evolution/earlier.ts";
import { split } from "../../../server/evolution/problems.ts";
import {
  beginRun,
  continueRun,
  type Continuation,
  type EvolutionOutcome,
  type NewRun,
} from "../../../server/evolution/rounds.ts";
import { readSelection, runFolder } from "../../../server/evolution/run-folder.ts";
import { inUse, readLineage } from "../../../server/models/adapters.ts";
import type { Lineage } from "../../../server/protocol/evolution.ts";
import type { PolicyModel, Trainer } from "../../../server/services.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { fakeTrainer, type FakeTrainer } from "../../support/fake-trainer.ts";
import { BASE_SHA, temporaryFolder, toyProblems, toyServices, toySettings, type Boundary } from "./worlds.ts";

const never = (): AbortSignal => new AbortController().signal;
const PROBLEMS = toyProblems(10);

interface Run {
  readonly root: string;
  readonly home: string;
  readonly go: (
    boundary?: Boundary,
    signal?: AbortSignal,
    trainer?: Trainer,
    continuation?: Continuation,
  ) => Promise<EvolutionOutcome>;
  readonly events: EvolutionEvent[];
}

async function begin(
  changes: Parameters<typeof toySettings>[0] = {},
  more: Partial<NewRun> = {},
): Promise<Run> {
  const root = temporaryFolder();
  const home = temporaryFolder();
  const begun = await beginRun(
    root,
    { id: "toy", settings: toySettings(changes), problems: PROBLEMS, ...more },
    new Date(Date.UTC(2026, 0, 1)),
  );
  expect(begun.kind).toBe("begun");
  const events: EvolutionEvent[] = [];
  return {
    ...{ root, home, events },
    go: (boundary, signal = never(), trainer = fakeTrainer(), continuation = {}) =>
      continueRun(
        root,
        toyServices(home, trainer, boundary),
        signal,
        (event) => events.push(event),
        continuation,
      ),
  };
}

async function lineageOf(home: string): Promise<Lineage> {
  const reading = await readLineage(home);
  if (reading.kind !== "lineage") throw new Error("the lineage cannot be read");
  return reading.lineage;
}

/** What a run leaves, apart from times: the adapters' bytes, what is in use, and every search once. */
async function harvest({ root, home }: Run) {
  const lineage = await lineageOf(home);
  const traces = await Promise.all(
    [1, 2].map(async (round) => (await createTraceStore(runFolder(root).round(round).traces).query()).traces),
  );
  return {
    adapters: lineage.entries.map(({ id, sha256, gate }) => ({ id, sha256, adopted: gate?.adopted })),
    policy: inUse(lineage, "policy", BASE_SHA),
    ppm: inUse(lineage, "ppm", BASE_SHA),
    traces: traces.map((own) => own.map(({ id }) => id).sort()),
  };
}

describe("a run", () => {
  it("searches, trains from the base, compares and adopts, round after round", async () => {
    const run = await begin();
    const trainer = fakeTrainer();
    const outcome = await run.go(undefined, never(), trainer);
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    const [first, second] = outcome.reports;
    expect(outcome.reports).toHaveLength(2);
    expect(first?.searchedBy).toEqual({ policy: "base", ppm: null });
    expect(first?.policyGate).toMatchObject({
      problems: 4,
      strategy: "greedy",
      incumbent: null,
      adopted: true,
    });
    expect(second?.searchedBy).toEqual({ policy: "toy-r1-policy", ppm: null });
    // From the base in every round; the PPM from the round's policy.
    expect(trainer.jobs.map(({ id, startFrom }) => [id, startFrom])).toEqual([
      ["toy-r1-policy", null],
      ["toy-r1-ppm", path.join(run.root, "r1/policy/peft")],
      ["toy-r2-policy", null],
      ["toy-r2-ppm", path.join(run.root, "r2/policy/peft")],
    ]);
    for (const job of trainer.jobs) expect(job.base.gguf.sha256).toBe(BASE_SHA);
    // The tuned policy covers more of the same problems.
    const solved = outcome.reports.map(({ selection }) => selection.coverage.at(-1));
    expect(solved.map((row) => row?.problems)).toEqual([6, 6]);
    const [before, after] = outcome.reports.map(({ selection }) => selection.trajectories);
    expect((after?.right ?? 0) / (after?.all ?? 1)).toBeGreaterThan(
      (before?.right ?? 0) / (before?.all ?? 1),
    );
    expect((await lineageOf(run.home)).entries.map(({ id }) => id)).toEqual([
      "toy-r1-policy",
      "toy-r1-ppm",
      "toy-r2-policy",
      "toy-r2-ppm",
    ]);
  });

  it("never trains on a held-out problem", async () => {
    const run = await begin();
    await run.go();
    const folder = runFolder(run.root);
    const { held } = JSON.parse(readFileSync(folder.problems, "utf8")) as { held: { id: string }[] };
    expect(held).toHaveLength(4);
    for (const round of [1, 2])
      for (const role of ["policy", "ppm"] as const)
        for (const { id } of held)
          expect(readFileSync(folder.round(round).data(role, "train"), "utf8")).not.toContain(`"${id}"`);
  });

  it("gives what is unsolved another search with a new seed, and nothing else", async () => {
    const run = await begin();
    await run.go();
    const { traces } = await createTraceStore(runFolder(run.root).round(1).traces).query();
    const second = traces.filter(({ id }) => id.startsWith("toy-r1-1-"));
    for (const trace of second) {
      const first = traces.find(({ id }) => id === `toy-r1-0-${trace.problem.id}`);
      expect(first?.nodes.some(({ graded }) => graded === "equal")).toBe(false);
      expect(trace.settings["seed"]).not.toBe(first?.settings["seed"]);
    }
    const unsolved = traces.filter(
      ({ id, nodes }) => id.startsWith("toy-r1-0-") && !nodes.some(({ graded }) => graded === "equal"),
    );
    expect(second.length).toBe(unsolved.length);
  });

  it("lets the first trained PPM guide the round that is planned so", async () => {
    const settings = toySettings();
    const run = await begin({
      rounds: settings.rounds.map((plan, index) => ({
        ...plan,
        annotation: index === 0 ? "terminal-guided" : "ppm-augmented",
      })),
      // Any PPM is adopted that makes the vote right more often.
      gateTokens: 4000,
    });
    const outcome = await run.go();
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    const adopted = outcome.reports[0]?.ppmGate?.adopted === true;
    expect(outcome.reports[1]?.searchedBy.ppm).toBe(adopted ? "toy-r1-ppm" : null);
    const { traces } = await createTraceStore(runFolder(run.root).round(2).traces).query();
    expect(traces.every(({ models }) => (models.ppm !== null) === adopted)).toBe(true);
  });

  it("gets rounds that are added later as if it had had them from the beginning", async () => {
    const { rounds } = toySettings();
    const whole = await begin();
    await whole.go();
    const run = await begin({ rounds: rounds.slice(0, 1) });
    expect(await run.go()).toMatchObject({ kind: "finished", reports: [{ round: 1 }] });
    const outcome = await run.go(undefined, never(), fakeTrainer(), { rounds: () => rounds });
    expect(outcome).toMatchObject({ kind: "finished", reports: [{ round: 1 }, { round: 2 }] });
    expect(await harvest(run)).toEqual(await harvest(whole));
  });

  it("takes searches of an earlier run in place of its own, published ones too, and searches what they lack", async () => {
    const one = toySettings()
      .rounds.slice(0, 1)
      .map((plan) => ({ ...plan, ladder: [] }));
    const before = await begin({ rounds: one });
    await before.go();
    const { traces } = await createTraceStore(runFolder(before.root).round(1).traces).query();
    const [first, ...others] = traces;
    if (first === undefined) throw new Error("nothing was searched");
    const published = others.map((trace) => ({
      ...trace,
      problem: { ...trace.problem, id: "elsewhere", text: "", reference: null },
    }));
    const ungraded = { ...first, nodes: first.nodes.map((node) => ({ ...node, graded: null })) };
    const run = await begin(
      { rounds: one },
      { id: "next", traces: [...published, ungraded, ...published.slice(0, 1)] },
    );
    expect(await run.go()).toMatchObject({ kind: "finished" });
    const { traces: now } = await createTraceStore(runFolder(run.root).round(1).traces).query();
    const names = others.map(({ problem }) => `next-r1-0-${problem.id}`);
    expect(now.map(({ id }) => id).sort()).toEqual(
      [...names, `${names[0]}-earlier-1`, `next-r1-0-${first.problem.id}`].sort(),
    );
    for (const trace of others) {
      const taken = now.find(({ id }) => id === `next-r1-0-${trace.problem.id}`);
      expect(taken).toEqual({ ...trace, id: taken?.id });
    }
    // The one whose answers were never graded was left out, and its problem searched by the run itself.
    const again = now.find(({ id }) => id === `next-r1-0-${first.problem.id}`);
    expect(again?.nodes.some(({ graded }) => graded !== null)).toBe(true);
  });

  it("trains on what is searched so far when it is told to, and searches everything in the next round", async () => {
    const run = await begin();
    const stop = new AbortController();
    let proposed = 0;
    const stopped = await run.go((what) => {
      if (what === "propose" && ++proposed === 20) stop.abort();
    }, stop.signal);
    expect(stopped).toMatchObject({ kind: "stopped", state: { stage: "search" } });
    const searched = async (round: number): Promise<number> =>
      new Set(
        (await createTraceStore(runFolder(run.root).round(round).traces).query()).traces.map(
          ({ problem }) => problem.id,
        ),
      ).size;
    const before = await searched(1);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(6);
    const outcome = await run.go(undefined, never(), fakeTrainer(), { trainNow: true });
    expect(outcome).toMatchObject({ kind: "finished", reports: [{ problems: before }, { problems: 6 }] });
    expect([await searched(1), await searched(2)]).toEqual([before, 6]);
  });

  it("takes a search that was gone on with once, in its newest form", async () => {
    const before = await begin();
    await before.go();
    const { traces } = await createTraceStore(runFolder(before.root).round(1).traces).query();
    const [first, other] = traces.filter(({ id }) => id.startsWith("toy-r1-0-"));
    if (first === undefined || other === undefined) throw new Error("nothing was searched");
    const later = { ...first, id: "later", continues: first.id, createdAt: "2026-03-01T00:00:00.000Z" };
    const { train } = split(PROBLEMS, toySettings().heldOutShare, toySettings().seed);
    const taken = earlierSearches("next", [first, later, other], train);
    expect(taken.map(({ id, createdAt }) => [id, createdAt]).sort()).toEqual(
      [
        [`next-r1-0-${first.problem.id}`, later.createdAt],
        [`next-r1-0-${other.problem.id}`, other.createdAt],
      ].sort(),
    );
  });

  it("takes no search that was graded against another answer", async () => {
    const before = await begin();
    await before.go();
    const { traces } = await createTraceStore(runFolder(before.root).round(1).traces).query();
    const corrected = PROBLEMS.map((problem) => ({ ...problem, answer: "1" }));
    expect(earlierSearches("next", traces, PROBLEMS)).toHaveLength(traces.length);
    expect(earlierSearches("next", traces, corrected)).toEqual([]);
  });

  it("told to train before anything is solved, says so and goes on searching when it is resumed", async () => {
    const whole = await begin();
    await whole.go();
    const run = await begin();
    const stop = new AbortController();
    const stopped = await run.go((what) => {
      if (what === "propose") stop.abort();
    }, stop.signal);
    expect(stopped).toMatchObject({ kind: "stopped", state: { stage: "search" } });
    const early = await run.go(undefined, never(), fakeTrainer(), { trainNow: true });
    expect(early.kind === "failed" && early.message).toContain("None of the 0 traces");
    expect(early.kind === "failed" && early.message).toContain("Resuming the run searches what is missing");
    expect((await run.go()).kind).toBe("finished");
    expect(await harvest(run)).toEqual(await harvest(whole));
  });

  it("trains on the traces of all rounds so far where it is set to", async () => {
    const own = await begin();
    await own.go();
    const all = await begin({ selection: { ...toySettings().selection, rounds: "all" } });
    await all.go();
    const used = async ({ root }: Run): Promise<(number | null)[]> =>
      await Promise.all(
        [1, 2].map(async (round) => {
          const selection = await readSelection(runFolder(root).round(round));
          return selection.kind === "read" ? selection.value.used : null;
        }),
      );
    const [first, second] = await used(own);
    expect(await used(all)).toEqual([first, (first ?? 0) + (second ?? 0)]);
  });

  it("keeps the searches by which a PPM was compared, one of each held-out problem, for measuring it", async () => {
    const run = await begin();
    await run.go();
    const folder = runFolder(run.root);
    const { held } = JSON.parse(readFileSync(folder.problems, "utf8")) as { held: { id: string }[] };
    const { traces } = await createTraceStore(folder.round(1).heldOutTraces).query();
    expect(traces.map(({ problem }) => problem.id).sort()).toEqual(held.map(({ id }) => id).sort());
    expect(traces.every(({ models }) => models.ppm !== null)).toBe(true);
  });

  it("has to beat what was in use when it began, not only the base", async () => {
    const run = await begin({ gateLevel: 0 }, { inUse: { policy: "shipped", ppm: null } });
    const outcome = await run.go();
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    expect(outcome.reports[0]).toMatchObject({
      searchedBy: { policy: "base" },
      policyGate: { incumbent: "shipped", adopted: false },
    });
    expect(outcome.reports[1]?.searchedBy.policy).toBe("shipped");
  });

  it("keeps an adapter aside that is not better, and says why", async () => {
    const run = await begin({ gateLevel: 0 });
    const outcome = await run.go();
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    expect(outcome.reports[0]?.policyGate).toMatchObject({ adopted: false });
    expect(outcome.reports[0]?.policyGate?.why).toMatch(/^kept aside: \d of 4 held-out problems/u);
    expect(outcome.reports[1]?.searchedBy.policy).toBe("base");
    const lineage = await lineageOf(run.home);
    expect(lineage.uses).toEqual([]);
    expect(lineage.entries).toHaveLength(4);
  });
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
    const { train, held } = split(problems, toySettings().heldOutShare, toySettings().seed);
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
