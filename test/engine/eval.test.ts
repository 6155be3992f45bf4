/** The built `rstar eval` with the default model and real Python, on two problems and a tiny budget. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../server/cli/exit.ts";
import { EvaluationReport } from "../../server/evaluation/report-schema.ts";
import { dataHome } from "../../server/models/home.ts";
import { runCommand, type OnOutput } from "../support/command.ts";
import { testModel } from "./engine-model.ts";

// Whose kernels round by batches, unlike those for the quantisation of the small test model.
const MODEL = "rstar-coder-0.5b";
let folder = "";
let problems = "";
const rstar = (args: readonly string[], onOutput?: OnOutput) => runCommand(dataHome(), args, onOutput);

beforeAll(async () => {
  await testModel(MODEL);
  folder = mkdtempSync(path.join(tmpdir(), "rstar-eval-"));
  problems = path.join(folder, "problems.jsonl");
  const lines = [
    {
      id: "pens",
      problem: "Tom has 3 boxes with 12 pens each. How many pens has he?",
      answer: "36",
      level: 1,
    },
    { id: "sum", problem: "What is 20 minus 3?", answer: "17", level: 2 },
  ];
  writeFileSync(problems, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const args = (out: string): string[] => [
  ...["eval", "--problems", problems, "--model", MODEL, "--out", path.join(folder, out)],
  ...["--strategy", "greedy,self-consistency-fixed,mcts:candidates=2", "--budget", "90"],
];

function reportOf(out: string): EvaluationReport {
  return EvaluationReport.parse(JSON.parse(readFileSync(path.join(folder, out, "report.json"), "utf8")));
}

describe("rstar eval", () => {
  it("stopped by Ctrl-C and resumed, finds what an undisturbed run finds", async () => {
    const whole = await rstar(args("whole"));
    expect(whole.code).toBe(EXIT.ok);
    const report = reportOf("whole");
    expect(report.complete).toBe(true);
    expect(report.rows.map(({ name, problems: count }) => [name, count])).toEqual([
      ["greedy", 2],
      ["self-consistency-fixed 90", 2],
      ["mcts:candidates=2 90", 2],
    ]);
    expect(report.settings.models.policy).toMatchObject({ id: MODEL, quantisation: "Q4_K_M" });
    for (const row of report.rows) expect(row.generatedTokens.mean).toBeGreaterThan(0);

    let sent = false;
    const stopped = await rstar([...args("parts"), "--concurrency", "1"], (err, kill) => {
      if (!sent && err.includes("(2/6)")) {
        sent = true;
        kill("SIGINT");
      }
    });
    expect(stopped.code).toBe(EXIT.cancelled);
    expect(stopped.err).toContain("--resume");
    expect(reportOf("parts").complete).toBe(false);

    expect((await rstar(args("parts"))).code).toBe(EXIT.usage);
    expect((await rstar([...args("parts"), "--seed", "2", "--resume"])).err).toContain("seeds: was [1]");
    const resumed = await rstar([...args("parts"), "--resume"]);
    expect(resumed.code).toBe(EXIT.ok);
    expect({ ...reportOf("parts"), measured: null }).toEqual({ ...report, measured: null });

    const before = readFileSync(path.join(folder, "parts", "report.json"), "utf8");
    expect((await rstar(["eval", "--report-only", "--out", path.join(folder, "parts")])).code).toBe(EXIT.ok);
    expect(readFileSync(path.join(folder, "parts", "report.json"), "utf8")).toBe(before);
  });

  it.each([
    [["--strategy", "luck"], EXIT.usage, "Known strategies"],
    [["--budget", "lots"], EXIT.usage, "is no budget"],
    [["--strategy", "weighted-vote"], EXIT.usage, "process preference model"],
    [["--offset", "2"], EXIT.usage, "leaves none"],
    [["--level", "7"], EXIT.usage, "there are the levels 1, 2"],
    [["--problems", "nowhere.jsonl"], EXIT.input, "There is no file"],
  ])("%o is refused before anything is searched", async (wrong, code, words) => {
    const ran = await rstar([...args("refused"), ...wrong]);
    expect(ran.err).toContain(words);
    expect(ran.code).toBe(code);
  });
});
