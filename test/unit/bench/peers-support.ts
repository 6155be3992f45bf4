/** A comparison with rivals, for tests. */
import type { EvaluationProblem } from "../../../server/evaluation/problems.ts";
import type { Session } from "../../../server/evaluation/settings.ts";
import type { PeerRun } from "../../bench/peers/records.ts";

/** Three, whose answers are their numbers. */
export const PROBLEMS: readonly EvaluationProblem[] = ["1", "2", "3"].map((answer) => ({
  id: `p${answer}`,
  text: `What is ${answer}?`,
  answer,
  level: null,
}));

/** Of one machine. */
export const session: Session = {
  startedAt: "2026-01-01T00:00:00.000Z",
  version: "0",
  commit: null,
  command: ["npm"],
  concurrency: 1,
  threads: 2,
  machine: "m",
  engine: "e",
};

/** A comparison of two. */
export const run: PeerRun = {
  version: 1,
  sessions: [],
  settings: {
    set: "three",
    problemsSha256: "0",
    problems: PROBLEMS.map(({ id }) => id),
    policy: { id: "m", sha256: "0", quantisation: null, parameters: 1 },
    ppm: null,
    seed: 1,
    threads: 2,
    limitSeconds: 60,
    contestants: [
      { name: "right", side: "ours", settings: "its own" },
      { name: "wrong", side: "rival", settings: "as documented" },
    ],
    programs: {},
  },
};
