/**
 * Turns the traces of the round, or of all rounds so far, into the data sets that the trainer reads. Deterministic:
 * doing it again changes nothing.
 */
import { rm } from "node:fs/promises";
import * as z from "zod";
import type { RunState, SelectionReport } from "../protocol/evolution.ts";
import type { Place } from "../protocol/lines.ts";
import { namesOn } from "../protocol/surface.ts";
import { PreferencePair, SftExample } from "../protocol/training.ts";
import { eachLine } from "../json-lines.ts";
import type { TraceStore } from "../services.ts";
import { createTraceStore } from "../traces/store.ts";
import type { RunContext, StageEnd } from "./context.ts";
import { evaluationProblems, fingerprint } from "./decontamination.ts";
import { hashOf } from "./problems.ts";
import { groupOf, headOf, type SelectionRules, type TraceHead, TrainingSelection } from "./select.ts";
import { writeJson, writeLines } from "./run-folder.ts";

/** Fewer problems than this are all needed for training. */
const PROBLEMS_FOR_CURVES = 20;

/** A line of a data set, before it is known which problems are for the curves. */
const SelectedLine = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("policy"), line: SftExample }),
  z.strictObject({ role: z.literal("ppm"), line: PreferencePair }),
]);
type SelectedLine = z.infer<typeof SelectedLine>;

/** Selects and writes. One problem after the other: the traces of a round may be more than fits into memory. */
export async function selectStage(context: RunContext, state: RunState): Promise<StageEnd> {
  const { folder, signal } = context;
  const own = folder.round(state.round);
  const selection = new TrainingSelection(await headsOf(context, state), rulesOf(context, state));
  const ids = new Set<string>();
  async function* lines(): AsyncGenerator<SelectedLine> {
    for (const { id, traces } of selection.problems) {
      signal.throwIfAborted();
      const { sft, pairs } = selection.select(
        id,
        await Promise.all(traces.map(({ store, place }) => store.at(place))),
      );
      for (const line of sft) yield { role: "policy", line };
      for (const line of pairs) yield { role: "ppm", line };
      if (sft.length + pairs.length > 0) ids.add(id);
    }
  }
  try {
    await writeLines(own.selected, lines());
    const report = selection.report();
    if (report.sft.examples === 0) return nothingRight(context, state, report);
    const isForCurves = curveProblems([...ids], state);
    for (const role of ["policy", "ppm"] as const)
      for (const part of ["train", "held"] as const)
        await writeLines(
          own.data(role, part),
          pick(
            own.selected,
            signal,
            (line) => line.role === role && isForCurves.has(line.line.problemId) === (part === "held"),
          ),
        );
    await writeJson(own.selection, report);
  } finally {
    await rm(own.selected, { force: true });
  }
  return { kind: "done", changes: {} };
}

async function* pick(
  file: string,
  signal: AbortSignal,
  isPicked: (line: SelectedLine) => boolean,
): AsyncGenerator<SftExample | PreferencePair> {
  for await (const { record } of eachLine(file, SelectedLine)) {
    signal.throwIfAborted();
    if (record === null) throw new Error(`${file} was changed while it was read`);
    if (isPicked(record)) yield record.line;
  }
}

function nothingRight({ folder }: RunContext, state: RunState, report: SelectionReport): StageEnd {
  const own = folder.round(state.round);
  const message = `None of the ${report.traces} traces gives a right solution to train on (${reasons(report.leftOut)}). Search more or easier problems, or let a stronger model search first (${namesOn().chooseSearcher}). The traces are kept in ${own.traces}.`;
  if (state.settings.traces === "given") return { kind: "failed", message };
  // A person may have told the run to train before its search had found anything.
  return {
    kind: "failed",
    message: `${message} Resuming the run searches what is missing.`,
    goOnAt: "search",
  };
}

/** A trace's head, and where the trace is. */
interface StoredHead extends TraceHead {
  readonly store: TraceStore;
  readonly place: Place;
}

/**
 * The heads of the stored traces in the problems' order, then the ladder's: which search ended first is chance, and a run
 * that was killed has to train on the same data, in the same order, as one that was not.
 */
async function headsOf(context: RunContext, state: RunState): Promise<readonly StoredHead[]> {
  const { folder, problems, signal } = context;
  const { settings, round } = state;
  const rules = rulesOf(context, state);
  const heads: StoredHead[] = [];
  for (let from = settings.selection.rounds === "all" ? 1 : round; from <= round; from++) {
    const store = createTraceStore(folder.round(from).traces);
    const { traces } = await store.read((trace, place) => {
      signal.throwIfAborted();
      return { ...headOf(trace, rules), store, place };
    });
    for (const head of traces) heads.push(head);
  }
  if (settings.traces === "given") return heads;
  const ranks = new Map(problems.train.map(({ id }, index) => [id, index]));
  const rankOf = ({ problemId }: StoredHead): number => ranks.get(problemId) ?? problems.train.length;
  return heads.sort((a, b) => rankOf(a) - rankOf(b) || (a.id < b.id ? -1 : 1));
}

/** The selection rules of a run. */
function rulesOf({ problems }: Pick<RunContext, "problems">, { settings }: RunState): SelectionRules {
  const { selection } = settings;
  const held = new Set(problems.held.map(({ problem }) => fingerprint(problem)));
  const levels = new Map(problems.train.map(({ id, level }) => [id, level]));
  return {
    sft: { trajectories: selection.trajectories, withReasons: true },
    pairs: selection,
    agreement: selection.agreement,
    synthetic: new Set(problems.train.filter(({ synthetic }) => synthetic === true).map(({ id }) => id)),
    evaluation: evaluationProblems(),
    isHeldOut: ({ text }) => held.has(fingerprint(text)),
    policies: selection.policies === null ? null : new Set(selection.policies),
    consent: selection.consent,
    groupsOf: (id) => {
      const level = levels.get(id);
      return [groupOf(id), ...(level === undefined ? [] : [`level ${level}`])];
    },
  };
}

/** The problems whose examples only the trainer's evaluation sees: whole problems, so that nothing of them leaks. */
function curveProblems(ids: readonly string[], state: RunState): Set<string> {
  const { selection, seed } = state.settings;
  if (ids.length < PROBLEMS_FOR_CURVES) return new Set();
  const order = ids
    .map((id) => ({ id, rank: hashOf(seed + 1, id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return new Set(order.slice(0, Math.floor(ids.length * selection.curveShare)).map(({ id }) => id));
}

function reasons(leftOut: readonly { readonly reason: string; readonly traces: number }[]): string {
  if (leftOut.length === 0) return "no trajectory has the right answer";
  return leftOut.map(({ reason, traces }) => `${reason}: ${traces}`).join("; ");
}
