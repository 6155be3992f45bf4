/** Rounds: what each stage hands on, the gate and the lineage. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { earlierSearches } from "../../../server/evolution/earlier.ts";
import { split } from "../../../server/evolution/problems.ts";
import { readSelection, runFolder } from "../../../server/evolution/run-folder.ts";
import { addAdapter, chooseAdapter } from "../../../server/models/adapters.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { fakeTrainer } from "../../support/fake-trainer.ts";
import { AT, trainedEntry } from "../models/adapter-entry.ts";
import { BASE_SHA, toySettings } from "./worlds.ts";
import { never, PROBLEMS, type Run, begin, lineageOf, harvest } from "./toy-run.ts";

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
    const { train } = split(PROBLEMS, toySettings().heldOutShare);
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

  it("has to beat what a person or another run put to use since", async () => {
    const run = await begin({ gateLevel: 0 });
    const file = path.join(run.home, "other.gguf");
    const content = Buffer.from("other");
    writeFileSync(file, content);
    const base = { id: "base", sha256: BASE_SHA };
    const [signal, choice] = [
      new AbortController().signal,
      { role: "policy", baseSha256: BASE_SHA } as const,
    ];
    await addAdapter(run.home, file, trainedEntry("other", content, { base }), signal);
    await chooseAdapter(run.home, { ...choice, adapter: "other" }, "by hand", AT, signal);
    const outcome = await run.go();
    if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
    expect(outcome.reports[0]?.policyGate).toMatchObject({ incumbent: "other", adopted: false });
    expect(outcome.reports[1]?.searchedBy.policy).toBe("other");
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
