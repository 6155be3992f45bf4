/** What is known about each problem of a document: its state in a word and in words, its steps, its search. */
import type { Problem } from "../document/problems.ts";
import type { ParsedSolution, Solution } from "../document/solution.ts";
import { fastVerdict } from "../grading/fast.ts";
import type { ProblemPlace } from "../protocol/places.ts";
import type { ListedProblem, ProblemState, StepMark } from "../protocol/problem-list.ts";
import type { TraceSummary } from "../protocol/trace.ts";
import { gradeText } from "../solutions.ts";
import type { SolutionCheck } from "../verify.ts";
import type { OpenDocument } from "./documents.ts";
import type { SearchEntry } from "./searches.ts";
import type { Session } from "./session.ts";
import { firstWords, shorten } from "../protocol/text.ts";

/** A problem and all that bears on its state. */
export interface ProblemStatus {
  readonly problem: Problem;
  readonly state: ProblemState;
  readonly detail: string;
  readonly parsed: ParsedSolution | null;
  readonly check: SolutionCheck | undefined;
  readonly entry: SearchEntry | undefined;
  /** The stored search of the problem as it stands that is gone on with and inserted, see `storedOf`. */
  readonly stored: TraceSummary | undefined;
  readonly answer: string | null;
  /** In words that it is not the answer that the document gives; null where it is, or where nobody knows. */
  readonly difference: string | null;
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
  const inText = parsed?.kind === "solution" ? parsed.solution : null;
  const isStale = document.isStale(problem);
  const stored = storedOf(session, problem, isStale ? null : inText);
  const answer = inText?.answer?.text ?? (parsed === null ? (stored?.answer ?? null) : null);
  const traceId = entry?.traceId ?? inText?.traceId ?? stored?.id ?? null;
  const difference = isStale ? null : differenceOf(answer, problem, inText, stored);
  const status = { problem, parsed, check, entry, stored, answer, difference, traceId };
  return {
    ...status,
    ...stateOf(status, isStale),
    resumable: entry === undefined && stored !== undefined && RESUMABLE.has(stored.stop),
  };
}

/** Whether a search ended before its own end. */
export function wasCut({ stop }: TraceSummary): boolean {
  return stop === "cancelled" || stop === "failed";
}

/**
 * The search that is gone on with and inserted: of the solution in the text, since a newer one may be a comparison's, of
 * another strategy, and without one the newest that has an answer, for the same reason; but a newer one that was cut
 * short is what a person wants to resume.
 */
function storedOf(session: Session, problem: Problem, inText: Solution | null): TraceSummary | undefined {
  const newest = session.library.newest.get(problem.hash);
  const own = inText === null ? undefined : session.library.summary(inText.traceId);
  if (newest === undefined || wasCut(newest)) return newest;
  return own?.problemId === problem.hash ? own : (session.library.answered.get(problem.hash) ?? newest);
}

/**
 * Compared anew each time, since the given answer can be added or corrected after the solve. What only Python can
 * compare was compared by the search, which counts if it was with the very answer that is given now.
 */
function differenceOf(
  answer: string | null,
  { reference }: Problem,
  inText: Solution | null,
  stored: TraceSummary | undefined,
): string | null {
  if (answer === null || reference === undefined) return null;
  const words = gradeText("different", reference.text);
  const searched = (): boolean =>
    inText === null
      ? stored?.graded === "different" && stored.reference === reference.text
      : inText.answerEvidence.some(({ kind, text }) => kind === "reference" && text === words);
  const verdict = fastVerdict(reference.text, answer, "lenient");
  const isOther = verdict === null ? searched() : verdict.kind === "different";
  return isOther ? words : null;
}

function stateOf(
  { parsed, check, entry, stored, answer, difference }: Omit<ProblemStatus, "state" | "detail" | "resumable">,
  isStale: boolean,
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
  if (parsed !== null && isStale)
    return { state: "stale", detail: "stale: the problem changed since it was solved" };
  if (check?.holds === false) return { state: "broken", detail: "a stored step no longer checks" };
  const besides = difference === null ? "" : `, ${difference}`;
  if (parsed !== null)
    return { state: "solved", detail: answer === null ? "no answer" : `solved: ${answer}${besides}` };
  if (stored?.answer != null)
    return { state: "kept", detail: `kept: ${stored.answer}, not in the document${besides}` };
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
  const { problem, parsed, check, entry, state, detail, answer, difference, traceId, resumable } = status;
  const stored = entry === undefined ? status.stored : undefined;
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
    differs: difference !== null,
    reference: problem.reference?.text ?? null,
    traceId,
    storedTraceId: stored?.id ?? null,
    storedAnswer: stored === undefined || wasCut(stored) ? null : stored.answer,
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

/** Names a problem so that it is found again through edits elsewhere in its file. */
export function placeOf(uri: string, { hash, index }: Problem): ProblemPlace {
  return { uri, problem: { kind: "hash", hash, index } };
}

/** What messages call a problem. */
export function nameOf(problem: Problem): string {
  if (problem.title !== undefined) return shorten(problem.title, 60);
  return problem.kind === "selection" ? "The selected text" : `Problem ${problem.index}`;
}

/** The heading's text, else the first words of the statement's first paragraph. */
export function titleOf(problem: Problem): string {
  return problem.title === undefined ? firstWords(problem.statement) : shorten(problem.title, 60);
}
