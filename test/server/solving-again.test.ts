/** Second attempts, and searches that find no place in the store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { statementHash } from "../../server/document/problems.ts";
import type { Trace } from "../../server/protocol/trace.ts";
import { ServiceUnavailable } from "../../server/services.ts";
import { MARK } from "../../server/search/grammar.ts";
import { solve } from "../../server/search/solve.ts";
import { openTraceFiles, type TraceFiles } from "../../server/traces/files.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../support/fakes.ts";
import type { ClientOptions, TestClient } from "./client.ts";
import { ANSWER, FIRST, gated, multiply, TEXT, until, URI, scriptedClients } from "./scripts.ts";

const client = scriptedClients();

describe("solving again", () => {
  /** The trace that a solve left in the store. */
  async function traceOf(editor: TestClient, outcome: object): Promise<Trace> {
    const id = "traceId" in outcome ? String(outcome.traceId) : "none";
    const [trace] = (await editor.traces.store.query({ id })).traces;
    if (trace === undefined) throw new Error(`${id} is not stored`);
    return trace;
  }
  const attempts = async (editor: TestClient, ...asked: object[]): Promise<Trace[]> => {
    const traces: Trace[] = [];
    for (const more of asked)
      traces.push(await traceOf(editor, await editor.ask("solve", { ...FIRST, ...more })));
    return traces;
  };
  const seeds = (traces: readonly Trace[]): unknown[] => traces.map(({ settings }) => settings["seed"]);

  it.each(["document", "store"])("draws anew each time, and says so (%s)", async (solutionPlacement) => {
    const editor = await client({ settings: { display: { solutionPlacement } } });
    await editor.open(URI, TEXT);
    const first = await editor.ask("solve", FIRST);
    const second = await editor.ask("solve", FIRST);
    const third = await editor.ask("solve", { ...FIRST, overrides: { strategy: "self-consistency" } });
    const traces = await Promise.all([first, second, third].map((outcome) => traceOf(editor, outcome)));
    expect(seeds(traces)[0]).toBe(1);
    expect(new Set(seeds(traces)).size).toBe(3);
    expect(new Set(traces.map(({ nodes }) => JSON.stringify(nodes))).size).toBe(3);
    expect("message" in first && first.message).toMatch(/^Problem 1: /u);
    for (const outcome of [second, third])
      expect("message" in outcome && outcome.message).toMatch(/^Problem 1 \(new attempt\): /u);
  });

  it("spends a budget that is asked for, where the answers agreed before", async () => {
    const services = fakeServices(scriptedPolicy((request) => multiply(request, 2, "What is 6 times 7?")));
    const editor = await client({ services });
    await editor.open(URI, TEXT);
    const overrides = { budgetTokens: 900 };
    const [first, again] = await attempts(editor, { overrides }, { overrides });
    expect(first).toMatchObject({ stop: "settled", settings: { settleConfidence: 0.95 } });
    expect(again).toMatchObject({ stop: "budget", settings: { settleConfidence: 1, budgetTokens: 900 } });
    // Where none is asked for, it is the setting's.
    const [other] = await attempts(editor, {});
    expect(other?.settings["settleConfidence"]).toBe(0.95);
  });

  it("is another attempt at a solution that stands in the document only, but not at one of another text", async () => {
    const elsewhere = await client();
    await elsewhere.open(URI, TEXT);
    await elsewhere.ask("solve", FIRST);
    const editor = await client();
    await editor.open(URI, elsewhere.text(URI));
    const other = "file:///notes/other.md";
    await editor.open(other, elsewhere.text(URI).replace("6 times 7?", "6 times 7, in words?"));
    const traces = await attempts(editor, {}, { uri: other });
    expect(traces.map(({ problem }) => problem.text)).toEqual([
      "What is 6 times 7?",
      "What is 6 times 7, in words?",
    ]);
    expect(seeds(traces)[0]).not.toBe(1);
    expect(seeds(traces)[1]).toBe(1);
  });

  it("is another attempt at what another process stored meanwhile", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    await editor.problems(URI);
    await editor.traces.store.append(
      await solve(
        { id: statementHash("What is 6 times 7?"), text: "What is 6 times 7?", reference: null },
        configOf({ strategy: "greedy" }),
        fakeServices(scriptedPolicy(multiply)),
        { ...STAMP, id: "of-the-command" },
        new AbortController().signal,
      ),
    );
    expect(seeds(await attempts(editor, {}))).not.toEqual([1]);
  });

  it("is another attempt where no answer was found", async () => {
    const services = fakeServices(scriptedPolicy(() => ({ text: "# Fail.\nraise", stop: MARK.endOfCode })));
    const editor = await client({ services });
    await editor.open(URI, TEXT);
    const [first, again] = await attempts(editor, {}, {});
    expect(first).toMatchObject({ chosen: null, settings: { seed: 1 } });
    expect(again?.settings["seed"]).not.toBe(1);
  });

  it("keeps the seed of comparisons, of searches that are gone on with, and one that is named", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    const [, again, mcts, greedy, named] = await attempts(
      editor,
      {},
      {},
      { overrides: { strategy: "mcts", budgetTokens: 400 }, insert: false },
      { overrides: { strategy: "greedy" }, insert: false },
      { overrides: { seed: 1, budgetTokens: 400 } },
    );
    expect([mcts, greedy, named].map((trace) => trace?.settings["seed"])).toEqual([1, 1, 1]);
    expect([mcts, named].map((trace) => trace?.settings["settleConfidence"])).toEqual([0.95, 0.95]);
    const onward = await editor.ask("resume", { traceId: again?.id ?? "", place: FIRST });
    expect((await traceOf(editor, onward)).settings["seed"]).toBe(again?.settings["seed"]);
    expect("message" in onward && onward.message).not.toContain("new attempt");
  });

  it("begins as before where the search before was stopped", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    await editor.ask("cancel", { traceId: "t-1" });
    await solving;
    gate.release();
    expect(seeds(await attempts(editor, {}))).toEqual([1]);
  });
});

describe("a search that cannot be stored", () => {
  /** An editor whose disk is full until there is room. */
  async function crowded(options: Partial<ClientOptions> = {}): Promise<{
    readonly editor: TestClient;
    readonly files: TraceFiles;
    readonly makeRoom: () => void;
  }> {
    const home = mkdtempSync(path.join(tmpdir(), "rstar-full-"));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const files = openTraceFiles(path.join(home, "traces.jsonl"));
    let isFull = true;
    const append: TraceFiles["store"]["append"] = (trace) =>
      isFull
        ? Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }))
        : files.store.append(trace);
    const full = { ...files, store: { ...files.store, append } };
    const editor = await client({ home, editor: { traces: () => Promise.resolve(full) }, ...options });
    await editor.open(URI, TEXT);
    return { editor, files, makeRoom: () => (isFull = false) };
  }
  const why =
    /could not be stored \(ENOSPC.*once the editor is closed.*Free some space or change the setting rstarMath.model.dataFolder/u;
  /** What is only true of what is stored. */
  const untrue = /\bkept\b|nothing is lost/iu;
  const expectTruth = (outcome: object, words: string): void => {
    const message = "message" in outcome ? String(outcome.message) : "";
    expect(message).toContain(words);
    expect(message).toMatch(why);
    expect(message).not.toMatch(untrue);
    expect(outcome).toMatchObject({ unstored: true });
  };

  it("is said to be in the document where its solution is", async () => {
    const { editor, files } = await crowded();
    const outcome = await editor.ask("solve", FIRST);
    expect(outcome).toMatchObject({ kind: "solved", inserted: true });
    expectTruth(outcome, "The solution is below its problem. The search could not be stored");
    expect(editor.text(URI)).toContain(ANSWER);
    expect((await files.store.query()).traces).toEqual([]);
  });

  it("is to be inserted where the settings would keep it in the store, and can be", async () => {
    const { editor } = await crowded({ settings: { display: { solutionPlacement: "store" } } });
    const outcome = await editor.ask("solve", FIRST);
    expect(outcome).toMatchObject({ kind: "solved", inserted: false });
    expectTruth(outcome, "Insert the solution to keep it.");
    expect(await editor.ask("trace", { traceId: "t-1" })).toMatchObject({ kind: "trace" });
    expect(await editor.ask("insertSolution", { traceId: "t-1", place: FIRST })).toMatchObject({
      kind: "done",
    });
    expect(editor.text(URI)).toContain(ANSWER);
  });

  it("is not said to be kept where its solution could not be written either", async () => {
    const { editor } = await crowded({ acceptEdit: () => false });
    expectTruth(await editor.ask("solve", FIRST), "can be inserted until the editor is closed");
  });

  it.each([
    [0, "Problem 1: Stopped. The search could not be stored"],
    [1, "Problem 1: Stopped. Best so far: 42 (2 agree). The search could not be stored"],
  ])("and is stopped after %i waves promises nothing", async (waves, words) => {
    const gate = gated(multiply, waves);
    const { editor } = await crowded({
      services: fakeServices(gate.policy),
      settings: { search: { settleConfidence: 1 } },
    });
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    await editor.ask("cancel", { traceId: "t-1" });
    const outcome = await solving;
    expect(outcome.kind).toBe("cancelled");
    expectTruth(outcome, words);
  });

  it("and fails can be gone on with, which stores it once there is room", async () => {
    const policy = scriptedPolicy(multiply);
    let isBroken = true;
    const propose: typeof policy.propose = (requests, signal) =>
      isBroken
        ? Promise.reject(new ServiceUnavailable("The model is gone."))
        : policy.propose(requests, signal);
    const { editor, files, makeRoom } = await crowded({ services: fakeServices({ ...policy, propose }) });
    const outcome = await editor.ask("solve", FIRST);
    expect(outcome.kind).toBe("failed");
    expectTruth(outcome, "Resume goes on with what was found.");
    isBroken = false;
    makeRoom();
    const onward = await editor.ask("resume", { traceId: "t-1", place: FIRST });
    expect(onward).toMatchObject({ kind: "solved", inserted: true });
    expect(onward).not.toHaveProperty("unstored");
    expect((await files.store.query()).traces.map(({ id }) => id)).toEqual(["t-2"]);
  });
});
