/** The two tools that other programs call: solve a problem given as text, and check one step. For chat tools and MCP. */
import { renderSolution } from "../document/solution.ts";
import { statementHash } from "../document/problems.ts";
import type { SolveTextResult, VerifyStepParams, VerifyStepResult } from "../protocol/solving.ts";
import type { Trace } from "../protocol/trace.ts";
import type * as z from "zod";
import { rejectionOf } from "../search/verdict.ts";
import type { SearchProblem } from "../search/services.ts";
import { EMPTY_STATE, ServiceUnavailable, type Sandbox, type SandboxState } from "../services.ts";
import { toSolution } from "../solutions.ts";

/** How the model is called where it is computed here. */
export const ON_THIS_MACHINE = "a small language model on this machine";

/** Names, titles and what a model reads about them. */
export const TOOLS = {
  solve: {
    name: "solve_math_problem",
    title: "Solve a Math Problem",
    description: `Solves a math problem with ${ON_THIS_MACHINE} that writes Python step by step; every step is run. Returns the answer, the steps with their code and output, and how many independent attempts agree. The evidence is not a proof: read what speaks against the answer too.`,
  },
  verify: {
    name: "verify_math_step",
    title: "Check a Step",
    description:
      "Runs one step of Python in a sandbox (SymPy is there; no files, no network), on top of the code of earlier steps. Says whether it ran, how many of its assertions held and what it printed. Use `assert` to state what must hold.",
  },
} as const;

/** The problem of a tool call, as searches name it. */
export function problemOfText(text: string): SearchProblem {
  return { id: statementHash(text), text, reference: null };
}

/** What the caller of `solve_math_problem` reads. */
export function solveResult(trace: Trace): SolveTextResult {
  const solution = toSolution(trace, trace.problem.id);
  const answer = solution.answer?.text ?? null;
  const why =
    trace.failure ??
    (trace.stop === "cancelled" ? "The search was stopped." : "No attempt reached an answer.");
  return {
    kind: answer === null ? "unsolved" : "solved",
    text: answer === null ? `${why} A larger budget may help.` : withoutMarkers(renderSolution(solution)),
    answer,
    traceId: trace.id,
  };
}

/** `verify_math_step`. @throws the signal's reason. */
export async function verifyStepText(
  { earlier, step }: z.output<typeof VerifyStepParams>,
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<VerifyStepResult> {
  let state: SandboxState = EMPTY_STATE;
  try {
    for (const [index, code] of earlier.entries()) {
      const before = await sandbox.run(state, code, signal);
      if (before.kind !== "ok")
        return failed(
          `Step ${index + 1} before it fails: ${rejectionOf(before).message} The step itself was not run.`,
        );
      state = before.state;
    }
    const result = await sandbox.run(state, step, signal);
    if (result.kind !== "ok") {
      const { message, line } = rejectionOf(result);
      return failed(`It fails: ${message}${line === null ? "" : ` (line ${line})`}`);
    }
    const { output, value, assertions } = result;
    const text = [
      "It ran without error.",
      assertions === 0 ? "It asserts nothing." : `${assertions} of its assertions held, none failed.`,
      output === "" ? "It printed nothing." : `It printed:\n${output.trimEnd()}`,
      ...(value === null ? [] : [`Its last expression is ${value}.`]),
    ].join("\n");
    return { kind: "ok", text, output, assertions };
  } catch (error) {
    if (error instanceof ServiceUnavailable)
      return { kind: "not-started", text: error.message, output: "", assertions: 0 };
    throw error;
  }
}

function failed(text: string): VerifyStepResult {
  return { kind: "failed", text, output: "", assertions: 0 };
}

/** The markers tie a solution to a document; a caller has none. */
function withoutMarkers(rendered: string): string {
  return rendered
    .split("\n")
    .filter((line) => !line.startsWith("<!--"))
    .join("\n")
    .trim();
}
