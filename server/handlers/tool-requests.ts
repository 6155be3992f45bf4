/** The tools of other programs, through the editor: the same runtime, queue and store as the person's own solves. */
import type * as z from "zod";
import type {
  SolveTextParams,
  SolveTextResult,
  VerifyStepParams,
  VerifyStepResult,
} from "../protocol/solving.ts";
import { problemOfText, solveResult, verifyStepText } from "../tools/tools.ts";
import { runSearch } from "./run-search.ts";
import { configFor } from "./search-config.ts";
import type { Session } from "./session.ts";

/** `rstar/solveText` */
export async function solveText(
  session: Session,
  { problem, budgetTokens }: z.output<typeof SolveTextParams>,
  signal: AbortSignal,
): Promise<SolveTextResult> {
  const result = await runSearch(session, {
    problem: problemOfText(problem),
    config: configFor(session.settings.search, budgetTokens === undefined ? {} : { budgetTokens }),
    earlier: null,
    uri: "",
    source: "tool",
    title: "Solving for a tool",
    tokens: {},
    signal,
  });
  if (result.kind === "trace") return solveResult(result.trace);
  return { kind: "not-started", text: result.message, answer: null, traceId: null };
}

/** `rstar/verifyStep` */
export async function verifyStep(
  session: Session,
  params: z.output<typeof VerifyStepParams>,
  signal: AbortSignal,
): Promise<VerifyStepResult> {
  if (!session.client.trusted)
    return {
      kind: "not-started",
      text: "The workspace is not trusted, so nothing is run in it.",
      output: "",
      assertions: 0,
    };
  return session.runtime.withPython(({ sandbox }) => verifyStepText(params, sandbox, signal));
}
