/** Solve All: what each problem of a file still needs, done side by side, and one message about what came of it. */
import * as vscode from "vscode";
import type { ListedProblem } from "../server/protocol/problem-list.ts";
import type { SolveOutcome } from "../server/protocol/solving.ts";
import { formatSeconds } from "../server/protocol/text.ts";
import { clearObstacle, resumption, type SolveRequest } from "./outcomes.ts";
import type { Parts } from "./parts.ts";
import { placeOf } from "./places.ts";
import { send } from "./solving.ts";

/** What gives a problem its solution: a search, the rest of a stored one, or what a stored one found. */
type Need = { readonly kind: "solve" } | { readonly kind: "resume" | "insert"; readonly traceId: string };

/** How a problem stands, or what its search came to: how many of them, in the order of the summary. */
const STANDINGS = {
  solved: (count: number) => vscode.l10n.t("{0} solved", count),
  differs: (count: number) => vscode.l10n.t("{0} differing from the given answer", count),
  kept: (count: number) => vscode.l10n.t("{0} kept in the store", count),
  unstored: (count: number) => vscode.l10n.t("{0} solved but neither written nor stored", count),
  "no-answer": (count: number) => vscode.l10n.t("{0} without an answer", count),
  failed: (count: number) => vscode.l10n.t("{0} failed", count),
  stopped: (count: number) => vscode.l10n.t("{0} stopped", count),
  interrupted: (count: number) => vscode.l10n.t("{0} interrupted", count),
  "not-started": (count: number) => vscode.l10n.t("{0} not started", count),
  searching: (count: number) => vscode.l10n.t("{0} being solved", count),
  damaged: (count: number) => vscode.l10n.t("{0} with a damaged solution", count),
  broken: (count: number) => vscode.l10n.t("{0} with a step that no longer checks", count),
};
type Standing = keyof typeof STANDINGS;

/** Gives every problem of the file a solution that has none of its present text. */
export async function solveAllProblems(parts: Parts, uri: vscode.Uri): Promise<void> {
  const problems = await parts.lists.read(uri);
  if (problems.length === 0) {
    // Of a server that does not run the person was told.
    if (!parts.server.hasFailed)
      await vscode.window.showInformationMessage(vscode.l10n.t("No problem was found in this file."));
    return;
  }
  const isPlaced =
    vscode.workspace.getConfiguration("rstarMath.display").get<string>("solutionPlacement", "document") ===
    "document";
  /** By the text of the problem: it is searched once, wherever it stands. */
  const open = new Map<string, Open>();
  for (const problem of problems) {
    const need = needOf(problem, isPlaced);
    if (need === null) continue;
    const { problems: same } = open.get(problem.hash) ?? { problems: [] };
    open.set(problem.hash, { need, problems: [...same, problem] });
  }
  if (open.size > 0) await new SolvingAll(parts, uri, isPlaced, [...open.values()]).run();
  else
    await vscode.window.showInformationMessage(
      vscode.l10n.t(
        "Nothing is left to solve here: {0}. Solve Problem solves one again.",
        summary(problems.map(standingOf)),
      ),
    );
}

/** Problems of the same text, and what they need. */
interface Open {
  readonly need: Need;
  readonly problems: readonly ListedProblem[];
}

class SolvingAll {
  readonly #parts: Parts;
  readonly #uri: vscode.Uri;
  readonly #isPlaced: boolean;
  readonly #open: readonly Open[];
  readonly #ends: Standing[] = [];
  /** How many searches have ended; what was only to be inserted was none. */
  #searched = 0;
  /** When they began, in milliseconds of the clock. */
  #begun = 0;
  /** Reasons why a search did not start or was not stored, each told once. */
  readonly #told = new Set<string>();
  /** Edits of one document are made one after another: several at a time would miss its version. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts, uri: vscode.Uri, isPlaced: boolean, open: readonly Open[]) {
    this.#parts = parts;
    this.#uri = uri;
    this.#isPlaced = isPlaced;
    this.#open = open;
  }

  async run(): Promise<void> {
    this.#begun = performance.now();
    this.#tellProgress();
    try {
      await Promise.all(this.#open.map((open) => this.#finish(open)));
    } finally {
      this.#parts.status.tally(this, null);
    }
    const isTold = (end: Standing): boolean => end === "not-started" || end === "interrupted";
    // Nobody waits until the message is dismissed.
    if (!this.#ends.every(isTold)) void this.#tellSummary();
  }

  async #finish({ need, problems }: Open): Promise<void> {
    const [first] = problems;
    if (first === undefined) return;
    let outcome: SolveOutcome | null | undefined;
    if (need.kind === "insert") await this.#insert(need.traceId, problems);
    else {
      outcome = await send(this.#parts, this.#requestFor(first, need));
      this.#searched++;
      if (outcome?.kind === "not-started") this.#tellObstacle(outcome);
      else if (outcome?.unstored === true) this.#tellUnstored(outcome.message);
      if (outcome?.kind === "solved" && this.#isPlaced)
        await this.#insert(outcome.traceId, problems.slice(1));
    }
    const listed = await this.#parts.lists.refresh(this.#uri);
    for (const { hash, index } of problems) {
      const now = listed.find((one) => one.hash === hash && one.index === index);
      this.#ends.push(endOf(outcome, now));
    }
    this.#tellProgress();
  }

  #requestFor(problem: ListedProblem, need: Need): SolveRequest {
    const place = placeOf({ uri: this.#uri, problem });
    return need.kind === "solve" ? { kind: "solve", params: place } : resumption(need.traceId, place);
  }

  async #insert(traceId: string, problems: readonly ListedProblem[]): Promise<void> {
    for (const problem of problems) {
      const place = placeOf({ uri: this.#uri, problem });
      // What could not be written is kept, and counted so.
      this.#writing = this.#writing.then(() => this.#parts.server.ask("insertSolution", { traceId, place }));
    }
    await this.#writing;
  }

  #tellObstacle(obstacle: Extract<SolveOutcome, { kind: "not-started" }>): void {
    if (this.#told.has(obstacle.reason)) return;
    this.#told.add(obstacle.reason);
    // What is in nobody's way goes on meanwhile.
    void clearObstacle(this.#parts, obstacle).then((isGone) =>
      isGone ? solveAllProblems(this.#parts, this.#uri) : undefined,
    );
  }

  /** Once, since of searches whose solutions are in the document the summary does not say it. */
  #tellUnstored(message: string): void {
    if (this.#told.has("unstored")) return;
    this.#told.add("unstored");
    void vscode.window.showWarningMessage(message);
  }

  #tellProgress(): void {
    const all = this.#open.reduce((sum, { problems }) => sum + problems.length, 0);
    const differ = this.#ends.filter((end) => end === "differs").length;
    const tally =
      differ === 0
        ? vscode.l10n.t("{0} of {1}", this.#ends.length, all)
        : vscode.l10n.t("{0} of {1}, {2} differ", this.#ends.length, all, differ);
    const left = this.#secondsLeft();
    this.#parts.status.tally(
      this,
      left === null ? tally : `${tally} · ${vscode.l10n.t("about {0} left", formatSeconds(left))}`,
    );
  }

  /** By the pace so far; null before the first search has ended, and after the last. */
  #secondsLeft(): number | null {
    const left = this.#open.filter(({ need }) => need.kind !== "insert").length - this.#searched;
    if (this.#searched === 0 || left === 0) return null;
    return ((performance.now() - this.#begun) / 1000 / this.#searched) * left;
  }

  async #tellSummary(): Promise<void> {
    const show = vscode.l10n.t("Show Problems");
    const file = vscode.workspace.asRelativePath(this.#uri);
    const chosen = await vscode.window.showInformationMessage(`${file}: ${summary(this.#ends)}`, show);
    if (chosen === show) await vscode.commands.executeCommand("rstarMath.problems.focus");
  }
}

/** Null for a problem that has its solution, or whose solution a person changed by hand: that is not replaced unasked. */
function needOf(problem: ListedProblem, isPlaced: boolean): Need | null {
  const { state, storedTraceId, storedAnswer, resumable } = problem;
  switch (state) {
    case "unsolved":
    case "stale":
    case "kept":
      // What was found is not searched for again unasked.
      if (storedTraceId !== null && storedAnswer !== null)
        return isPlaced ? { kind: "insert", traceId: storedTraceId } : null;
      return storedTraceId !== null && resumable
        ? { kind: "resume", traceId: storedTraceId }
        : { kind: "solve" };
    case "solved":
    case "broken":
    case "damaged":
    case "queued":
    case "searching":
      return null;
    default:
      return state satisfies never;
  }
}

/** What one problem came to; `now` is how it is listed afterwards. No outcome: its solution was only to be inserted. */
function endOf(outcome: SolveOutcome | null | undefined, now: ListedProblem | undefined): Standing {
  if (outcome === null) return "interrupted";
  switch (outcome?.kind) {
    case undefined:
    case "solved":
      // Of a problem that was changed or removed meanwhile the search is kept.
      if (outcome?.unstored === true && !outcome.inserted) return "unstored";
      return now === undefined ? "kept" : standingOf(now);
    case "unsolved":
      return "no-answer";
    case "cancelled":
      return "stopped";
    case "failed":
    case "not-started":
      return outcome.kind;
    default:
      return outcome satisfies never;
  }
}

function standingOf({ state, differs }: ListedProblem): Standing {
  switch (state) {
    case "solved":
    case "kept":
      return differs ? "differs" : state;
    case "unsolved":
    case "stale":
      // The solution of its present text is elsewhere.
      return "kept";
    case "queued":
    case "searching":
      return "searching";
    case "damaged":
    case "broken":
      return state;
    default:
      return state satisfies never;
  }
}

/** Such as `7 solved, 2 differing from the given answer, 1 without an answer`. */
function summary(standings: readonly Standing[]): string {
  return Object.entries(STANDINGS)
    .map(([one, words]) => ({ count: standings.filter((other) => other === one).length, words }))
    .filter(({ count }) => count > 0)
    .map(({ count, words }) => words(count))
    .join(", ");
}
