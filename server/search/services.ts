/** What a search is given: the problem, the services it uses, and what their use costs. */
import type { Cost } from "../protocol/trace.ts";
import type {
  Grader,
  PolicyModel,
  PreferenceModel,
  Prefix,
  ProposeRequest,
  ProposeResult,
  RunResult,
  Sandbox,
  ScoreResult,
} from "../services.ts";
import type { PromptFormat } from "./prompt.ts";
import type { SearchNode } from "./tree.ts";

/** The clock is an argument so that a search with fakes is the same every time. */
export interface SearchServices {
  readonly policy: PolicyModel;
  readonly promptFormat: PromptFormat;
  readonly ppm: PreferenceModel | null;
  readonly sandbox: Sandbox;
  readonly grader: Grader;
  /** Milliseconds; differences only. */
  readonly clock: () => number;
}

/** What is to be solved. */
export interface SearchProblem {
  /** Takes part in the seeds: the same problem under the same id is searched the same way. */
  readonly id: string;
  readonly text: string;
  /** The given answer, for grading and terminal-guided annotation. Never part of a prompt. */
  readonly reference: string | null;
}

/** The search cannot go on: what happened, for a person. */
export class SearchFailure extends Error {}

/** The services of one search: every use is booked on the search and, where one node had it, on the node. */
export class MeteredServices {
  readonly cost: Cost = { generatedTokens: 0, evaluatedTokens: 0, ppmTokens: 0, sandboxMs: 0 };
  readonly ms = { policy: 0, ppm: 0, sandbox: 0, grading: 0 };
  readonly #services: SearchServices;
  readonly #signal: AbortSignal;

  constructor(services: SearchServices, signal: AbortSignal) {
    this.#services = services;
    this.#signal = signal;
  }

  get grader(): Grader {
    return this.#services.grader;
  }

  /** Candidates of the policy, one result for each request. @throws SearchFailure when the policy fails. */
  async propose(
    requests: readonly ProposeRequest[],
  ): Promise<Exclude<ProposeResult, { readonly kind: "failed" }>[]> {
    const results = await this.timed("policy", () => this.#services.policy.propose(requests, this.#signal));
    return results.map((result) => {
      if (result.kind === "failed") throw new SearchFailure(`The model could not go on: ${result.reason}`);
      if (result.kind === "candidates") {
        this.cost.evaluatedTokens += result.evaluatedTokens;
        for (const candidate of result.candidates) this.cost.generatedTokens += candidate.tokens;
      }
      return result;
    });
  }

  /** Runs a new node's code on its parent's state. Code that lacked an import is the node's with it. */
  async run(node: SearchNode): Promise<RunResult> {
    const state = node.parent?.state;
    if (state === null || state === undefined) throw new Error("a step was added below a rejected one");
    const result = await this.#services.sandbox.run(state, node.code, this.#signal, {
      completeImports: true,
    });
    node.code = result.code;
    node.cost.sandboxMs += result.ms;
    this.cost.sandboxMs += result.ms;
    return result;
  }

  /** Scores of the PPM, one result for each prefix; none without a PPM. @throws SearchFailure when it fails. */
  async score(prefixes: readonly Prefix[]): Promise<Exclude<ScoreResult, { readonly kind: "failed" }>[]> {
    const { ppm } = this.#services;
    if (ppm === null) return [];
    const results = await this.timed("ppm", () => ppm.score(prefixes, this.#signal));
    return results.map((result) => {
      if (result.kind === "failed") throw new SearchFailure(`The PPM could not go on: ${result.reason}`);
      if (result.kind === "score") this.cost.ppmTokens += result.evaluatedTokens;
      return result;
    });
  }

  /** Books the time that something takes; the sandbox's is that of all runs side by side. */
  async timed<T>(what: keyof MeteredServices["ms"], use: () => Promise<T>): Promise<T> {
    const begun = this.#services.clock();
    const result = await use();
    this.ms[what] += this.#services.clock() - begun;
    return result;
  }
}
