/** The Python package's own checks, run with the packages that it trains with. */
import { beforeAll, describe, it } from "vitest";
import { trainerPackage } from "../../server/evolution/environment.ts";
import { runProgram } from "../../server/models/program.ts";
import { ENVIRONMENT_TIMEOUT, testingPython } from "./training-environment.ts";

let python = "";

beforeAll(async () => {
  python = await testingPython();
}, ENVIRONMENT_TIMEOUT);

/** Runs a module and returns what it said if it did not end well. */
async function complaints(...module: string[]): Promise<string> {
  const lines: string[] = [];
  const end = await runProgram([python, "-m", ...module], new AbortController().signal, {
    cwd: trainerPackage(),
    onLine: (line) => lines.push(line),
  });
  return end.kind === "ended" && end.code === 0 ? "" : [...lines, JSON.stringify(end)].join("\n");
}

const PYTEST = ["pytest", "-q", "--no-header", "-p", "no:cacheprovider"];
/** What starts whole programs, and takes as long as all the rest. */
const PROGRAM = "tests/test_program.py";

describe.concurrent("the trainer's Python package", () => {
  it("is formatted", async ({ expect }) => {
    expect(await complaints("ruff", "format", "--check", ".")).toBe("");
  });

  it("passes its linter", async ({ expect }) => {
    expect(await complaints("ruff", "check", ".")).toBe("");
  });

  it("passes its type checker, strict", async ({ expect }) => {
    expect(await complaints("mypy")).toBe("");
  });

  it("passes the tests of its program", async ({ expect }) => {
    expect(await complaints(...PYTEST, PROGRAM)).toBe("");
  });

  it("passes its other tests", async ({ expect }) => {
    expect(await complaints(...PYTEST, `--ignore=${PROGRAM}`)).toBe("");
  });
});
