/** The words for a run's stages and for what it came to; the same in the terminal and in the editor. */
import type { GateReport, RoundReport, Stage, TrainingReport } from "../protocol/evolution.ts";

/** What is being done in a stage. */
export const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  search: "searching",
  select: "selecting what to train on",
  "train-policy": "training the policy",
  "gate-policy": "comparing the policy on held-out problems",
  "train-ppm": "training the PPM",
  "gate-ppm": "comparing the PPM on held-out problems",
};

/** What became of policy and PPM in the last round, in two sentences. */
export function summaryOf(report: RoundReport | undefined): string {
  if (report === undefined) return "No round was finished.";
  const { policy, ppm, policyGate, ppmGate } = report;
  return `${sentence("Policy", policy, policyGate)} ${sentence("PPM", ppm, ppmGate)}`;
}

function sentence(name: string, training: TrainingReport, gate: GateReport | null): string {
  switch (training.kind) {
    case "skipped":
      return `${name}: not trained, ${training.why}.`;
    case "failed":
      return `${name}: not usable. ${training.message}`;
    case "adapter":
      if (gate === null) return `${name}: trained, not compared yet.`;
      return `${name} ${gate.why}.`;
    default:
      return training satisfies never;
  }
}
