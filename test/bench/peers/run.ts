/** The comparison itself: every contestant at every problem, in turn, so that the machine's noise hits all alike. */
import type { EvaluationProblem } from "../../../server/evaluation/problems.ts";
import type { Grader, GradingMode } from "../../../server/services.ts";
import type { Attempt, Contestant } from "./contestant.ts";
import { turn, type Turn } from "./records.ts";

/** So many failures one after another are no accident. */
const FAILURES_IN_A_ROW = 5;

/** What the loop needs besides problems and contestants. */
export interface PeerOptions {
  readonly grader: Grader;
  readonly session: number;
  readonly limitMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Begins to measure the peak memory of processes, and says it at the end of an attempt. */
  readonly measureMemory: (processes: readonly number[]) => () => number | null;
  /** Called when an attempt is over, one after another. */
  readonly keep: (turn: Turn) => Promise<void>;
}

/** Names a turn. */
export function turnName({ contestant, problem }: Pick<Turn, "contestant" | "problem">): string {
  return JSON.stringify([contestant, problem]);
}

/** Whether a turn need not be taken again. */
export function isDone(taken: Turn | undefined): boolean {
  return taken !== undefined && taken.end.kind !== "failed";
}

/**
 * The contestants in the order of a problem, by rows of a Williams square (Williams 1949, Designs balanced for the
 * estimation of residual effects of treatments): over all rows each one has every place, and follows every other one, so
 * finds its cache, equally often. An even number has as many rows, an odd one twice as many.
 */
export function orderAt<T>(contestants: readonly T[], index: number): T[] {
  const n = contestants.length;
  // 0, 1, n-1, 2, n-2, …: neighbours differ by something else each time.
  const zigzag = contestants.map((_, place) => (place % 2 === 1 ? (place + 1) / 2 : (n - place / 2) % n));
  const row = zigzag.flatMap((place) => contestants[(place + index) % n] ?? []);
  return n % 2 === 1 && Math.floor(index / n) % 2 === 1 ? row.reverse() : row;
}

/**
 * Takes every turn that `done` does not hold, and adds it. An aborted signal ends it; the turn under way is lost.
 * @throws when the contestants fail again and again.
 */
export async function compare(
  problems: readonly EvaluationProblem[],
  contestants: readonly Contestant[],
  done: Map<string, Turn>,
  options: PeerOptions,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  for (const [index, problem] of problems.entries())
    for (const contestant of orderAt(contestants, index)) {
      const name = turnName({ contestant: contestant.name, problem: problem.id });
      if (isDone(done.get(name))) continue;
      const taken = await takeTurn(problem, contestant, options, signal);
      if (taken === null) return;
      done.set(name, taken);
      await options.keep(taken);
      failures = taken.end.kind === "failed" ? failures + 1 : 0;
      if (taken.end.kind === "failed" && failures >= FAILURES_IN_A_ROW)
        throw new Error(
          `${FAILURES_IN_A_ROW} attempts failed one after another, the last one with: ${taken.end.reason} What was done before is kept.`,
        );
    }
}

function failed(reason: string): Turn["end"] {
  return { kind: "failed", reason: reason.slice(0, 500) };
}

/** One attempt, measured and graded; null when the signal cut it short. */
async function takeTurn(
  problem: EvaluationProblem,
  contestant: Contestant,
  options: PeerOptions,
  signal: AbortSignal,
): Promise<Turn | null> {
  await contestant.ready?.();
  const isStopped = (): boolean => signal.aborted;
  const limit = AbortSignal.timeout(options.limitMs);
  const peak = options.measureMemory(contestant.processes());
  const begun = options.now();
  const measure = (): Pick<Turn, "seconds" | "peakBytes"> => ({
    seconds: (options.now() - begun) / 1000,
    peakBytes: peak(),
  });
  // Before programs that go on are ended: that is not the attempt's time, and their memory is gone then.
  const atLimit: ReturnType<typeof measure>[] = [];
  limit.addEventListener("abort", () => void atLimit.push(measure()));
  let attempt: Attempt = { answer: null, generatedTokens: 0, promptTokens: 0, raw: null };
  let end: Turn["end"] = { kind: "done" };
  try {
    attempt = await contestant.solve(problem, AbortSignal.any([signal, limit]));
    if (limit.aborted) end = { kind: "out-of-time" };
    else if (attempt.failure !== undefined) end = failed(attempt.failure.reason);
  } catch (error) {
    end = failed(String(error));
  }
  if (isStopped()) return null;
  const measured = atLimit[0] ?? measure();
  // What is done about a failure is not the attempt's time either.
  const seconds = attempt.failure?.seconds ?? measured.seconds;
  // What a search had found before it failed counts for nobody.
  if (end.kind !== "done") attempt = { ...attempt, answer: null };
  const verdict = async (mode: GradingMode): Promise<Turn["strict"]> => {
    if (attempt.answer === null) return "no-answer";
    return (await options.grader.equivalent(problem.answer, attempt.answer, mode, signal)).kind;
  };
  try {
    return turn({
      contestant: contestant.name,
      problem: problem.id,
      session: options.session,
      begun: new Date(begun).toISOString(),
      ...{ seconds, peakBytes: measured.peakBytes, end, answer: attempt.answer },
      generatedTokens: attempt.generatedTokens,
      promptTokens: attempt.promptTokens,
      strict: await verdict("strict"),
      lenient: await verdict("lenient"),
      raw: attempt.raw as Turn["raw"],
    });
  } catch (error) {
    if (isStopped()) return null;
    throw error;
  }
}
