/** What the tests show: traces that real searches left, and the messages that open them. */
import { readFileSync } from "node:fs";
import { Trace } from "../../server/protocol/trace.ts";
import type { ToSearchView } from "../../server/protocol/view.ts";

/** A trace of the 0.5B model on the first problem of `examples/competition.md`. */
export function recorded(strategy: "mcts" | "greedy"): Trace {
  const file = new URL(`../fixtures/trace-${strategy}.json`, import.meta.url);
  return Trace.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** The message that shows a trace. */
export function opening(
  trace: Trace | null,
  changes: Partial<Extract<ToSearchView, { kind: "open" }>> = {},
): Extract<ToSearchView, { kind: "open" }> {
  return {
    kind: "open",
    subject: {
      session: "s1",
      document: { name: "competition.md", uri: "file:///competition.md" },
      title: "Not divisible",
      problem: trace?.problem.text ?? "What is $2 + 2$?",
      stale: false,
      inserted: null,
    },
    trace,
    running: false,
    macros: {},
    strategies: ["greedy", "self-consistency", "beam", "mcts"],
    mayRun: true,
    ...changes,
  };
}
