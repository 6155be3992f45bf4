/** Data selection (rStar-Math sections 3.3 and 3.4.1): traces in, SFT examples and preference pairs out, all counted. Pure. */
import type { Coverage, Difficulty, SelectionReport } from "../protocol/evolution.ts";
import type { Trace } from "../protocol/trace.ts";
import type { PreferencePair, SftExample } from "../protocol/training.ts";
import { fingerprint, isEvaluationProblem, type EvaluationProblems } from "./decontamination.ts";
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

/** What was selected, in the order of the problems' first traces. */
export interface Selection {
  readonly sft: readonly SftExample[];
  readonly pairs: readonly PreferencePair[];
  readonly report: SelectionReport;
}

/** Selects. Every trace is either used or counted under the reason why it is left out. */
export function selectTrainingData(traces: readonly Trace[], rules: SelectionRules): Selection {
  const leftOut = new Map<string, number>();
  const leaveOut = (reason: string, count = 1): void => {
    leftOut.set(reason, (leftOut.get(reason) ?? 0) + count);
  };
  const admitted = traces.filter((trace) => {
    const reason = refusalOf(trace, rules);
    if (reason !== null) leaveOut(reason);
    return reason === null;
  });
  const sft: SftExample[] = [];
  const pairs: PreferencePair[] = [];
  const coverage = new CoverageTable();
  const trajectories = { all: 0, right: 0 };
  let used = 0;
  const last = withoutContinued(admitted);
  if (last.length < admitted.length)
    leaveOut("a later search went on from it", admitted.length - last.length);
  for (const [id, own] of byProblem(last)) {
    const first = own[0];
    if (first === undefined) continue;
    const problem = { id, text: first.problem.text };
    const byPerson = own.flatMap((trace) => personPairs(problem, trace));
    const labelling = labelProblem(own, rules.agreement);
    const tree = labelling.kind === "labels" ? mergeTraces(own, labelling.of) : null;
    const refusal =
      labelling.kind === "none" ? labelling.reason : tree === null ? null : noise(id, tree, rules);
    if (refusal !== null && byPerson.length === 0) {
      leaveOut(refusal, own.length);
      continue;
    }
    used += own.length;
    pairs.push(...byPerson);
    if (tree === null || refusal !== null) continue;
    trajectories.all += tree.root.right + tree.root.wrong;
    trajectories.right += tree.root.right;
    coverage.count(rules.groupsOf(id), difficultyOf(tree));
    sft.push(...sftExamples(problem, tree, rules.sft));
    pairs.push(...searchPairs(problem, tree, rules.pairs));
  }
  const report: SelectionReport = {
    traces: traces.length,
    used,
    leftOut: [...leftOut].map(([reason, count]) => ({ reason, traces: count })),
    trajectories,
    coverage: coverage.rows(),
    sft: { examples: sft.length, problems: problemsIn(sft) },
    pairs: {
      step: pairs.filter(({ level, origin }) => level === "step" && origin === "search").length,
      answer: pairs.filter(({ level }) => level === "answer").length,
      person: pairs.filter(({ origin }) => origin === "person").length,
      problems: problemsIn(pairs),
    },
  };
  return { sft, pairs, report };
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
function byProblem(traces: readonly Trace[]): Map<string, Trace[]> {
  const groups = new Map<string, { readonly id: string; readonly traces: Trace[] }>();
  const taken = new Set<string>();
  for (const trace of traces) {
    const { id, text } = trace.problem;
    const group = groups.get(text);
    if (group !== undefined) {
      group.traces.push(trace);
      continue;
    }
    // Two problems under one id stay two.
    const own = taken.has(id) ? `${id}~${fingerprint(text)}` : id;
    taken.add(own);
    groups.set(text, { id: own, traces: [trace] });
  }
  return new Map([...groups.values()].map((group) => [group.id, group.traces]));
}

function problemsIn(lines: readonly { readonly problemId: string }[]): number {
  return new Set(lines.map(({ problemId }) => problemId)).size;
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
