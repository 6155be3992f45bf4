/** An evaluation over scripted services: settings, a plan and the searches of it, the same every time. */
import { openDraws } from "../../../server/evaluation/draws.ts";
import { filesOf, inFolder } from "../../../server/evaluation/folder.ts";
import { budgetName } from "../../../server/evaluation/methods.ts";
import { problemsHash, type EvaluationProblem } from "../../../server/evaluation/problems.ts";
import { openRecords, readRecords } from "../../../server/evaluation/records.ts";
import { evaluate, type EvaluationEnd, type EvaluationPlan } from "../../../server/evaluation/run.ts";
import type { EvaluationSettings, Session } from "../../../server/evaluation/settings.ts";
import { planOf } from "../../../server/cli/eval-options.ts";
import type { SearchServices } from "../../../server/search/services.ts";
import { fakeServices, scriptedPolicy } from "../../support/fakes.ts";

/** Problems `p0`, `p1`, …, whose answers are their numbers; levels 1 and 2 in turn. */
export function problemsOf(count: number): EvaluationProblem[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `p${index}`,
    text: `Name the number ${index}.`,
    answer: String(index),
    level: String(1 + (index % 2)),
  }));
}

/** A policy that names the number asked for, or with an odd seed sometimes the next one. */
export function namingPolicy() {
  return scriptedPolicy((request, seed, prompt) => {
    const asked = Number(/Name the number (\d+)/u.exec(prompt)?.[1]);
    const wrong = request.sampling.temperature > 0 ? seed % 3 === 0 : asked % 4 === 3;
    return { text: `# Step 1: Say it.\nprint(${wrong ? asked + 1 : asked})\n`, stop: "<end_of_code>" };
  });
}

export function servicesOf(policy = namingPolicy()): SearchServices {
  return fakeServices(policy);
}

export function planFor(
  problems: readonly EvaluationProblem[],
  options: Partial<Parameters<typeof planOf>[0]> = {},
): EvaluationPlan {
  const wanted = { strategy: "self-consistency,mcts", budget: "4x", seed: 1, seeds: 2, ...options };
  return { ...planOf(wanted, problems), name: "test" };
}

export function settingsFor(plan: EvaluationPlan): EvaluationSettings {
  const hash = "0".repeat(64);
  return {
    set: "numbers",
    problemsSha256: problemsHash(plan.problems),
    problems: plan.problems.map(({ id, level }) => ({ id, level })),
    offset: 0,
    methods: plan.methods.map(({ name, ppm, config }) => ({ name, ppm, config })),
    budgets: plan.budgets.map(budgetName),
    seeds: [...plan.seeds],
    sharedDraws: plan.sharedDraws,
    models: { policy: { id: "scripted", sha256: hash, parameters: 1000, quantisation: "Q4_K_M" }, ppm: null },
    prompt: { format: "bare", sha256: hash },
  };
}

export function sessionOf(changes: Partial<Session> = {}): Session {
  return {
    startedAt: "2026-01-01T00:00:00.000Z",
    version: "0.0.0",
    commit: "abc",
    command: ["rstar", "eval"],
    concurrency: 3,
    threads: 2,
    machine: "test",
    engine: "none",
    ...changes,
  };
}

interface Evaluating {
  /** After so many searches the signal is aborted. */
  readonly stopAfter?: number;
  readonly now?: () => number;
  readonly session?: Partial<Session>;
  readonly concurrency?: number;
  /** Called before a record is written: a full disk may throw here. */
  readonly beforeKeep?: () => void;
}

/** Evaluates into a folder, going on with what is there. */
export async function evaluateInto(
  folder: string,
  plan: EvaluationPlan,
  services: SearchServices = servicesOf(),
  options: Evaluating = {},
): Promise<{ readonly end: EvaluationEnd; readonly searched: number }> {
  const { traces, draws } = filesOf(folder);
  const controller = new AbortController();
  let searched = 0;
  const work = async (session: number): Promise<EvaluationEnd> => {
    const { outcomes } = await readRecords(traces);
    const writer = await openRecords(traces);
    try {
      return await evaluate(
        plan,
        new Map(outcomes),
        services,
        {
          concurrency: options.concurrency ?? 3,
          session,
          now: options.now ?? (() => 0),
          keep: async (record) => {
            options.beforeKeep?.();
            await writer.append(record);
          },
          openDraws: (name) => openDraws(draws, name),
          onOutcome: () => {
            if (++searched === options.stopAfter) controller.abort();
          },
        },
        controller.signal,
      );
    } finally {
      await writer.close();
    }
  };
  const session = sessionOf(options.session);
  const worked = await inFolder(folder, settingsFor(plan), session, true, controller.signal, work);
  if (worked.kind === "refused") throw new Error(worked.message);
  return { end: worked.value, searched };
}
