/** `$/progress` of long work: where it stands, in words and percent, and partial results. */
import type { WorkDoneProgressReporter } from "vscode-languageserver";
import { ProgressType } from "vscode-languageserver";
import type { SearchProgress } from "../protocol/events.ts";
import type { SearchRate, SolveProgress } from "../protocol/solving.ts";
import { formatSeconds } from "../protocol/text.ts";
import type { Session } from "./session.ts";

type Token = string | number;

/** Tokens of a request. */
export interface Tokens {
  readonly workDoneToken?: Token | undefined;
  readonly partialResultToken?: Token | undefined;
}

const PARTIAL = new ProgressType<SolveProgress>();

/** A progress display of the client's; `signal` is aborted by its cancel button. */
export interface Display {
  readonly signal: AbortSignal;
  report(percentage: number | undefined, message: string): void;
  done(): void;
}

/** Begins a progress display: on the client's token, else on one of our own where the client can show it. */
export async function beginProgress(session: Session, tokens: Tokens, title: string): Promise<Display> {
  const { window } = session.connection;
  const controller = new AbortController();
  let reporter: WorkDoneProgressReporter;
  if (tokens.workDoneToken !== undefined) reporter = window.attachWorkDoneProgress(tokens.workDoneToken);
  else if (session.abilities.workDoneProgress) {
    const own = await window.createWorkDoneProgress();
    own.token.onCancellationRequested(() => controller.abort(new Error("cancelled in the progress display")));
    reporter = own;
  } else reporter = window.attachWorkDoneProgress(undefined);
  reporter.begin(title, 0, undefined, true);
  return {
    signal: controller.signal,
    report: (percentage, message) =>
      percentage === undefined ? reporter.report(message) : reporter.report(percentage, message),
    done: () => reporter.done(),
  };
}

/** Sends a partial result, if the request asked for them. */
export function sendPartial(session: Session, tokens: Tokens, value: SolveProgress): void {
  if (tokens.partialResultToken !== undefined)
    void session.connection.sendProgress(PARTIAL, tokens.partialResultToken, value);
}

/** Such as `3 of about 12 trajectories, 7 candidates rejected, best 40 (2 agree), 45 tokens/s, 20 s left`. */
export function progressText(progress: SearchProgress, rate: SearchRate | null): string {
  const { best } = progress;
  return [
    `${progress.started} of about ${progress.planned} trajectories`,
    progress.rejected === 0 ? "" : `${progress.rejected} of ${progress.candidates} candidates rejected`,
    best === null ? "" : `best ${best.answer} (${best.support} agree)`,
    rate === null ? "" : `${rate.tokensPerSecond.toFixed(0)} tokens/s`,
    rate === null || rate.secondsLeft === 0 ? "" : `${formatSeconds(rate.secondsLeft)} left at most`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** Tokens spent of those allowed. */
export function percentageOf({ generatedTokens, budget }: SearchProgress): number {
  return Math.min(100, Math.round((100 * generatedTokens) / Math.max(1, budget)));
}
