/** What the stages of a run work with, and how a stage ends. */
import type { RunState, Stage } from "../protocol/evolution.ts";
import type { EvolutionEvent } from "../protocol/run-output.ts";
import type { SearchServices } from "../search/services.ts";
import type { Trainer } from "../services.ts";
import type { RunFolder, RunProblems } from "./run-folder.ts";

/** Models to search with, by id: a model of the manifest, of the user's own, or an adapter of the lineage. */
export interface SearchModels {
  readonly policy: string;
  readonly ppm: string | null;
}

/** Models and Python, ready; or what is missing and what to do about it. */
export type SearchOpening =
  | { readonly kind: "ready"; readonly services: SearchServices; readonly dispose: () => Promise<void> }
  | { readonly kind: "failed"; readonly message: string };

/** The base that adapters are trained on. */
export type BaseResolution =
  | { readonly kind: "base"; readonly id: string; readonly path: string; readonly sha256: string }
  | { readonly kind: "failed"; readonly message: string };

/** What rounds need of the outside; tests replace all of it. */
export interface EvolutionServices {
  /** The data folder, where adapters are kept. */
  readonly home: string;
  /** @throws the signal's reason when it is aborted. */
  readonly openSearch: (
    models: SearchModels,
    problemsAtOnce: number,
    signal: AbortSignal,
  ) => Promise<SearchOpening>;
  readonly resolveBase: (id: string, signal: AbortSignal) => Promise<BaseResolution>;
  readonly trainer: Trainer;
  readonly now: () => Date;
}

/** A run under way. */
export interface RunContext {
  readonly folder: RunFolder;
  readonly problems: RunProblems;
  readonly services: EvolutionServices;
  readonly signal: AbortSignal;
  readonly emit: (event: EvolutionEvent) => void;
}

/** How a stage ended: with what changes in the state, stopped by the signal, or failed in a way that can be put right. */
export type StageEnd =
  | { readonly kind: "done"; readonly changes: Partial<RunState> }
  | { readonly kind: "stopped" }
  /** `goOnAt` is the stage to go on at where that is another one. */
  | { readonly kind: "failed"; readonly message: string; readonly goOnAt?: Stage };

/** The models that search in the state's round, by its plan and what was adopted. */
export function searchModels(state: RunState): SearchModels {
  const plan = state.settings.rounds[state.round - 1];
  const adopted = state.adopted.policy ?? state.settings.base;
  return {
    policy: plan?.policy === "bootstrap" ? state.settings.bootstrap : adopted,
    ppm: plan?.annotation === "ppm-augmented" ? state.adopted.ppm : null,
  };
}
