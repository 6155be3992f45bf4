/** Solving a problem, going on with a stored search, and going on from a person's choice. */
import type * as z from "zod";
import type { Problem } from "../document/problems.ts";
import { codeOf } from "../errors.ts";
import type { ContinueParams, ResumeParams, SolveOutcome, SolveParams } from "../protocol/solving.ts";
import type { ProblemPlace } from "../protocol/places.ts";
import type { Trace, TraceNode } from "../protocol/trace.ts";
import { pathTo } from "../protocol/trace-path.ts";
import type { SearchConfig } from "../search/config.ts";
import { choiceProblem, type Choice, type Earlier } from "../search/continuation.ts";
import type { SearchProblem } from "../search/services.ts";
import { gradeText, toSolution } from "../solutions.ts";
import { ownLines } from "../document/edit.ts";
import { insertBelow, type Target } from "./edits.ts";
import { writtenSolution } from "./placing.ts";
import { nameOf, wasCut } from "./problem-states.ts";
import type { Tokens } from "./progress.ts";
import { runSearch } from "./run-search.ts";
import { anotherAttempt, configFor, configOfTrace } from "./search-config.ts";
import type { OpenDocument } from "./documents.ts";
import type { Session } from "./session.ts";

type NotStarted = Extract<SolveOutcome, { kind: "not-started" }>;

/** A problem in its document, and the text of its statement's place. */
interface Located extends Target {
  readonly document: OpenDocument;
}

/** `rstar/solve` */
export async function solveProblem(
  session: Session,
  params: SolveParams,
  signal: AbortSignal,
): Promise<SolveOutcome> {
  await readStore(session);
  const located = locate(session, params);
  if ("kind" in located) return located;
  const { problem } = located;
  const { overrides = {} } = params;
  const inserts = params.insert ?? session.settings.display.solutionPlacement === "document";
  const running = session.searches.of(params.uri, problem.hash);
  if (inserts && running !== undefined)
    return notStarted(
      "busy",
      "This problem is being solved already. Wait for it or stop it first; nothing was changed.",
    );
  // Comparisons have one seed in common, and who names a seed wants that very search.
  const before =
    params.insert === false || overrides.seed !== undefined ? [] : attemptsBefore(session, located);
  const config = configFor(session.settings.search, overrides);
  return search(session, {
    problem: {
      // The statement's hash is the id: the same problem is searched the same way wherever it stands.
      id: problem.hash,
      text: problem.statement,
      reference: problem.reference?.text ?? null,
    },
    config: before.length === 0 ? config : anotherAttempt(config, overrides, before),
    earlier: null,
    isAgain: before.length > 0,
    place: { ...located, inserts },
    source: sourceOf(params.uri, problem),
    tokens: params,
    signal,
  });
}

/** `rstar/resume` */
export async function resumeSearch(
  session: Session,
  params: z.output<typeof ResumeParams>,
  signal: AbortSignal,
): Promise<SolveOutcome> {
  return goOn(session, params, () => null, signal);
}

/** `rstar/continue` */
export async function continueSearch(
  session: Session,
  params: z.output<typeof ContinueParams>,
  signal: AbortSignal,
): Promise<SolveOutcome> {
  const { choice } = params;
  const choose = (trace: Trace): Choice | NotStarted => {
    const node = nodeOf(trace, choice.at);
    const chosen: Choice =
      choice.kind === "edit" ? { kind: "edit", node, text: choice.text } : { kind: choice.kind, node };
    const problem = choiceProblem(trace, chosen);
    return problem === null ? chosen : notStarted("bad-choice", problem);
  };
  return goOn(session, params, choose, signal);
}

/** The number of the node that is meant; -1 when there is no such step. */
export function nodeOf(trace: Trace, at: z.output<typeof ContinueParams>["choice"]["at"]): number {
  if (at.kind === "node") return at.node;
  const path = trace.chosen === null ? [] : pathTo(trace.nodes, trace.chosen);
  return path.filter((node) => node.kind === "step")[at.position]?.id ?? -1;
}

async function goOn(
  session: Session,
  params: z.output<typeof ResumeParams>,
  choose: (trace: Trace) => Choice | NotStarted | null,
  signal: AbortSignal,
): Promise<SolveOutcome> {
  const trace = await session.library.find(params.traceId);
  if (trace === null)
    return notStarted(
      "no-trace",
      `The search ${params.traceId} is not stored on this machine (it may have been deleted). Solve the problem again; nothing was changed.`,
    );
  const choice = choose(trace);
  if (choice?.kind === "not-started") return choice;
  const place = session.documents.placeOf(trace.problem.id, params.place) ?? params.place;
  const located = params.place === undefined || place === undefined ? null : locate(session, place);
  if (located !== null && "kind" in located) return located;
  if (located !== null && located.problem.hash !== trace.problem.id)
    return notStarted(
      "no-problem",
      "The problem's text changed since that search, so going on with it would solve another problem. Solve it again; nothing was changed.",
    );
  if (located !== null && session.searches.of(located.document.uri, located.problem.hash) !== undefined)
    return notStarted("busy", "This problem is being solved already. Nothing was changed.");
  const inserts = session.settings.display.solutionPlacement === "document";
  return search(session, {
    problem: {
      id: trace.problem.id,
      text: trace.problem.text,
      // A person may have corrected the given answer since.
      reference: located === null ? trace.problem.reference : (located.problem.reference?.text ?? null),
    },
    config: configOfTrace(trace, session.settings.search, params.overrides),
    earlier: { trace, choice },
    isAgain: false,
    place: located === null ? null : { ...located, inserts },
    source: trace.problem.source,
    tokens: params,
    signal,
  });
}

interface Task {
  readonly problem: SearchProblem;
  readonly config: SearchConfig;
  readonly earlier: Earlier | null;
  /** A new attempt at a problem that was searched before. */
  readonly isAgain: boolean;
  readonly place: (Located & { readonly inserts: boolean }) | null;
  readonly source: string | null;
  readonly tokens: Tokens;
  readonly signal: AbortSignal;
}

async function search(session: Session, task: Task): Promise<SolveOutcome> {
  const { place } = task;
  const uri = place?.document.uri ?? "";
  const name = place === null ? null : `${nameOf(place.problem)}${task.isAgain ? " (new attempt)" : ""}`;
  const title = `Solving ${name ?? "problem"}`;
  const result = await runSearch(session, { ...task, uri, title });
  if (result.kind !== "trace") return result;
  const { trace, note } = result;
  const isStored = note === "";
  const isWhole = trace.stop !== "cancelled" && trace.stop !== "failed";
  const chosen = isWhole && trace.chosen !== null ? trace.nodes[trace.chosen] : undefined;
  const outcome =
    chosen?.answer == null
      ? withoutAnswer(trace, isStored)
      : await withAnswer(session, trace, { ...chosen, answer: chosen.answer }, place, result.uri, isStored);
  // Several searches may end while nobody looks at their problems.
  const message = `${name === null ? "" : `${name}: `}${outcome.message}${isStored ? "" : ` ${note}`}`;
  return { ...outcome, ...(isStored ? {} : { unstored: true as const }), message };
}

type Ended<K extends SolveOutcome["kind"]> = Extract<SolveOutcome, { kind: K }>;

/** What a search came to that was stopped, failed or found nothing. */
function withoutAnswer(
  trace: Trace,
  isStored: boolean,
): Ended<"cancelled"> | Ended<"failed"> | Ended<"unsolved"> {
  const { id: traceId } = trace;
  const best = trace.votes[0];
  switch (trace.stop) {
    case "cancelled":
      return {
        kind: "cancelled",
        traceId,
        best: best === undefined ? null : { answer: best.answer, support: best.count },
        message:
          best === undefined
            ? `Stopped.${isStored ? " The search so far is kept; Resume goes on with it." : ""}`
            : `Stopped. Best so far: ${best.answer} (${best.count} agree).${isStored ? " Insert it, or Resume; nothing is lost." : ""}`,
      };
    case "failed":
      return {
        kind: "failed",
        traceId,
        message: `${trace.failure ?? "The search could not go on."} ${isStored ? "What was found is kept." : "Resume goes on with what was found."}`,
      };
    case "done":
    case "settled":
    case "budget":
    case "exhausted":
      return {
        kind: "unsolved",
        traceId,
        message: `No trajectory reached an answer with ${trace.cost.generatedTokens} tokens. Resume goes on with as many again, or solve with a larger budget.`,
      };
    default:
      return trace.stop satisfies never;
  }
}

/** Puts the solution where it belongs, and tells of it. */
async function withAnswer(
  session: Session,
  trace: Trace,
  chosen: TraceNode & { readonly answer: string },
  place: Task["place"],
  uri: string,
  isStored: boolean,
): Promise<Ended<"solved">> {
  const inserted =
    place?.inserts === true
      ? await insertBelow(session, uri, place, toSolution(trace, place.problem.hash), isStored)
      : null;
  const support = trace.votes.find((vote) => vote.nodes.includes(chosen.id))?.count ?? 0;
  const trajectories = trace.votes.reduce((sum, vote) => sum + vote.count, 0);
  const { reference } = trace.problem;
  const difference =
    chosen.graded === "different" && reference !== null ? `, ${gradeText("different", reference)}` : "";
  return {
    kind: "solved",
    traceId: trace.id,
    answer: chosen.answer,
    support,
    trajectories,
    inserted: inserted?.kind === "done",
    message: `${chosen.answer} (${support} of ${trajectories} agree)${difference}. ${inserted?.message ?? (isStored ? "It is kept in the store." : "Insert the solution to keep it.")}`,
  };
}

/**
 * The searches of the problem as it is now that ended by themselves, and that of its solution in the document, by their
 * ids. One that was stopped is no attempt: what it had still before it comes with the same seed.
 */
function attemptsBefore(session: Session, { document, problem }: Located): string[] {
  const stored = session.library.searchesOf(problem.hash).filter((search) => !wasCut(search));
  const written = document.isStale(problem) ? null : writtenSolution(document, problem);
  return [...stored.map(({ id }) => id), ...(written === null ? [] : [written.traceId])];
}

/** Looks at what other processes stored meanwhile. Where it cannot be read, the list of problems says so. */
async function readStore(session: Session): Promise<void> {
  try {
    await session.library.refresh();
  } catch (error) {
    if (codeOf(error) === "") throw error;
  }
}

function locate(session: Session, { uri, problem: reference }: ProblemPlace): Located | NotStarted {
  const document = session.documents.get(uri);
  if (document === null)
    return notStarted("no-problem", `${uri} is not open in the editor. Open it and solve again.`);
  const found = document.find(reference);
  if (found.kind === "none") return notStarted("no-problem", found.message);
  const { problem } = found;
  return {
    document,
    problem,
    source: document.source(problem.range),
    written: ownLines(document.text, problem),
  };
}

function notStarted(reason: NotStarted["reason"], message: string): NotStarted {
  return { kind: "not-started", reason, message };
}

function sourceOf(uri: string, problem: Problem): string {
  const name = decodeURIComponent(uri.split("/").at(-1) ?? uri);
  return `${name}#${problem.index}`;
}
