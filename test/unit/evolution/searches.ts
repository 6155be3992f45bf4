/** Random problems searched by the real search with a scripted policy: what selection is tested on. */
import fc from "fast-check";
import { evaluationProblems } from "../../../server/evolution/decontamination.ts";
import { SELECTION } from "../../../server/evolution/profiles.ts";
import {
  groupOf,
  headOf,
  type Selected,
  type SelectionRules,
  TrainingSelection,
} from "../../../server/evolution/select.ts";
import type { SelectionReport } from "../../../server/protocol/evolution.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { hash32 } from "../../../server/search/seed.ts";
import { solve } from "../../../server/search/solve.ts";
import type { Trace, TraceNode } from "../../../server/protocol/trace.ts";
import { configOf, fakeServices, scriptedPolicy, tablePpm, type Script } from "../../support/fakes.ts";

/** How a random policy behaves. */
export interface World {
  readonly salt: number;
  /** Distinct wordings of a step, distinct answers, and per cent of steps that fail. */
  readonly wordings: number;
  readonly answers: number;
  readonly failing: number;
  readonly withPpm: boolean;
  readonly deadEndValue: number | null;
  readonly rollout: "steps" | "continuation";
}

export const worlds: fc.Arbitrary<World> = fc.record({
  salt: fc.nat(1_000_000),
  wordings: fc.integer({ min: 2, max: 5 }),
  answers: fc.integer({ min: 1, max: 3 }),
  failing: fc.integer({ min: 0, max: 30 }),
  withPpm: fc.boolean(),
  deadEndValue: fc.constantFrom(null, -1),
  rollout: fc.constantFrom("steps", "continuation"),
});

/** A policy whose steps depend on the seed and the depth only; one to three steps, then a printed answer. */
function scriptOf(world: World): Script {
  const step = (seed: number, depth: number): { text: string; final: boolean } => {
    const roll = (what: string, sides: number): number =>
      hash32(`${world.salt}|${seed}|${depth}|${what}`) % sides;
    const final = depth >= 3 || roll("final", 3) === 0;
    const wording = roll("wording", world.wordings);
    const body =
      roll("fail", 100) < world.failing
        ? `raise ValueError(${wording})`
        : final
          ? `print(${roll("answer", world.answers)})`
          : `x_${depth} = ${wording} + ${"1 + ".repeat(wording * 3)}0`;
    const reason = wording === 0 && depth === 1 ? "" : `# Step ${depth}: wording ${wording}\n`;
    return { text: `${reason}${body}`, final };
  };
  return (request, seed, prompt) => {
    const depth = prompt.split(MARK.endOfStep).length;
    if (request.stop.includes(MARK.endOfStep)) {
      const { text, final } = step(seed, depth);
      return { text, stop: final ? MARK.endOfCode : MARK.endOfStep };
    }
    const texts: string[] = [];
    for (let at = depth; ; at++) {
      const { text, final } = step(hash32(`${seed}|${at}`), at);
      texts.push(text);
      if (final) return { text: texts.join(`\n${MARK.endOfStep}\n`), stop: MARK.endOfCode };
    }
  };
}

/** One search of a problem whose right answer is 0, collected for training. */
export function search(
  world: World,
  problem: { readonly id: string; readonly text: string; readonly reference: string | null },
  seed: number,
  traceId = `${problem.id}-seed-${seed}`,
): Promise<Trace> {
  const ppm = world.withPpm ? tablePpm((prefix) => (hash32(prefix) % 200) / 100 - 0.995) : null;
  return solve(
    problem,
    configOf({
      strategy: "mcts",
      annotation: "reference",
      seed,
      rollouts: 6,
      candidates: 4,
      rollout: world.rollout,
      deadEndValue: world.deadEndValue,
      settleConfidence: 1,
      budgetTokens: 4000,
    }),
    fakeServices(scriptedPolicy(scriptOf(world)), ppm),
    { id: traceId, createdAt: "2026-01-01T00:00:00.000Z", source: null },
    new AbortController().signal,
  );
}

/** A node's whole way as one string: what makes two nodes of different searches the same. */
export function wayOf(trace: Trace, node: TraceNode): string {
  const way: string[] = [];
  for (
    let at: TraceNode | undefined = node;
    at !== undefined && at.parent !== null;
    at = trace.nodes[at.parent]
  )
    way.unshift(`${at.kind}:${at.text}:${at.final}:${at.output}`);
  return way.join("\u0000");
}

/** The rules of a run, for whatever is on hand. */
export const RULES: SelectionRules = {
  sft: { trajectories: SELECTION.trajectories, withReasons: true },
  pairs: SELECTION,
  agreement: SELECTION.agreement,
  synthetic: new Set(),
  groupsOf: (id) => [groupOf(id)],
  evaluation: evaluationProblems(),
  isHeldOut: () => false,
  policies: null,
  consent: "any",
};

/** The n-th problem. */
export const problemOf = (n: number): { id: string; text: string; reference: string | null } => ({
  id: `toy-${n}`,
  text: `What is toy number ${n}?`,
  reference: "0",
});

/** What is selected from traces that are all on hand. */
export function selectTrainingData(
  traces: readonly Trace[],
  rules: SelectionRules,
): Selected & { readonly report: SelectionReport } {
  const heads = traces.map((trace) => ({ ...headOf(trace, rules), trace }));
  const selection = new TrainingSelection(heads, rules);
  const selected = selection.problems.map(({ id, traces: own }) =>
    selection.select(
      id,
      own.map(({ trace }) => trace),
    ),
  );
  return {
    sft: selected.flatMap(({ sft }) => sft),
    pairs: selected.flatMap(({ pairs }) => pairs),
    report: selection.report(),
  };
}
