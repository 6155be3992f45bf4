/** Killed anywhere, an evaluation goes on where it was and ends with the same results. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { openDraws } from "../../../server/evaluation/draws.ts";
import { filesOf, inFolder, type FolderWork } from "../../../server/evaluation/folder.ts";
import { eachLine } from "../../../server/json-lines.ts";
import { readRecords } from "../../../server/evaluation/records.ts";
import { cellCount, evaluate } from "../../../server/evaluation/run.ts";
import type { EvaluationSettings } from "../../../server/evaluation/settings.ts";
import { writeReports } from "../../../server/evaluation/write.ts";
import {
  evaluateInto,
  namingPolicy,
  planFor,
  problemsOf,
  servicesOf,
  sessionOf,
  settingsFor,
} from "./support.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const plan = planFor(problemsOf(4));
/** 4 of greedy, and 2 methods on 4 problems under 2 seeds. */
const SEARCHES = 20;

/** What a report says apart from what was measured. */
async function resultsOf(folder: string): Promise<string> {
  const writing = await writeReports(folder);
  if (writing.kind === "failed") throw new Error(writing.message);
  return JSON.stringify({ ...writing.report, measured: null });
}

describe("an evaluation", () => {
  it("does every search once", async () => {
    const folder = temporaryFolder();
    expect(cellCount(plan)).toBe(SEARCHES);
    expect(await evaluateInto(folder, plan)).toEqual({ end: { kind: "finished" }, searched: SEARCHES });
    expect(await evaluateInto(folder, plan)).toEqual({ end: { kind: "finished" }, searched: 0 });
    expect((await readRecords(filesOf(folder).traces)).outcomes.size).toBe(SEARCHES);
  });

  it("gives the same report on another day, on another machine, with other neighbours", async () => {
    const [one, two] = [temporaryFolder(), temporaryFolder()];
    await evaluateInto(one, plan);
    let clock = 1e12;
    await evaluateInto(two, plan, servicesOf(), {
      now: () => (clock += 1234),
      concurrency: 7,
      session: { machine: "another", commit: null, concurrency: 7 },
    });
    expect(await resultsOf(two)).toBe(await resultsOf(one));
    expect(readFileSync(path.join(two, "report.json"), "utf8")).not.toBe(
      readFileSync(path.join(one, "report.json"), "utf8"),
    );
  });

  it("killed after any byte, it loses at most the search that the byte was of", async () => {
    const whole = temporaryFolder();
    await evaluateInto(whole, plan);
    const expected = await resultsOf(whole);
    const bytes = readFileSync(filesOf(whole).traces);
    const run = readFileSync(filesOf(whole).run);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), async (kept) => {
        const folder = temporaryFolder();
        writeFileSync(filesOf(folder).run, run);
        writeFileSync(filesOf(folder).traces, bytes);
        truncateSync(filesOf(folder).traces, kept);
        const lines = bytes.subarray(0, kept).toString("utf8").split("\n");
        // A line without its end is whole when only the line feed is missing.
        const torn = lines.at(-1) !== "" && bytes[kept] !== 0x0a;
        const done = lines.filter((line) => line !== "").length - (torn ? 1 : 0);
        const { searched } = await evaluateInto(folder, plan);
        expect(searched).toBe(SEARCHES - done);
        expect(await resultsOf(folder)).toBe(expected);
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  it("stopped by the signal, it keeps what was done and goes on", async () => {
    const folder = temporaryFolder();
    const first = await evaluateInto(folder, plan, servicesOf(), { stopAfter: 7 });
    expect(first.end).toEqual({ kind: "stopped" });
    expect(first.searched).toBeGreaterThanOrEqual(7);
    expect(first.searched).toBeLessThan(SEARCHES);
    const report = await writeReports(folder);
    expect(report.kind === "written" && report.report.complete).toBe(false);
    expect(readFileSync(path.join(folder, "report.md"), "utf8")).toContain("Not complete");
    const second = await evaluateInto(folder, plan);
    expect(second).toEqual({ end: { kind: "finished" }, searched: SEARCHES - first.searched });
    const whole = temporaryFolder();
    await evaluateInto(whole, plan);
    expect(await resultsOf(folder)).toBe(await resultsOf(whole));
  });

  it("that a full disk ends loses the search that could not be kept, and does exactly the rest on resume", async () => {
    const folder = temporaryFolder();
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    let kept = 0;
    const beforeKeep = (): void => {
      if (kept === 4) throw full;
      kept++;
    };
    await expect(evaluateInto(folder, plan, servicesOf(), { beforeKeep })).rejects.toBe(full);
    // So much of the fifth found room.
    appendFileSync(filesOf(folder).traces, '{"version":1,"method":"gre');
    expect((await readRecords(filesOf(folder).traces)).outcomes.size).toBe(4);
    const again = await evaluateInto(folder, plan);
    expect(again).toEqual({ end: { kind: "finished" }, searched: SEARCHES - 4 });
    const whole = temporaryFolder();
    await evaluateInto(whole, plan);
    expect(await resultsOf(folder)).toBe(await resultsOf(whole));
  });

  it("that cannot keep a search stops the others, and ends once none is under way", async () => {
    const policy = namingPolicy();
    const propose = policy.propose.bind(policy);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    policy.propose = async (requests, signal) => {
      if (!requests.some(({ prefix }) => prefix.join("").includes("Name the number 0."))) await held;
      return await propose(requests, signal);
    };
    const keep = vi.fn(() => Promise.reject(new Error("no space left on device")));
    const ended = vi.fn();
    const folder = temporaryFolder();
    const ending = evaluate(
      plan,
      new Map(),
      servicesOf(policy),
      { concurrency: 3, session: 0, now: () => 0, keep, openDraws: (name) => openDraws(folder, name) },
      new AbortController().signal,
    );
    ending.then(ended, ended);
    await vi.waitFor(() => expect(keep).toHaveBeenCalled());
    await setImmediate();
    expect(ended).not.toHaveBeenCalled();
    release();
    await expect(ending).rejects.toThrow("no space left");
    expect(keep).toHaveBeenCalledTimes(1);
  });

  it("reads lines that hold a line separator of Unicode, in pieces of any size", async () => {
    const file = path.join(temporaryFolder(), "lines.jsonl");
    const texts = ["a\u2028b\u2029c", "é".repeat(100_000), ""];
    writeFileSync(file, texts.map((text) => `${JSON.stringify(text)}\n`).join("\n"));
    const read: unknown[] = [];
    for await (const { number, record } of eachLine(file, z.string())) read.push([number, record]);
    expect(read).toEqual([
      [1, texts[0]],
      [3, texts[1]],
      [5, texts[2]],
    ]);
  });

  it("says how many lines could not be read, and does their searches again", async () => {
    const folder = temporaryFolder();
    await evaluateInto(folder, plan);
    appendFileSync(filesOf(folder).traces, '{"version":1,"method":"greedy"}\n{"vers');
    const writing = await writeReports(folder);
    expect(writing.kind === "written" && writing.unreadable).toEqual([SEARCHES + 1, SEARCHES + 2]);
  });
});

describe("with shared draws", () => {
  /** A policy that counts what it draws. */
  function counting(): { policy: ReturnType<typeof namingPolicy>; drawn: () => number } {
    const policy = namingPolicy();
    const propose = policy.propose.bind(policy);
    let drawn = 0;
    policy.propose = (requests, signal) => {
      drawn += requests.reduce((sum, { seeds }) => sum + seeds.length, 0);
      return propose(requests, signal);
    };
    return { policy, drawn: () => drawn };
  }
  const methods = { strategy: "self-consistency-fixed,best-of-n,mcts,beam", budget: "2x,8x" };

  it("every method finds what it finds alone, and less is drawn", async () => {
    const [alone, shared] = [temporaryFolder(), temporaryFolder()];
    const [own, once] = [counting(), counting()];
    await evaluateInto(alone, planFor(problemsOf(6), methods), servicesOf(own.policy));
    await evaluateInto(
      shared,
      planFor(problemsOf(6), { ...methods, shareDraws: true }),
      servicesOf(once.policy),
    );
    const [first, second] = [await writeReports(alone), await writeReports(shared)];
    if (first.kind === "failed" || second.kind === "failed") throw new Error("there is no report");
    expect(second.report.rows).toEqual(first.report.rows);
    expect(second.report.comparisons).toEqual(first.report.comparisons);
    expect(once.drawn()).toBeLessThan(own.drawn() / 2);
    expect(second.report.measured.rows).toEqual([]);
    expect(second.pictures.map(({ file }) => file)).not.toContain("accuracy-seconds.svg");
    expect(readFileSync(path.join(shared, "report.md"), "utf8")).toContain("was drawn and scored once");
  });

  it("stopped and resumed it ends the same, and draws nothing twice", async () => {
    const [folder, whole] = [temporaryFolder(), temporaryFolder()];
    const sharing = planFor(problemsOf(4), { ...methods, shareDraws: true });
    const [parts, once] = [counting(), counting()];
    await evaluateInto(folder, sharing, servicesOf(parts.policy), { stopAfter: 9 });
    expect(readdirSync(filesOf(folder).draws).length).toBeGreaterThan(0);
    await evaluateInto(folder, sharing, servicesOf(parts.policy));
    await evaluateInto(whole, sharing, servicesOf(once.policy));
    expect(await resultsOf(folder)).toBe(await resultsOf(whole));
    expect(parts.drawn()).toBe(once.drawn());
    expect(readdirSync(filesOf(folder).draws)).toEqual([]);
  });

  it("goes on with what was kept up to a line torn by a kill", async () => {
    const folder = temporaryFolder();
    const candidate = { text: "x", tokens: 1, logProb: null, finish: { kind: "length" } } as const;
    const first = await openDraws(folder, "one");
    first.candidates.set("a", { candidate, maxTokens: 1 });
    first.scores.set("b", { kind: "score", value: -0.1, evaluatedTokens: 0, reusedTokens: 0 });
    await first.close(false);
    const [name = ""] = readdirSync(folder);
    appendFileSync(path.join(folder, name), '{"kind":"candidate","key":"c","va');
    const second = await openDraws(folder, "one");
    expect(second.candidates.get("a")).toEqual({ candidate, maxTokens: 1 });
    expect(second.scores.get("b")).toMatchObject({ value: -0.1 });
    expect(second.candidates.get("c")).toBeUndefined();
    second.candidates.set("c", { candidate, maxTokens: 2 });
    await second.close(false);
    const third = await openDraws(folder, "one");
    expect(third.candidates.get("c")).toEqual({ candidate, maxTokens: 2 });
    const another = await openDraws(folder, "another");
    expect(another.candidates.get("a")).toBeUndefined();
    await another.close(true);
    await third.close(true);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a search that fails", () => {
  it("counts as not solved, is told, and is tried again on resume", async () => {
    const folder = temporaryFolder();
    const broken = namingPolicy();
    const propose = broken.propose.bind(broken);
    let calls = 0;
    broken.propose = (requests, signal) =>
      ++calls % 5 === 0
        ? Promise.resolve(requests.map(() => ({ kind: "failed" as const, reason: "scripted" })))
        : propose(requests, signal);
    await evaluateInto(folder, plan, servicesOf(broken));
    const before = await writeReports(folder);
    const failed =
      before.kind === "written" ? before.report.rows.reduce((sum, row) => sum + row.failed, 0) : 0;
    expect(failed).toBeGreaterThan(0);
    expect(readFileSync(path.join(folder, "report.md"), "utf8")).toContain("Failed searches");
    const again = await evaluateInto(folder, plan);
    expect(again.searched).toBeGreaterThanOrEqual(failed);
    const after = await writeReports(folder);
    expect(after.kind === "written" && after.report.rows.every((row) => row.failed === 0)).toBe(true);
  });

  it("of greedy leaves the budgets of a row one and the same on resume", async () => {
    const folder = temporaryFolder();
    const broken = namingPolicy();
    const propose = broken.propose.bind(broken);
    let calls = 0;
    broken.propose = (requests, signal) =>
      ++calls === 1 || calls === 20
        ? Promise.resolve(requests.map(() => ({ kind: "failed" as const, reason: "scripted" })))
        : propose(requests, signal);
    const relative = planFor(problemsOf(4), { budget: "3x" });
    await evaluateInto(folder, relative, servicesOf(broken));
    await evaluateInto(folder, relative);
    const { outcomes } = await readRecords(filesOf(folder).traces);
    const others = [...outcomes.values()].filter(({ budget }) => budget !== null);
    expect(others.every(({ stop }) => stop !== "failed")).toBe(true);
    expect(new Set(others.map(({ budgetTokens }) => budgetTokens)).size).toBe(1);
  });

  it("ten times in a row stops the evaluation: it would only fill with failures", async () => {
    const folder = temporaryFolder();
    const dead = namingPolicy();
    dead.propose = (requests) =>
      Promise.resolve(requests.map(() => ({ kind: "failed" as const, reason: "the model is gone" })));
    const { end, searched } = await evaluateInto(folder, planFor(problemsOf(30)), servicesOf(dead));
    expect(end).toMatchObject({ kind: "failing" });
    expect(end.kind === "failing" ? end.reason : "").toContain("the model is gone");
    expect(searched).toBeLessThan(20);
  });
});

describe("a problem that always fails", () => {
  const failing = (fails: (prompt: string) => boolean): ReturnType<typeof namingPolicy> => {
    const policy = namingPolicy();
    const propose = policy.propose.bind(policy);
    policy.propose = (requests, signal) =>
      requests.some(({ prefix }) => fails(prefix.join("")))
        ? Promise.resolve(requests.map(() => ({ kind: "failed" as const, reason: "too long" })))
        : propose(requests, signal);
    return policy;
  };

  it("stops no evaluation, at a resume neither, where its searches come one after another", async () => {
    const folder = temporaryFolder();
    const wide = planFor(problemsOf(3), { budget: "2x,4x,8x", seeds: 3, shareDraws: true });
    const policy = failing((prompt) => prompt.includes("Name the number 1."));
    // Greedy under one seed, two methods under three budgets and three seeds.
    const ofOne = 1 + 2 * 3 * 3;
    const first = await evaluateInto(folder, wide, servicesOf(policy), { concurrency: 1 });
    expect(first).toEqual({ end: { kind: "finished" }, searched: 3 * ofOne });
    const second = await evaluateInto(folder, wide, servicesOf(policy), { concurrency: 1 });
    expect(second).toEqual({ end: { kind: "finished" }, searched: ofOne });
  });
});

describe("the folder of an evaluation", () => {
  const settings = settingsFor(plan);
  const { signal } = new AbortController();

  function open(
    folder: string,
    settings: EvaluationSettings,
    resume: boolean,
    work: () => Promise<void> = () => Promise.resolve(),
  ): Promise<FolderWork<number>> {
    return inFolder(folder, settings, sessionOf(), resume, signal, (session) => work().then(() => session));
  }

  async function refusalOf(folder: string, settings: EvaluationSettings, resume: boolean): Promise<string> {
    const worked = await open(folder, settings, resume);
    return worked.kind === "refused" ? worked.message : "";
  }

  it("is not taken over without being asked to resume", async () => {
    const folder = temporaryFolder();
    await evaluateInto(folder, plan);
    expect(await refusalOf(folder, settings, false)).toContain("--resume");
  });

  it("is not resumed under other settings, and says which differ", async () => {
    const folder = temporaryFolder();
    await evaluateInto(folder, plan);
    const before = readFileSync(filesOf(folder).run, "utf8");
    const other = { ...settings, budgets: ["8x"], seeds: [1] };
    const message = await refusalOf(folder, other, true);
    expect(message).toContain('budgets: was ["4x"], is now ["8x"]');
    expect(message).toContain("seeds: was [1,2], is now [1]");
    expect(message).not.toContain("models");
    expect(readFileSync(filesOf(folder).run, "utf8")).toBe(before);
  });

  it("is not resumed with other levels, where one of the two names none", async () => {
    const folder = temporaryFolder();
    await evaluateInto(folder, plan);
    expect(await refusalOf(folder, { ...settings, levels: ["1"] }, true)).toContain(
      'levels: was null, is now ["1"]',
    );
  });

  it("belongs to one process at a time", async () => {
    const folder = temporaryFolder();
    let end: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    const first = open(folder, settings, true, () => over);
    await vi.waitFor(() => expect(existsSync(filesOf(folder).run)).toBe(true));
    expect(await refusalOf(folder, settings, true)).toContain("Another process");
    end();
    await first;
    expect(await open(folder, settings, true)).toEqual({ kind: "done", value: 1 });
  });

  it("of a process that was just killed is waited for", async () => {
    const folder = temporaryFolder();
    await evaluateInto(folder, plan);
    const lock = `${filesOf(folder).run}.lock`;
    mkdirSync(lock);
    const nineSecondsAgo = Date.now() / 1000 - 9;
    utimesSync(lock, nineSecondsAgo, nineSecondsAgo);
    expect(await open(folder, settings, true)).toEqual({ kind: "done", value: 1 });
  });

  it("with traces of unknown origin, a damaged or a newer run.json is refused", async () => {
    const orphan = temporaryFolder();
    writeFileSync(filesOf(orphan).traces, "");
    expect(await refusalOf(orphan, settings, true)).not.toBe("");
    const damaged = temporaryFolder();
    writeFileSync(filesOf(damaged).run, "{");
    expect(await refusalOf(damaged, settings, true)).not.toBe("");
    writeFileSync(filesOf(damaged).run, '{"version": 99}');
    expect(await refusalOf(damaged, settings, true)).toContain("cannot be read by this version");
    expect(await writeReports(temporaryFolder())).toMatchObject({ kind: "failed" });
  });
});
