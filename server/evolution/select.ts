/** Data selection (rStar-Math sections 3.3 and 3.4.1): traces in, SFT examples and preference pairs out, all counted. Pure. */
import type { Coverage, Difficulty, SelectionReport } from "../protocol/evolution.ts";
import type { Trace } from "../protocol/trace.ts";
import type { PreferencePair, SftExample } from "../protocol/training.ts";
import { sha256 } from "../search/solve.ts";
import { isEvaluationProblem, type EvaluationProblems } from "./decontamination.ts";
import { labelProblem, type AgreementRule } from "./labels.ts";
import { isMixed, personPairs, searchPairs, type PairRule } from "./pairs.ts";
import { mergeTraces, type ProblemTree, withoutContinued } from "./problem-tree.ts";
import { sftExamples, type SftRule } from "./sft.ts";

/** The rules of a selection. */
export interface SelectionRules {
  readonly sft: SftRule;
  readonly pairs: PairRule;
  /** For problems without a given answer; null leaves them out. */
  readonly agreement: AgreementRule | null;
  /** Problems whose answers were made up: fewer than half of the trajectories right means a wrong answer (appendix A.1). */
  readonly synthetic: ReadonlySet<string>;
  readonly evaluation: EvaluationProblems;
  /** Problems that never train, because adapters are compared on them. */
  readonly isHeldOut: (problem: Trace["problem"]) => boolean;
  /** SHA-256 of the policies whose traces may train; null takes all. */
  readonly policies: ReadonlySet<string> | null;
  /** `agreed`: only traces whose collecting the person agreed to. `any`: all but those of files they opted out. */
  readonly consent: "agreed" | "any";
  /** The groups of a problem in the coverage report. */
  readonly groupsOf: (problemId: string) => readonly string[];
}

/** What is known of a trace before those of its problem are read together. */
export interface TraceHead extends Pick<Trace, "id" | "createdAt" | "continues"> {
  readonly problemId: string;
  /** SHA-256 of the problem's text. */
  readonly text: string;
  /** Why it may not train at all; null when it may. */
  readonly refusal: string | null;
}

/** The head of a trace. */
export function headOf(trace: Trace, rules: SelectionRules): TraceHead {
  const { id, createdAt, continues, problem } = trace;
  const refusal = refusalOf(trace, rules);
  return { id, createdAt, continues, problemId: problem.id, text: sha256(problem.text), refusal };
}

/** A problem whose traces are to be read together. */
export interface TracedProblem<T extends TraceHead> {
  readonly id: string;
  readonly traces: readonly T[];
}

/** What one problem gives to train on. */
export interface Selected {
  readonly sft: readonly SftExample[];
  readonly pairs: readonly PreferencePair[];
}

const NOTHING: Selected = { sft: [], pairs: [] };

/**
 * A selection in two steps, because the traces of a whole round do not fit into memory: which belong together is decided
 * by their heads, and then one problem after the other is read. Every trace is either used or counted under the reason
 * why it is left out.
 */
export class TrainingSelection<T extends TraceHead> {
  readonly #rules: SelectionRules;
  readonly #leftOut = new Map<string, number>();
  readonly #coverage = new CoverageTable();
  readonly #trajectories = { all: 0, right: 0 };
  readonly #sft = { examples: 0, problems: 0 };
  readonly #pairs = { step: 0, answer: 0, person: 0, problems: 0 };
  readonly #traces: number;
  #used = 0;
  /** The problems, in the order of their first traces. */
  readonly problems: readonly TracedProblem<T>[];

  constructor(heads: readonly T[], rules: SelectionRules) {
    this.#rules = rules;
    this.#traces = heads.length;
    for (const { refusal } of heads) if (refusal !== null) this.#leaveOut(refusal);
    const admitted = heads.filter(({ refusal }) => refusal === null);
    const last = withoutContinued(admitted);
    if (last.length < admitted.length)
      this.#leaveOut("a later search went on from it", admitted.length - last.length);
    this.problems = byProblem(last);
  }

  /** Selects from all traces of one of the problems. */
  select(id: string, traces: readonly Trace[]): Selected {
    const [first] = traces;
    if (first === undefined) return NOTHING;
    const rules = this.#rules;
    const problem = { id, text: first.problem.text };
    const byPerson = traces.flatMap((trace) => personPairs(problem, trace));
    const labelling = labelProblem(traces, rules.agreement);
    const tree = labelling.kind === "labels" ? mergeTraces(traces, labelling.of) : null;
    const refusal =
      labelling.kind === "none" ? labelling.reason : tree === null ? null : noise(id, tree, rules);
    if (refusal !== null && byPerson.length === 0) {
      this.#leaveOut(refusal, traces.length);
      return NOTHING;
    }
    this.#used += traces.length;
    if (tree === null || refusal !== null) return this.#count({ sft: [], pairs: byPerson });
    this.#trajectories.all += tree.root.right + tree.root.wrong;
    this.#trajectories.right += tree.root.right;
    this.#coverage.count(rules.groupsOf(id), difficultyOf(tree));
    return this.#count({
      sft: sftExamples(problem, tree, rules.sft),
      pairs: [...byPerson, ...searchPairs(problem, tree, rules.pairs)],
    });
  }

  /** What was selected so far and what was left out. */
  report(): SelectionReport {
    return {
      traces: this.#traces,
      used: this.#used,
      leftOut: [...this.#leftOut].map(([reason, count]) => ({ reason, traces: count })),
      trajectories: { ...this.#trajectories },
      coverage: this.#coverage.rows(),
      sft: { ...this.#sft },
      pairs: { ...this.#pairs },
    };
  }

  #leaveOut(reason: string, count = 1): void {
    this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + count);
  }

  #count(selected: Selected): Selected {
    const { sft, pairs } = selected;
    this.#sft.examples += sft.length;
    if (sft.length > 0) this.#sft.problems++;
    if (pairs.length > 0) this.#pairs.problems++;
    for (const { level, origin } of pairs) {
      if (level === "answer") this.#pairs.answer++;
      else if (origin === "search") this.#pairs.step++;
      if (origin === "person") this.#pairs.person++;
    }
    return selected;
  }
}

/**
 * How hard the problem was (section 3.4.1): by the share of trajectories with the right answer. One that never reached
 * an answer is hard.
 */
function difficultyOf(tree: ProblemTree): Difficulty {
  if (isMixed(tree)) return "medium";
  return tree.root.right > 0 && tree.root.wrong === 0 ? "easy" : "hard";
}

/** `gsm8k-train-17` belongs to `gsm8k-train`; a document's problem, named by a hash, to `documents`. */
export function groupOf(problemId: string): string {
  if (/^[0-9a-f]{16,64}$/u.test(problemId)) return "documents";
  return problemId.replace(/[-_/#]?\d+$/u, "") || problemId;
}

/** Why a trace may not train at all; null when it may. */
function refusalOf(trace: Trace, rules: SelectionRules): string | null {
  if (isEvaluationProblem(trace.problem, rules.evaluation)) return "evaluation problem";
  if (trace.training === "opted-out") return "its file is opted out";
  if (rules.consent === "agreed" && trace.training !== "agreed") return "collecting was not agreed to";
  if (rules.policies !== null && !rules.policies.has(trace.models.policy.sha256 ?? ""))
    return "other base model";
  if (rules.isHeldOut(trace.problem)) return "held out for the gate";
  return null;
}

/** Why a synthetic problem is taken to have a wrong answer; null when it is not. */
function noise(id: string, { root }: ProblemTree, rules: SelectionRules): string | null {
  if (!rules.synthetic.has(id)) return null;
  return root.right < root.wrong ? "synthetic problem with fewer than half of its trajectories right" : null;
}

/** Traces of the same problem, whatever id each was searched under: the text is what makes it one. */
function byProblem<T extends TraceHead>(traces: readonly T[]): TracedProblem<T>[] {
  const groups = new Map<string, { readonly id: string; readonly traces: T[] }>();
  const taken = new Set<string>();
  for (const trace of traces) {
    const { problemId, text } = trace;
    const group = groups.get(text);
    if (group !== undefined) {
      group.traces.push(trace);
      continue;
    }
    // Two problems under one id stay two.
    const id = taken.has(problemId) ? `${problemId}~${text.slice(0, 16)}` : problemId;
    taken.add(id);
    groups.set(text, { id, traces: [trace] });
  }
  return [...groups.values()];
}

/** Counts problems by group; the last row is all of them. */
class CoverageTable {
  readonly #rows = new Map<string, Coverage>();

  count(groups: readonly string[], difficulty: Difficulty): void {
    for (const group of [...new Set(groups), "all"]) {
      const row = this.#rows.get(group) ?? { group, problems: 0, solved: 0, easy: 0, medium: 0, hard: 0 };
      row.problems++;
      if (difficulty !== "hard") row.solved++;
      row[difficulty]++;
      this.#rows.set(group, row);
    }
  }

  rows(): Coverage[] {
    const rows = [...this.#rows.values()].filter(({ group }) => group !== "all");
    rows.sort((a, b) => (a.group < b.group ? -1 : 1));
    return [
      ...rows,
      this.#rows.get("all") ?? { group: "all", problems: 0, solved: 0, easy: 0, medium: 0, hard: 0 },
    ];
  }
}
