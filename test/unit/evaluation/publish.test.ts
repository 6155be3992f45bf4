/** Published evaluations: the same report from compressed traces, with nothing of the problems and no one's folders in them. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { addResults, withoutFolders, writeResultsPage } from "../../../server/evaluation/publish.ts";
import { writeReports } from "../../../server/evaluation/write.ts";
import { evaluateInto, planFor, problemsOf, servicesOf } from "./support.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("published results", () => {
  it("give the same report from compressed traces without the problems", async () => {
    const [run, results] = [temporaryFolder(), temporaryFolder()];
    await evaluateInto(run, planFor(problemsOf(3)), servicesOf(), {
      session: { command: ["rstar", "eval", "--data", "/home/someone/my data", "--out", "/tmp/runs/one"] },
    });
    expect((await addResults(run, results, "one")).kind).toBe("written");
    const packed = readFileSync(path.join(results, "one", "traces.jsonl.br"));
    const lines = brotliDecompressSync(packed).toString("utf8");
    expect(readFileSync(path.join(run, "traces.jsonl"), "utf8")).toContain("Name the number");
    expect(lines).not.toContain("Name the number");
    expect(lines.trim().split("\n")).toHaveLength(3 + 3 * 2 * 2);

    expect(await writeResultsPage(results)).toMatchObject({ kind: "written" });
    const report = (folder: string) =>
      JSON.parse(readFileSync(path.join(folder, "report.json"), "utf8")) as Record<string, unknown>;
    await writeReports(run);
    expect({ ...report(path.join(results, "one")), measured: null }).toEqual({
      ...report(run),
      measured: null,
    });
    const page = readFileSync(path.join(results, "README.md"), "utf8");
    expect(page).toContain("## one: numbers, 3 problems");
    expect(page).toContain("rstar eval --data 'my data' --out one");
    for (const picture of ["accuracy-tokens.svg", "accuracy-seconds.svg"]) {
      expect(page).toContain(`(one/${picture})`);
      const svg = readFileSync(path.join(results, "one", picture), "utf8");
      for (const fact of ["3 problems", "Q4_K_M", "seeds 1 2", "2 threads", "commit abc"])
        expect(svg).toContain(fact);
    }
    expect(existsSync(path.join(results, "one", "traces.jsonl"))).toBe(false);
  });

  it("of an evaluation that is not complete can be gone on with", async () => {
    const plan = planFor(problemsOf(4));
    const [run, results, whole] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    const { searched } = await evaluateInto(run, plan, servicesOf(), { stopAfter: 6 });
    await addResults(run, results, "part");
    const copy = path.join(temporaryFolder(), "copy");
    cpSync(path.join(results, "part"), copy, { recursive: true });
    const rest = await evaluateInto(copy, plan);
    expect(rest.searched).toBeGreaterThan(0);
    expect((await evaluateInto(whole, plan)).searched).toBe(searched + rest.searched);
    const [one, two] = [await writeReports(copy), await writeReports(whole)];
    if (one.kind === "failed" || two.kind === "failed") throw new Error("there is no report");
    expect({ ...one.report, measured: null }).toEqual({ ...two.report, measured: null });
  });

  it("are not made of a folder that holds no evaluation", async () => {
    const results = temporaryFolder();
    expect(await addResults(temporaryFolder(), results, "x")).toMatchObject({ kind: "failed" });
    mkdirSync(path.join(results, "other"));
    mkdirSync(path.join(results, "grader"));
    writeFileSync(path.join(results, "grader", "README.md"), "Agreement.\n");
    expect(await writeResultsPage(results)).toMatchObject({ kind: "written" });
    const page = readFileSync(path.join(results, "README.md"), "utf8");
    expect(page).toContain("each with a page of its own: [grader](grader/README.md).");
  });

  it.each([
    ["/a b/c/run-1", "run-1"],
    ["C:\\Users\\me\\run", "run"],
    ["C:/Users/me/run", "run"],
    ["\\\\server\\share\\me\\run", "run"],
    ["--out=/root/a=b/x", "--out=x"],
    ["--data=C:\\Users\\me\\my data", "--data=my data"],
    ["-o=/root/x", "-o=x"],
    ["--data=../data", "--data=../data"],
    ["../data", "../data"],
    ["mcts:exploration=2,auto", "mcts:exploration=2,auto"],
  ])("%s in a command is told as %s", (word, told) => {
    expect(withoutFolders(word)).toBe(told);
  });
});
