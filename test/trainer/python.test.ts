/** The Python package's own checks, run with the packages that it trains with. */
import { beforeAll, describe, expect, it } from "vitest";
import { trainerPackage } from "../../server/evolution/environment.ts";
import { runProgram } from "../../server/evolution/program.ts";
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

describe("the trainer's Python package", () => {
  it("is formatted", async () => {
    expect(await complaints("ruff", "format", "--check", ".")).toBe("");
  });

  it("passes its linter", async () => {
    expect(await complaints("ruff", "check", ".")).toBe("");
  });

  it("passes its type checker, strict", async () => {
    expect(await complaints("mypy")).toBe("");
  });

  it("passes its tests", async () => {
    expect(await complaints("pytest", "-q", "--no-header", "-p", "no:cacheprovider")).toBe("");
  });
});
