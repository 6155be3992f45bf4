/** The sandbox of `services.ts`: runs one Python step on top of a program's state, in a pool of locked processes. */
import type { RunOptions, RunResult, Sandbox, SandboxState } from "../services.ts";
import { Deadline, MOST_BY_THE_CLOCK, type Ended } from "./deadline.ts";
import type { Answer } from "./messages.ts";
import type { Exchange } from "./interpreter.ts";
import { defaultPaths } from "./paths.ts";
import type { SandboxPaths } from "./paths.ts";
import { Pool } from "./pool.ts";
import type { Lease, PoolStats } from "./pool.ts";

/** Every option has a default; times are in ms, sizes in the unit that the name says. */
export interface SandboxOptions extends Partial<SandboxPaths> {
  /** Interpreters side by side, about 260 MB of memory each. Default 2. */
  readonly size?: number;
  /** A step's time, in which waiting for a core is not counted (`Deadline`). Default 5000. Longer lets heavier algebra through and lets endless loops cost more. */
  readonly timeLimitMs?: number;
  /** An interpreter's memory, its libraries (90 MB) included. Default 512. */
  readonly memoryLimitMB?: number;
  /** What a step may print, in bytes of UTF-8; the rest is dropped. Default 65536. */
  readonly outputLimitBytes?: number;
  /** Program states each interpreter keeps for children of a node. Default 48. */
  readonly cachedStates?: number;
}

export interface SandboxStats extends PoolStats {
  readonly runs: number;
  /** How steps came by their state: `fresh`, `copied` from the cache, `taken` from it, or `run again`. */
  readonly states: Readonly<Record<string, number>>;
}

/** A sandbox with its life cycle. */
export interface DisposableSandbox extends Sandbox {
  /** Starts the first interpreter and resolves when it is ready; call it early, beside the model's loading. */
  warm(): Promise<void>;
  /** Ends every process; runs in flight reject. */
  dispose(): Promise<void>;
  stats(): SandboxStats;
}

/** Part of the memory limit that, once used, has the interpreter replaced: wasm memory never shrinks. */
const FULL = 0.75;

/**
 * Creates a sandbox; nothing is started before `warm` or the first run. `run` throws only the signal's reason, or an
 * error when no interpreter can be started at all or the sandbox was disposed of.
 */
export function createSandbox(options: SandboxOptions = {}): DisposableSandbox {
  const paths = { ...defaultPaths(), ...options };
  const timeLimitMs = options.timeLimitMs ?? 5000;
  const memoryMB = options.memoryLimitMB ?? 512;
  const outputLimit = options.outputLimitBytes ?? 65_536;
  const pool = new Pool({
    size: options.size ?? 2,
    workerPath: paths.workerPath,
    config: {
      role: "candidate",
      wheelsDir: paths.wheelsDir,
      snapshotDir: paths.snapshotDir,
      memoryMB,
      cachedStates: options.cachedStates ?? 48,
    },
  });
  const states: Record<string, number> = {};
  let runs = 0;

  async function run(
    state: SandboxState,
    step: string,
    signal: AbortSignal,
    { completeImports = false }: RunOptions = {},
  ): Promise<RunResult> {
    const lease = await pool.acquire(keyOf(state.program), signal);
    runs += 1;
    return perform(lease, state, step, completeImports, signal);
  }

  async function perform(
    lease: Lease,
    state: SandboxState,
    step: string,
    completeImports: boolean,
    signal: AbortSignal,
  ): Promise<RunResult> {
    let output = "";
    let began = performance.now();
    const seen: { taint: string | null; code: string } = { taint: null, code: step };
    const deadline = new Deadline(lease.interpreter, signal);
    // Until the step itself starts, the steps before it may have to run again, each within its own limit.
    const allowance = timeLimitMs * (state.program.length + 1);
    deadline.allow(allowance);
    const exchange = await lease.interpreter.ask(
      {
        op: "run",
        program: state.program,
        step,
        completeImports,
        outputLimit,
        watchdogMs: MOST_BY_THE_CLOCK * allowance + 10_000,
      },
      {
        onStep: (event) => {
          if (seen.taint !== null) return; // only the runner's first word counts, not what a step says in its name
          seen.taint = event.taint;
          seen.code = event.code;
          states[event.origin] = (states[event.origin] ?? 0) + 1;
          began = performance.now();
          deadline.allow(timeLimitMs);
        },
        onOutput: (text) => (output += text),
      },
    );
    const ended = deadline.settle();
    const result = interpret(exchange, ended, output, performance.now() - began, state, seen.code);
    lease.release(replacement(exchange, ended, seen.taint ?? ""));
    if (ended === "abort") throw signal.reason;
    if (result.kind === "ok") lease.remember(keyOf(result.state.program));
    return result;
  }

  function interpret(
    exchange: Exchange,
    ended: Ended,
    output: string,
    elapsed: number,
    state: SandboxState,
    code: string,
  ): RunResult {
    if (exchange.kind === "died") {
      if (ended === "timeout") return { kind: "timeout", code, output, limitMs: timeLimitMs, ms: elapsed };
      if (exchange.outOfMemory) return { kind: "memory", code, output, limitMB: memoryMB, ms: elapsed };
      return { kind: "crash", code, reason: exchange.reason, ms: elapsed };
    }
    const { answer } = exchange;
    switch (answer.kind) {
      case "ok":
        return {
          kind: "ok",
          code,
          output,
          truncated: answer.truncated,
          value: answer.value,
          assertions: answer.assertions,
          ms: answer.ms,
          state: { program: [...state.program, code] },
        };
      case "error": {
        const { type, message, line, ms } = answer;
        return { kind: "error", code, output, error: { type, message, line }, ms };
      }
      case "memory":
        return { kind: "memory", code, output, limitMB: memoryMB, ms: answer.ms };
      case "equal":
      case "different":
      case "undecided":
        break;
      default:
        answer satisfies never;
    }
    return { kind: "crash", code, reason: `an answer of kind ${answer.kind} to a run`, ms: elapsed };
  }

  /** Why the interpreter cannot be used again after this; undefined when it can. */
  function replacement(exchange: Exchange, ended: Ended, taint: string): string | undefined {
    if (ended !== null) return ended;
    if (exchange.kind === "died") return "crash";
    const answer: Answer = exchange.answer;
    if (taint !== "" || ("taint" in answer && answer.taint !== "")) return "tainted";
    if (answer.kind === "memory" || exchange.heapMB > memoryMB * FULL) return "memory";
    return undefined;
  }

  return {
    run,
    warm: () => pool.warm(),
    dispose: () => pool.dispose(),
    stats: () => ({ ...pool.stats(), runs, states: { ...states } }),
  };
}

function keyOf(program: readonly string[]): string {
  return program.join("\0");
}
