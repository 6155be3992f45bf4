/** The grader of `services.ts`: the fast path first, then math-verify in an interpreter that runs nothing else. */
import { namesOn } from "../protocol/surface.ts";
import { ServiceUnavailable, type Grader, type GradingMode, type Verdict } from "../services.ts";
import { Deadline, MOST_BY_THE_CLOCK } from "../sandbox/deadline.ts";
import { defaultPaths } from "../sandbox/paths.ts";
import type { SandboxPaths } from "../sandbox/paths.ts";
import { Pool } from "../sandbox/pool.ts";
import type { PoolStats } from "../sandbox/pool.ts";
import { fastVerdict, prepare } from "./fast.ts";

export interface GraderOptions extends Partial<SandboxPaths> {
  /** How long math-verify may take over one pair, in ms, its start aside. Default 3000; longer decides more pairs. */
  readonly timeLimitMs?: number;
  /** The interpreter's memory in MB. Default 512. */
  readonly memoryLimitMB?: number;
}

/** A grader with its life cycle. Its interpreter starts on the first pair that the fast path leaves open. */
export interface DisposableGrader extends Grader {
  warm(): Promise<void>;
  dispose(): Promise<void>;
  stats(): PoolStats;
}

/** Verdicts of math-verify that are remembered, so that votes over the same answers cost nothing. */
const REMEMBERED = 2000;

/** Creates a grader. `equivalent` throws the signal's reason, and ServiceUnavailable where there is no Python. */
export function createGrader(options: GraderOptions = {}): DisposableGrader {
  const paths = { ...defaultPaths(), ...options };
  const timeLimitMs = options.timeLimitMs ?? 3000;
  const memoryMB = options.memoryLimitMB ?? 512;
  const pool = new Pool({
    size: 1,
    workerPath: paths.workerPath,
    config: {
      role: "grader",
      wheelsDir: paths.wheelsDir,
      snapshotDir: paths.snapshotDir,
      memoryMB,
      cachedStates: 0,
    },
  });
  const known = new Map<string, Verdict>();

  async function equivalent(a: string, b: string, mode: GradingMode, signal: AbortSignal): Promise<Verdict> {
    signal.throwIfAborted();
    const fast = fastVerdict(a, b, mode);
    if (fast !== null) return fast;
    // In one order whichever way it was asked, so that the verdict cannot depend on it.
    const [first = "", second = ""] = [prepare(a, mode), prepare(b, mode)].sort();
    const key = JSON.stringify([mode, first, second]);
    const before = known.get(key);
    if (before !== undefined) return before;
    const verdict = await verify(first, second, mode, signal);
    if (verdict.how !== "time limit") {
      known.set(key, verdict);
      const [oldest] = known.keys();
      if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
    }
    return verdict;
  }

  async function verify(a: string, b: string, mode: GradingMode, signal: AbortSignal): Promise<Verdict> {
    const lease = await pool.acquire("", signal).catch((error: unknown) => {
      signal.throwIfAborted();
      return error instanceof Error ? error : new Error(String(error));
    });
    // Nothing is compared then, and no answer may count as wrong for it.
    if (lease instanceof Error)
      throw new ServiceUnavailable(
        `Python for grading could not be started (${lease.message}), so answers cannot be compared; what was found is kept. ${namesOn().setup} says more.`,
      );
    const { interpreter } = lease;
    const deadline = new Deadline(interpreter, signal);
    deadline.allow(timeLimitMs);
    const exchange = await interpreter.ask({
      op: "grade",
      a,
      b,
      mode,
      watchdogMs: MOST_BY_THE_CLOCK * timeLimitMs + 10_000,
    });
    const ended = deadline.settle();
    if (exchange.kind === "died") {
      lease.release(ended ?? "crash");
      signal.throwIfAborted();
      return { kind: "undecided", how: ended === "timeout" ? "time limit" : "crash" };
    }
    const { answer } = exchange;
    lease.release(exchange.heapMB > 0.75 * memoryMB ? "memory" : undefined);
    if (answer.kind === "equal" || answer.kind === "different" || answer.kind === "undecided")
      return { kind: answer.kind, how: answer.how };
    return { kind: "undecided", how: answer.kind };
  }

  return {
    equivalent,
    warm: () => pool.warm(),
    dispose: () => pool.dispose(),
    stats: () => pool.stats(),
  };
}
