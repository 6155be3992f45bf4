/** Runs a strategy on a problem and hands back the trace, whatever happened: finished, cancelled or failed. */
import { createHash } from "node:crypto";
import type { SearchEvent } from "../protocol/events.ts";
import { TRACE_VERSION, type Trace } from "../protocol/trace.ts";
import { ServiceUnavailable } from "../services.ts";
import type { SearchConfig, StrategyName } from "./config.ts";
import { Continuation, type Earlier } from "./continuation.ts";
import { promptTemplate } from "./prompt.ts";
import { Search } from "./search.ts";
import { SearchFailure, type SearchProblem, type SearchServices } from "./services.ts";
import { auto } from "./strategies/auto.ts";
import { beam, dvts } from "./strategies/beam.ts";
import { mcts } from "./strategies/mcts.ts";
import { bestOfN, greedy, selfConsistency } from "./strategies/sampling.ts";
import type { Outcome, Strategy } from "./strategies/strategy.ts";
import { isTerminal, toTraceNode, type SearchNode } from "./tree.ts";

const STRATEGY: Record<StrategyName, Strategy> = {
  greedy,
  "self-consistency": selfConsistency,
  "best-of-n": bestOfN,
  beam,
  dvts,
  mcts,
  auto,
};

/** What names a search in the store; arguments, so that a search with fakes is the same byte for byte. */
export interface SearchStamp {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Where the problem came from, for a person. */
  readonly source: string | null;
  /** Whether the trace may train models, where a person has a say in it. */
  readonly training?: Trace["training"];
}

/** A search under way. */
export interface RunningSearch {
  /** What it has so far, as a trace that can be stored and gone on with. */
  readonly snapshot: () => Trace;
  readonly done: Promise<Trace>;
}

/**
 * Searches one problem. An aborted signal or a model that fails ends the search early; what was found until then is in
 * the trace, with `stop` saying why it ended.
 */
export function solve(
  problem: SearchProblem,
  config: SearchConfig,
  services: SearchServices,
  stamp: SearchStamp,
  signal: AbortSignal,
  emit: (event: SearchEvent) => void = () => undefined,
): Promise<Trace> {
  return startSearch(problem, config, services, stamp, signal, emit).done;
}

/** As `solve`, to be looked at meanwhile; `earlier` is a stored search of the same problem to go on with. */
export function startSearch(
  problem: SearchProblem,
  config: SearchConfig,
  services: SearchServices,
  stamp: SearchStamp,
  signal: AbortSignal,
  emit: (event: SearchEvent) => void = () => undefined,
  earlier: Earlier | null = null,
): RunningSearch {
  const begun = services.clock();
  const search = new Search(problem, config, services, signal, emit);
  const continuation =
    earlier === null
      ? null
      : new Continuation(search, earlier, services.ppm?.identity ?? null, stamp.createdAt);
  let outcome: Outcome | null = null;
  let stop: Trace["stop"] = "cancelled";
  let failure: string | null = null;

  const snapshot = (): Trace => {
    search.backup();
    const votes = search.votes();
    const chosen = outcome?.choose === "best" ? mostPromisingAnswer(search) : (votes[0]?.nodes[0] ?? null);
    return {
      version: TRACE_VERSION,
      id: stamp.id,
      createdAt: stamp.createdAt,
      problem: {
        id: problem.id,
        text: problem.text,
        sha256: sha256(problem.text),
        reference: problem.reference,
        source: stamp.source,
      },
      models: { policy: services.policy.identity, ppm: services.ppm?.identity ?? null },
      prompt: { format: services.promptFormat, sha256: sha256(promptTemplate(services.promptFormat)) },
      settings: settingsOf(config),
      ...(stamp.training === undefined ? {} : { training: stamp.training }),
      nodes: search.tree.nodes.map(toTraceNode),
      ...(continuation?.fields(chosen) ?? {}),
      votes,
      chosen,
      trajectories: {
        finished: search.tree.answers().reduce((sum, node) => sum + node.arrivals, 0),
        started: search.started,
      },
      stop,
      failure,
      cost: { ...search.cost },
      ms: addTimes({ total: services.clock() - begun, ...search.ms }, earlier?.trace.ms),
    };
  };

  const run = async (): Promise<Trace> => {
    emit({
      kind: "started",
      problemId: problem.id,
      strategy: config.strategy,
      budget: config.budgetTokens,
    });
    try {
      // A search that is stopped this early has the votes of the earlier one all the same.
      await continuation?.begin();
      signal.throwIfAborted();
      outcome = canGrow(search.origin)
        ? await STRATEGY[config.strategy](search)
        : { stop: "exhausted", choose: "vote" };
      stop = outcome.stop;
    } catch (error) {
      if (error instanceof SearchFailure || error instanceof ServiceUnavailable) {
        stop = "failed";
        failure = error.message;
      } else if (!signal.aborted) throw error;
    }
    const trace = snapshot();
    emit({ kind: "finished", problemId: problem.id, progress: search.progress() });
    return trace;
  };
  return { snapshot, done: run() };
}

/** Whether anything can follow: not below an answer, or a step that closed the program. */
function canGrow(origin: SearchNode): boolean {
  return !isTerminal(origin) && !origin.final;
}

function mostPromisingAnswer(search: Search): number | null {
  const answers = search.tree.answers().filter((node) => search.mayWin(node));
  if (answers.length === 0) return null;
  return answers.reduce((a, b) => (search.promise(b) > search.promise(a) ? b : a)).id;
}

function addTimes(now: Trace["ms"], before: Trace["ms"] | undefined): Trace["ms"] {
  if (before === undefined) return now;
  return {
    total: now.total + before.total,
    policy: now.policy + before.policy,
    ppm: now.ppm + before.ppm,
    sandbox: now.sandbox + before.sandbox,
    grading: now.grading + before.grading,
  };
}

function settingsOf(config: SearchConfig): Trace["settings"] {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, value ?? "none"]));
}

/** The hash by which traces name a text: a problem, a prompt. SHA-256 of its UTF-8, in hexadecimal. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
