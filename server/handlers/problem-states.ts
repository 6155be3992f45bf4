/** What is known about each problem of a document: its state in a word and in words, its steps, its search. */
import type { Problem } from "../document/problems.ts";
import type { ParsedSolution } from "../document/solution.ts";
import type { ListedProblem, ProblemState, StepMark } from "../protocol/problem-list.ts";
import type { TraceSummary } from "../protocol/trace.ts";
import type { SolutionCheck } from "../verify.ts";
import type { OpenDocument } from "./documents.ts";
import type { SearchEntry } from "./searches.ts";
import type { Session } from "./session.ts";
import { shorten } from "./text.ts";

/** A problem and all that bears on its state. */
export interface ProblemStatus {
  readonly problem: Problem;
  readonly state: ProblemState;
  readonly detail: string;
  readonly parsed: ParsedSolution | null;
  readonly check: SolutionCheck | undefined;
  readonly entry: SearchEntry | undefined;
  /** The newest stored search of the problem as it stands. */
  readonly stored: TraceSummary | undefined;
  readonly answer: string | null;
  readonly traceId: string | null;
  readonly resumable: boolean;
}

const RESUMABLE: ReadonlySet<TraceSummary["stop"]> = new Set(["cancelled", "failed", "budget"]);

/** The status of one problem, from what is in memory: nothing is read from disk. */
export function statusOf(session: Session, document: OpenDocument, problem: Problem): ProblemStatus {
  const { solution: block } = problem;
  const parsed = block === undefined ? null : document.parsed(block);
  const check =
    block === undefined ? undefined : session.checks.get(document.uri, document.source(block.range));
  const entry = session.searches.of(document.uri, problem.hash);
  const stored = session.library.newest.get(problem.hash);
  const inText = parsed?.kind === "solution" ? parsed.solution : null;
  const answer = inText?.answer?.text ?? (parsed === null ? (stored?.answer ?? null) : null);
  const traceId = entry?.traceId ?? inText?.traceId ?? stored?.id ?? null;
  const status = { problem, parsed, check, entry, stored, answer, traceId };
  return {
    ...status,
    ...stateOf(document, status),
    resumable: entry === undefined && stored !== undefined && RESUMABLE.has(stored.stop),
  };
}

function stateOf(
  document: OpenDocument,
  { problem, parsed, check, entry, stored, answer }: Omit<ProblemStatus, "state" | "detail" | "resumable">,
): Pick<ProblemStatus, "state" | "detail"> {
  if (entry?.state === "queued") return { state: "queued", detail: "waiting for other searches" };
  if (entry !== undefined) {
    const best = entry.progress?.best;
    return {
      state: "searching",
      detail: best == null ? "searching" : `searching: best so far ${best.answer} (${best.support} agree)`,
    };
  }
  if (parsed?.kind === "damaged")
    return { state: "damaged", detail: `the solution was changed by hand: ${parsed.reason}` };
  if (parsed !== null && document.isStale(problem))
    return { state: "stale", detail: "stale: the problem changed since it was solved" };
  if (check?.holds === false) return { state: "broken", detail: "a stored step no longer checks" };
  if (parsed !== null)
    return { state: "solved", detail: answer === null ? "no answer" : `solved: ${answer}` };
  if (stored?.answer != null) return { state: "kept", detail: `kept: ${stored.answer}, not in the document` };
  if (stored !== undefined) return { state: "unsolved", detail: "searched, no answer yet" };
  return { state: "unsolved", detail: "not solved" };
}

/** Whether each step came out as stored, by position; null where nobody looked. */
export function stepChecks(check: SolutionCheck | undefined, position: number): boolean | null {
  const step = check?.steps[position];
  return step === undefined ? null : step.kind === "same";
}

/** A problem as the client lists it. */
export function listed(document: OpenDocument, status: ProblemStatus): ListedProblem {
  const { problem, parsed, check, entry, stored, state, detail, answer, traceId, resumable } = status;
  const steps = parsed?.kind === "solution" ? parsed.steps : [];
  return {
    index: problem.index,
    hash: problem.hash,
    title: titleOf(problem),
    range: document.range(problem.range),
    headingRange: document.range(problem.headingRange),
    solutionRange: problem.solution === undefined ? null : document.range(problem.solution.range),
    state,
    detail,
    answer,
    reference: problem.reference?.text ?? null,
    traceId,
    storedTraceId: entry === undefined ? (stored?.id ?? null) : null,
    resumable,
    steps: steps.map(({ step, position, range }): StepMark => ({
      position,
      range: document.range(range),
      q: step.q,
      visits: step.visits,
      ppm: step.ppm,
      checks: stepChecks(check, position),
    })),
  };
}

/** The heading's text, else the first words of the statement's first paragraph. */
export function titleOf(problem: Problem): string {
  const [paragraph = ""] = problem.statement.trim().split(/\n\s*\n/u);
  return shorten(problem.title ?? paragraph.replace(/\s+/gu, " "), 60);
}
