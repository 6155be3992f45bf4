/** What a report says of known results, worked out by hand; its schema; its pictures. */
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { caption, toMarkdown } from "../../../server/evaluation/markdown.ts";
import { drawPictures } from "../../../server/evaluation/pictures.ts";
import { cellName, type SearchOutcome } from "../../../server/evaluation/records.ts";
import { EvaluationReport, reportJsonSchema } from "../../../server/evaluation/report-schema.ts";
import { makeReport } from "../../../server/evaluation/report.ts";
import { settingsHash, type RunFile } from "../../../server/evaluation/settings.ts";
import { planFor, problemsOf, sessionOf, settingsFor } from "./support.ts";

const plan = planFor(problemsOf(4), { strategy: "greedy,mcts,auto", seeds: 2 });
const settings = settingsFor(plan);
const run: RunFile = {
  version: 1,
  settingsSha256: settingsHash(settings),
  settings,
  sessions: [sessionOf()],
};

/** A search whose result is written as `S` strict and lenient, `L` lenient only, `p` wrong but found, `.` wrong. */
function outcome(
  method: string,
  seed: number,
  problem: number,
  result: string,
  tokens: number,
  begun = 0,
): SearchOutcome {
  const isStrict = result === "S";
  const isLenient = isStrict || result === "L";
  return {
    ...{ method, budget: method === "greedy" ? null : "4x", seed, problem: `p${problem}` },
    ...{ session: 0, begun, budgetTokens: 400, stop: "budget", failure: null },
    grading: {
      strict: isStrict ? "equal" : "different",
      lenient: isLenient ? "equal" : "different",
      anyStrict: isStrict || result === "p",
      anyLenient: isLenient || result === "p",
    },
    trajectories: { started: 4, finished: 3 },
    cost: { generatedTokens: tokens, evaluatedTokens: 10, ppmTokens: 0, sandboxMs: 500 },
    ms: { total: 2000, policy: 1000, ppm: 0, sandbox: 500, grading: 0 },
  };
}

/** A session that searched nothing. */
function idle(session: RunFile["sessions"][number]): EvaluationReport["measured"]["sessions"][number] {
  return { ...session, searches: [] };
}

function outcomes(rows: readonly (readonly [string, number, string, number])[]): Map<string, SearchOutcome> {
  const all = rows.flatMap(([method, seed, results, tokens]) =>
    Array.from(results).flatMap((result, problem) =>
      result === "?" ? [] : [outcome(method, seed, problem, result, tokens + problem)],
    ),
  );
  return new Map(all.map((one) => [cellName(one), one]));
}

const DONE = outcomes([
  ["greedy", 1, "S...", 100],
  ["mcts", 1, "SS.p", 400],
  ["mcts", 2, "S..L", 400],
  ["auto", 1, "SSSS", 200],
  ["auto", 2, "SSSS", 200],
]);

describe("a report", () => {
  const report = makeReport(run, DONE);
  const row = (name: string) => report.rows.find((one) => one.name === name);
  const pair = (first: string, second: string) =>
    report.comparisons.find((one) => one.first === first && one.second === second);

  it("fits its schema, and the schema in the docs is that schema", async () => {
    expect(EvaluationReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    // After a change of the schema (and of REPORT_VERSION): npx vitest run --project unit test/unit/evaluation -u
    await expect(reportJsonSchema()).toMatchFileSnapshot("../../../docs/report.schema.json");
  });

  it("has greedy once and the others for every budget", () => {
    expect(report.rows.map(({ name }) => name)).toEqual(["greedy", "mcts 4x", "auto 4x"]);
    expect(row("greedy")?.seeds).toEqual([1]);
    expect(row("mcts 4x")?.seeds).toEqual([1, 2]);
    expect(report.complete).toBe(true);
    expect(report.greedyTokens).toBe(101.5);
  });

  it("averages over problems and tells seeds, graders and pass@N apart", () => {
    expect(row("mcts 4x")).toMatchObject({
      problems: 4,
      strict: { mean: 0.375, bySeed: [0.5, 0.25] },
      lenient: { mean: 0.5, bySeed: [0.5, 0.5] },
      passAtN: { mean: 0.5, bySeed: [0.75, 0.25] },
      generatedTokens: { mean: 401.5, median: 401, max: 403 },
      generatedFlops: 2 * 1000 * 401.5,
      trajectories: { started: 4, finished: 3 },
      answered: 1,
      stops: { budget: 8 },
      missing: 0,
    });
  });

  it("splits by level", () => {
    // Levels 1 and 2 in turn: problems 0 and 2, 1 and 3.
    expect(
      row("mcts 4x")?.byLevel.map(({ level, problems, strict }) => [level, problems, strict.mean]),
    ).toEqual([
      ["1", 2, 0.5],
      ["2", 2, 0.25],
    ]);
  });

  it("compares on the same problems under the same seed, greedy standing for every seed", () => {
    const autoGreedy = pair("auto 4x", "greedy");
    expect(autoGreedy).toMatchObject({ problems: 4, difference: 0.75 });
    expect(autoGreedy?.mcNemar).toEqual([
      { seed: 1, both: 1, onlyFirst: 3, onlySecond: 0, neither: 0, p: 0.25 },
      { seed: 2, both: 1, onlyFirst: 3, onlySecond: 0, neither: 0, p: 0.25 },
    ]);
    const autoMcts = pair("auto 4x", "mcts 4x");
    expect(autoMcts?.difference).toBe(0.625);
    expect(autoMcts?.mcNemar.map(({ onlyFirst, onlySecond }) => [onlyFirst, onlySecond])).toEqual([
      [2, 0],
      [3, 0],
    ]);
  });

  it("tests all seeds of a pair at once, and corrects that for all pairs", () => {
    // Differences of the problems, times two seeds: mcts and greedy 0 1 0 0, auto and greedy 0 2 2 2, auto and mcts
    // 0 1 2 2. All signs alike have a chance of 2 / 2^n; those of 1, 2 and 2 reach 5 no other way.
    expect(report.comparisons.map(({ first, second, p }) => [first, second, p])).toEqual([
      ["mcts 4x", "greedy", 1],
      ["auto 4x", "greedy", 0.25],
      ["auto 4x", "mcts 4x", 0.25],
    ]);
    expect(report.comparisons.map(({ holm }) => holm)).toEqual([1, 0.75, 0.75]);
    expect(toMarkdown(report, [])).toMatch(
      /\| auto 4x \| mcts 4x \| 4 \| .* \| p = 0\.250 \| p = 0\.750 \|/u,
    );
  });

  it("tests what the difference is of, also where seeds stand on different problems", () => {
    const partial = makeReport(
      run,
      outcomes([
        ["mcts", 1, "....", 400],
        ["mcts", 2, "..??", 400],
        ["auto", 1, "SS.S", 200],
        ["auto", 2, ".S??", 200],
      ]),
    );
    const both = partial.comparisons.find(({ first, second }) => first === "auto 4x" && second === "mcts 4x");
    // 1/2, 1, 0 and 1: all signs alike, or 2 / 2^3.
    expect(both).toMatchObject({ difference: 0.625, p: 0.25 });
  });

  it("under one seed has McNemar's p", () => {
    const single = makeReport(
      { ...run, settings: settingsFor(planFor(problemsOf(4), { strategy: "greedy,auto", seeds: 1 })) },
      DONE,
    );
    expect(single.comparisons.map(({ p, mcNemar }) => [p, mcNemar.map((one) => one.p)])).toEqual([
      [0.25, [0.25]],
    ]);
  });

  it("counts what a PPM reads as computed, in what is marked too", () => {
    const plan = planFor(problemsOf(4), { strategy: "greedy,mcts,mcts:ppm=none" });
    const settings = settingsFor(plan);
    const ppm = { ...settings.models.policy, id: "ppm", parameters: 500 };
    const priced = makeReport(
      { ...run, settings: { ...settings, models: { ...settings.models, ppm } } },
      outcomes([
        ["greedy", 1, "S...", 100],
        ["mcts", 1, "SS..", 400],
        ["mcts", 2, "SS..", 400],
        ["mcts:ppm=none", 1, "SS..", 410],
        ["mcts:ppm=none", 2, "SS..", 410],
      ]),
    );
    expect(priced.rows.map(({ generatedFlops }) => generatedFlops)).toEqual([
      2 * 1000 * 101.5,
      2 * 1500 * 401.5,
      2 * 1000 * 411.5,
    ]);
    expect(priced.rows.map(({ onFrontier }) => onFrontier)).toEqual([true, false, true]);
  });

  it("marks what nothing beats", () => {
    expect(report.rows.map(({ onFrontier }) => onFrontier)).toEqual([true, false, true]);
  });

  it("keeps what was measured apart", () => {
    expect(report.measured.seconds).toBe(2);
    // Twenty searches side by side for two seconds.
    expect(report.measured.rows[0]).toMatchObject({
      searches: 4,
      seconds: 0.1,
      latency: { mean: 2, median: 2, p90: 2 },
      waiting: { policy: 1, ppm: 0, sandbox: 0.5, grading: 0 },
      evaluatedTokens: 10,
      sandboxSeconds: 0.5,
      flops: 2 * 1000 * 111.5,
    });
  });

  it("of a run under way counts what is there and compares only what both have", () => {
    const partial = makeReport(
      run,
      outcomes([
        ["greedy", 1, "S...", 100],
        ["mcts", 1, "SS.?", 400],
        ["auto", 1, "SS??", 200],
      ]),
    );
    expect(partial.complete).toBe(false);
    const [, mcts, auto] = partial.rows;
    expect(mcts).toMatchObject({ problems: 3, missing: 5, strict: { mean: 2 / 3, bySeed: [2 / 3, null] } });
    expect(auto).toMatchObject({ problems: 2, missing: 6, strict: { mean: 1 } });
    const both = partial.comparisons.find(({ first, second }) => first === "auto 4x" && second === "mcts 4x");
    expect(both).toMatchObject({ problems: 2, difference: 0 });
    const text = toMarkdown(partial, []);
    expect(text).toMatch(/\| mcts 4x +\| 3 +\| 66\.7% /u);
    expect(text).toContain("66.7% (3) –");
    expect(partial.rows.some(({ onFrontier }) => onFrontier)).toBe(false);
    expect(partial.measured.rows.some(({ onTimeFrontier }) => onTimeFrontier)).toBe(false);
  });

  it("counts a search that failed as not solved, whatever it had found", () => {
    const failed = outcome("mcts", 1, 0, "S", 400);
    const mixed = makeReport(run, new Map([...DONE, [cellName(failed), { ...failed, stop: "failed" }]]));
    const mcts = mixed.rows.find(({ method }) => method === "mcts");
    expect(mcts?.failed).toBe(1);
    expect(mcts?.strict.bySeed).toEqual([0.25, 0.25]);
    expect(mcts?.passAtN.bySeed).toEqual([0.5, 0.25]);
  });

  it("says with each seed on how many problems it stands while searches are missing", () => {
    const half = makeReport(
      run,
      outcomes([
        ["mcts", 1, "SS..", 400],
        ["mcts", 2, "S???", 400],
      ]),
    );
    expect(half.rows.find(({ method }) => method === "mcts")?.searchedBySeed).toEqual([4, 1]);
    expect(toMarkdown(half, [])).toContain("50.0% (4) 100.0% (1)");
  });

  it("says first when several machines or commits took part", () => {
    expect(toMarkdown(report, [])).not.toContain("**Mixed:**");
    const sessions = [sessionOf(), { ...sessionOf(), machine: "another", commit: "def" }];
    const text = toMarkdown(makeReport({ ...run, sessions }, DONE), []);
    expect(text).toContain("**Mixed:** 2 commits of the program and 2 machines");
  });

  it("of nothing at all is still a report", async () => {
    const empty = makeReport(run, new Map());
    expect(empty.rows.some(({ onFrontier }) => onFrontier)).toBe(false);
    expect(empty.measured.rows.some(({ onTimeFrontier }) => onTimeFrontier)).toBe(false);
    expect(empty.rows.every(({ problems }) => problems === 0)).toBe(true);
    expect(await drawPictures(empty)).toEqual([]);
    expect(toMarkdown(empty, [])).toContain("Not complete");
    expect(toMarkdown(empty, [])).toContain("| mcts 4x | – | – |");
  });

  it("in words names every row and all that is needed to run it again", () => {
    const text = toMarkdown(report, []);
    for (const { name } of report.rows) expect(text).toContain(`| ${name} |`);
    for (const fact of [
      "Q4_K_M",
      "commit abc",
      "2 threads",
      "rstar eval",
      settings.problemsSha256,
      "seeds: 1, 2",
    ])
      expect(text).toContain(fact);
    const some = { ...report, settings: { ...settings, levels: ["1", "3"] } };
    expect(toMarkdown(some, [])).toContain(`${settings.problems.length} problems of level 1, 3`);
  });

  it("says with each level on how many problems it stands while searches are missing", () => {
    expect(toMarkdown(report, [])).toContain("| method | 1 (2) | 2 (2) |");
    const half = toMarkdown(
      makeReport(
        run,
        outcomes([
          ["greedy", 1, "S...", 100],
          ["mcts", 1, "SS.?", 400],
          ["auto", 1, "S???", 200],
        ]),
      ),
      [],
    );
    expect(half).toContain("| method | 1 | 2 |");
    expect(half).toContain("| greedy | 50.0% / 50.0% (2) | 0.0% / 0.0% (2) |");
    expect(half).toContain("| mcts 4x | 50.0% / 50.0% (2) | 100.0% / 100.0% (1) |");
    expect(half).toContain("| auto 4x | 100.0% / 100.0% (1) | – |");
  });

  it("says which session did what, and how often two took part in what methods share", () => {
    const shared = { ...settings, sharedDraws: true };
    const sessions = [sessionOf(), sessionOf({ commit: "b".repeat(40) })];
    const done = new Map(
      [...DONE].map(([name, one]) => [
        name,
        { ...one, session: one.seed === 2 || (one.method === "auto" && one.problem === "p3") ? 1 : 0 },
      ]),
    );
    const two = makeReport({ ...run, settings: shared, sessions }, done);
    expect(two.measured.splitGroups).toEqual({ split: 1, all: 8 });
    const text = toMarkdown(two, []);
    expect(text).toContain("Of 8 problems under a seed 1 were searched in more than one session");
    expect(text).toMatch(/- session 1,.*; 4 searches by greedy, 7 others: 7 under seed 1$/mu);
    expect(text).toMatch(/- session 2,.*; 0 searches by greedy, 9 others: 1 under seed 1, 8 under seed 2$/mu);
    const whole = toMarkdown(makeReport({ ...run, settings: shared }, DONE), []);
    expect(whole).toContain(
      "Answers and generated tokens are what each would have had alone, steps at the very limit of time or memory aside.",
    );
  });

  it("says how searches ended, and that N counts answers", () => {
    const text = toMarkdown(report, []);
    expect(text).toContain("| mcts 4x | 400 | 100.0% | 8 | 4.0 | 3.0 |");
    expect(text).toMatch(/^\| mcts 4x \|.*% \| 3\.0 \|/mu);
  });

  it("names in its pictures the adapters that were used and a working tree that was changed", () => {
    const { policy } = settings.models;
    const adapter = { id: "tuned-r1", sha256: "ab".repeat(32) };
    const commit = "0123456789abcdef+";
    const about = caption({
      ...report,
      settings: {
        ...settings,
        models: {
          policy: { ...policy, adapter },
          ppm: { ...policy, id: "own", quantisation: null, adapter: { ...adapter, id: "own" } },
        },
      },
      measured: {
        ...report.measured,
        sessions: [sessionOf({ commit }), sessionOf({ commit: null })].map(idle),
      },
    });
    expect(about).toContain("scripted Q4_K_M tuned-r1 ababababab · PPM own ababababab ·");
    expect(about).toContain("commit 0123456789+ not known");
    expect(caption(report)).toContain(`scripted Q4_K_M ${"0".repeat(10)} · no PPM`);
  });

  it("breaks what its pictures say below them into lines that fit", async () => {
    const sessions = Array.from({ length: 9 }, (_, index) =>
      idle(sessionOf({ commit: `${index}`.repeat(40) })),
    );
    const manySets = { ...settings, set: "a set of problems with a name that is long ".repeat(3) };
    const [picture] = await drawPictures({
      ...report,
      settings: manySets,
      measured: { ...report.measured, sessions },
    });
    const lines = [...(picture?.svg ?? "").matchAll(/font-size="9" opacity="0.8">([^<]*)</gu)].map(
      ([, line = ""]) => line,
    );
    expect(lines.join(" · ")).toBe(
      caption({ ...report, settings: manySets, measured: { ...report.measured, sessions } }),
    );
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(150);
  });

  it("has pictures with a name for every method, for light and dark backgrounds", async () => {
    const pictures = await drawPictures(report);
    expect(pictures.map(({ file }) => file)).toEqual([
      "accuracy-tokens.svg",
      "accuracy-seconds.svg",
      "pass-at-n.svg",
      "by-level.svg",
    ]);
    for (const { svg } of pictures) {
      const { document } = parseHTML(svg) as unknown as {
        readonly document: { readonly documentElement: { readonly textContent: string } };
      };
      const text = document.documentElement.textContent;
      for (const { method } of report.rows) expect(text).toContain(method);
      expect(svg).toContain("prefers-color-scheme: dark");
      expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"');
      expect(svg).not.toMatch(/NaN|undefined|⚠/u);
    }
    expect(await drawPictures(report)).toEqual(pictures);
  });
});
