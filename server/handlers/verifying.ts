/** Running stored steps again, without any model. */
import type * as z from "zod";
import type { Problem } from "../document/problems.ts";
import type { Solution } from "../document/solution.ts";
import type { VerifyParams } from "../protocol/requests.ts";
import type { VerifyOutcome } from "../protocol/solving.ts";
import { ServiceUnavailable } from "../services.ts";
import { verifySolution } from "../verify.ts";
import type { OpenDocument } from "./documents.ts";
import { beginProgress } from "./progress.ts";
import type { Session } from "./session.ts";

type Checked = Extract<VerifyOutcome, { kind: "checked" }>["solutions"][number];

/** A stored solution that can be run. */
interface Runnable {
  readonly problem: Problem;
  readonly solution: Solution;
  /** The block's text: what the check holds for. */
  readonly source: string;
}

/** Checks that the server begins by itself, as the setting `verifier.recheck` wants it: one at a time in a document. */
export class Rechecks {
  readonly #session: Session;
  readonly #running = new Map<string, AbortController>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Checks what has no check yet, if the setting says so at this moment; a run under way is over then. */
  begin(uri: string, when: "onOpen" | "onSave"): void {
    this.end(uri);
    if (this.#session.settings.verifier.recheck !== when || !this.#session.client.trusted) return;
    const controller = new AbortController();
    this.#running.set(uri, controller);
    verifyStored(this.#session, { uri }, controller.signal, "unchecked").catch((error: unknown) => {
      this.#session.connection.console.error(String(error));
    });
  }

  /** Ends the one of a document, or all. */
  end(uri?: string): void {
    for (const [of, controller] of this.#running)
      if (uri === undefined || uri === of) {
        controller.abort();
        this.#running.delete(of);
      }
  }
}

/** `rstar/verify`. Of `unchecked` solutions only those are run that were not, as they stand, since the file was opened. */
export async function verifyStored(
  session: Session,
  params: z.output<typeof VerifyParams>,
  signal: AbortSignal,
  which: "all" | "unchecked" = "all",
): Promise<VerifyOutcome> {
  const document = session.documents.get(params.uri);
  if (document === null) return notDone(`${params.uri} is not open in the editor. Open it and check again.`);
  if (!session.client.trusted)
    return notDone(
      "This workspace is not trusted, so no stored step is run. Trust the workspace to check it.",
    );
  const found = params.problem === undefined ? null : document.find(params.problem);
  if (found?.kind === "none") return notDone(found.message);
  const problems = found === null ? document.found.problems : [found.problem];
  const runnable = problems
    .flatMap((problem) => runnableOf(document, problem))
    .filter(({ source }) => which === "all" || session.checks.get(params.uri, source) === undefined);
  if (runnable.length === 0) return notDone("There is no stored solution to check here.");
  const display = await beginProgress(session, params, "Checking stored steps");
  const stop = AbortSignal.any([signal, display.signal]);
  const solutions: Checked[] = [];
  try {
    await session.runtime.withPython(async ({ sandbox, grader }) => {
      for (const { problem, solution, source } of runnable) {
        display.report(
          Math.round((100 * solutions.length) / runnable.length),
          `${solutions.length} of ${runnable.length} solutions`,
        );
        const check = await verifySolution(solution, sandbox, grader, stop);
        session.checks.set(params.uri, source, check);
        session.changed(params.uri);
        const { steps, answer, holds } = check;
        solutions.push({
          problemHash: problem.hash,
          index: problem.index,
          steps: [...steps],
          answer,
          holds,
        });
      }
    });
  } catch (error) {
    if (error instanceof ServiceUnavailable) return notDone(error.message);
    if (!stop.aborted) throw error;
    return notDone(
      `Stopped after ${solutions.length} of ${runnable.length} solutions; what was checked is shown.`,
    );
  } finally {
    display.done();
  }
  const bad = solutions.filter(({ holds }) => !holds).length;
  const message =
    bad === 0
      ? `${solutions.length} ${solutions.length === 1 ? "solution runs" : "solutions run"} as stored.`
      : `${bad} of ${solutions.length} solutions no longer check; the steps are marked.`;
  return { kind: "checked", message, solutions };
}

function runnableOf(document: OpenDocument, problem: Problem): Runnable[] {
  const block = problem.solution;
  const parsed = block === undefined ? null : document.parsed(block);
  if (block === undefined || parsed?.kind !== "solution") return [];
  return [{ problem, solution: parsed.solution, source: document.source(block.range) }];
}

function notDone(message: string): VerifyOutcome {
  return { kind: "not-done", message };
}
