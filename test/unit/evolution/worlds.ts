/** A small self-evolution with fakes: a base that is sometimes right, adapters that are right more often. */
import { createHash } from "node:crypto";
import type { EvolutionServices } from "../../../server/evolution/context.ts";
import { settingsOf, smallRounds } from "../../../server/evolution/profiles.ts";
import type { TrainingProblem } from "../../../server/evolution/problems.ts";
import type { EvolutionSettings } from "../../../server/protocol/evolution.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { hash32 } from "../../../server/search/seed.ts";
import type { Trainer } from "../../../server/services.ts";
import { fakeServices, scriptedPolicy, tablePpm } from "../../support/fakes.ts";

export const BASE_SHA = createHash("sha256").update("base").digest("hex");

export const toyProblems = (count: number): TrainingProblem[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `toy-${index}`,
    problem: `Add up the first ${index + 2} toys.`,
    answer: "7",
  }));

/** Two rounds of few searches; every adapter with more right answers is adopted. */
export function toySettings(changes: Partial<EvolutionSettings> = {}): EvolutionSettings {
  const rounds = smallRounds(2).map((plan) => ({ ...plan, rollouts: 8, ladder: [8] }));
  return {
    ...settingsOf("smoke", { base: "base", bootstrap: "base", rounds, traces: "searched" }),
    heldOutShare: 0.4,
    gateLevel: 1,
    concurrency: 2,
    ...changes,
  };
}

/** Called before whatever the run asks of the outside: may throw, as a kill would. */
export type Boundary = (what: string) => void;

/** Services on a data folder. A policy with an adapter is right nine times of ten, the base four. */
export function toyServices(
  home: string,
  trainer: Trainer,
  boundary: Boundary = () => undefined,
): EvolutionServices {
  let tick = 0;
  return {
    home,
    now: () => new Date(Date.UTC(2026, 0, 1) + 1000 * tick++),
    resolveBase: (id) => Promise.resolve({ kind: "base", id, path: `/models/${id}.gguf`, sha256: BASE_SHA }),
    openSearch: ({ policy, ppm }) => {
      boundary("open");
      const scripted = scriptedPolicy((_request, seed) => {
        boundary("propose");
        const isRight = hash32(`${seed}|right`) % 10 < (policy === "base" ? 4 : 9);
        const answer = isRight ? 7 : hash32(`${seed}|wrong`) % 3;
        const way = hash32(`${seed}|way`) % 4;
        const first = `# Step 1: Go the way called ${"long ".repeat(way + 1)}number ${way}.\nx = ${way}`;
        return {
          text: `${first}\n${MARK.endOfStep}\n# Step 2: Say it.\nprint(${answer})`,
          stop: MARK.endOfCode,
        };
      });
      const services = fakeServices(
        { ...scripted, identity: { id: policy, sha256: BASE_SHA } },
        ppm === null ? null : tablePpm((prefix) => (prefix.includes("print(7)") ? 0.8 : -0.5)),
      );
      return Promise.resolve({ kind: "ready", services, dispose: () => Promise.resolve() });
    },
    trainer: {
      prepare: async (...args) => {
        boundary("prepare");
        return await trainer.prepare(...args);
      },
      train: async (...args) => {
        boundary("train");
        const result = await trainer.train(...args);
        boundary("trained");
        return result;
      },
    },
  };
}
