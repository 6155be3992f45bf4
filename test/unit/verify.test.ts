/** What is stored, run again: steps and answers of solutions, and every step of a trace. */
import { describe, expect, it } from "vitest";
import type { Solution } from "../../server/document/solution.ts";
import type { Rejection, Trace } from "../../server/protocol/trace.ts";
import type { RunResult, Sandbox } from "../../server/services.ts";
import { verifySolution, verifyTrace, type SolutionCheck } from "../../server/verify.ts";
import { textGrader, wordSandbox } from "../support/fakes.ts";

const { signal } = new AbortController();

/** What a step prints, and the value of its last expression. */
type Printed = readonly [output: string, value: string | null];

function printing(results: readonly Printed[]): Sandbox {
  return {
    run: (state, code): Promise<RunResult> => {
      const [output = "", value = null] = results[state.program.length] ?? [];
      const program = [...state.program, code];
      return Promise.resolve({
        ...{ kind: "ok", code, output, value, truncated: false, assertions: 0, ms: 1 },
        state: { program },
      });
    },
  };
}

/** A solution whose steps print what is stored of them, with code that prints it in `wordSandbox` too. */
function solutionOf(stored: readonly Printed[], answer: string | null): Solution {
  const steps = stored.map(([output, value]) => ({ code: `print(${output.trim()})`, output, value }));
  return { steps, answer: answer === null ? null : { text: answer } } as unknown as Solution;
}

/** The check of a solution that prints the same today, or `now`. */
function check(stored: readonly Printed[], answer: string | null, now = stored): Promise<SolutionCheck> {
  return verifySolution(solutionOf(stored, answer), printing(now), textGrader, signal);
}

describe("the answer of a solution", () => {
  it("is checked against what the search takes for printed", async () => {
    const stored: Printed[] = [
      ["5\n", null],
      ["", "7"],
      ["", null],
    ];
    expect(await check(stored, "5")).toMatchObject({ answer: "follows", holds: true });
  });

  it("does not follow where the last output is another one, today or from the first", async () => {
    const stored: Printed[] = [
      ["2\n", null],
      ["5\n", null],
    ];
    const [first = ["", null]] = stored;
    expect(await check(stored, "5", [first, ["6\n", null]])).toEqual({
      steps: [{ kind: "same" }, { kind: "different", stored: "5\n", now: "6" }],
      answer: "does-not-follow",
      holds: false,
    });
    expect(await check(stored, "2")).toEqual({
      steps: [{ kind: "same" }, { kind: "same" }],
      answer: "does-not-follow",
      holds: false,
    });
  });

  it("is not looked for in a sentence, which proves nothing either way", async () => {
    for (const answer of ["5", "6"])
      expect(await check([["There are 5 apples left.\n", null]], answer)).toMatchObject({
        answer: "not-printed",
        holds: true,
      });
  });

  it("may be missing", async () => {
    expect(await check([["5\n", null]], null)).toMatchObject({ answer: "none", holds: true });
  });

  it("is unknown after a step that fails, and nothing more is run", async () => {
    const sandbox = wordSandbox();
    const { steps, answer } = solutionOf(
      [
        ["2\n", null],
        ["5\n", null],
        ["5\n", null],
      ],
      "5",
    );
    const failing = steps.map((step, index) => (index === 1 ? { ...step, code: "raise" } : step));
    const solution = { steps: failing, answer } as unknown as Solution;
    expect(await verifySolution(solution, sandbox, textGrader, signal)).toEqual({
      steps: [{ kind: "same" }, { kind: "fails", message: "ValueError: scripted" }],
      answer: "not-checked",
      holds: false,
    });
    expect(sandbox.runs).toEqual(["print(2)", "raise"]);
  });
});

describe("a step of a solution", () => {
  it("is another one when only the value of its last expression is, and the same when only its last line ends otherwise", async () => {
    expect((await check([["", "7"]], null, [["", "8"]])).steps).toMatchObject([{ kind: "different" }]);
    expect((await check([["7\n", null]], null, [["7", null]])).steps).toEqual([{ kind: "same" }]);
  });
});

describe("the steps of a trace", () => {
  /** A node below `parent`: what its code is, what is stored of its run, and why it was rejected. */
  type Node = readonly [parent: number, code: string, output: string, rejection?: Rejection["kind"]];

  /** Verifies a trace of these nodes, whose ids begin at 1; tells what was run, each with the program before it. */
  async function verified(nodes: readonly Node[]) {
    const sandbox = wordSandbox();
    const runs: string[][] = [];
    const recording: Sandbox = {
      run: (state, code, signal) => {
        runs.push([...state.program, code]);
        return sandbox.run(state, code, signal);
      },
    };
    const root = { id: 0, parent: null, kind: "root", rejection: null };
    const others = nodes.map(([parent, code, output, kind], index) => ({
      ...{ id: index + 1, parent, kind: "step", code, output },
      rejection: kind === undefined ? null : { kind, message: `stored: ${kind}`, line: null },
    }));
    const trace = { nodes: [root, ...others] } as unknown as Trace;
    return { ...(await verifyTrace(trace, recording, signal)), runs };
  }

  it("are each run on their parent's state, and are no news where they come out as stored", async () => {
    const { checked, differences, runs } = await verified([
      [0, "print(1)", "1\n"],
      [1, "print(2)", "2\n"],
      [1, "raise", "", "error"],
      [1, "x = 1", "", "no-output"],
    ]);
    expect({ checked, differences }).toEqual({ checked: 4, differences: [] });
    expect(runs).toEqual([
      ["print(1)"],
      ["print(1)", "print(2)"],
      ["print(1)", "raise"],
      ["print(1)", "x = 1"],
    ]);
  });

  it("are told where their output is another one, they fail now, or they failed and run now", async () => {
    const { checked, differences } = await verified([
      [0, "print(1)", "2\n"],
      [0, "raise", "3\n"],
      [0, "print(4)", "", "timeout"],
      // It failed otherwise.
      [0, "raise", "", "timeout"],
    ]);
    expect(checked).toBe(4);
    expect(differences).toEqual([
      { node: 1, stored: "2\n", now: "1\n" },
      { node: 2, stored: "3\n", now: "ValueError: scripted" },
      { node: 3, stored: "stored: timeout", now: "4\n" },
      { node: 4, stored: "stored: timeout", now: "ValueError: scripted" },
    ]);
  });

  it("are not counted below one that fails, nor where they never ran", async () => {
    const { checked, differences, runs } = await verified([
      [0, "raise", "1\n"],
      [1, "print(2)", "2\n"],
      [2, "print(3)", "3\n"],
      [0, "", "", "no-code"],
      [0, "print(5)", "", "unclosed"],
    ]);
    expect({ checked, differences }).toEqual({
      checked: 1,
      differences: [{ node: 1, stored: "1\n", now: "ValueError: scripted" }],
    });
    expect(runs).toEqual([["raise"]]);
  });
});
