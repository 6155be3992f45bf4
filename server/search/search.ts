/**
 * One search of one problem: the operations that every strategy is made of (sample, expand, score, back up), all on one
 * tree and under one budget of generated tokens.
 */
import type { Candidate, Prefix, ProposeRequest, ProposeResult } from "../services.ts";
import type { Cost, Rejection, Vote } from "../protocol/trace.ts";
import type { SearchEvent, SearchProgress } from "../protocol/events.ts";
import { Answers } from "./answers.ts";
import type { SearchConfig } from "./config.ts";
import { CONTINUATION_STOPS, parseCandidate, parseContinuation, STEP_STOPS, type Step } from "./grammar.ts";
import { prefixOf, promptFor } from "./prompt.ts";
import { candidateSeed } from "./seed.ts";
import { MeteredServices, SearchFailure, type SearchProblem, type SearchServices } from "./services.ts";
import { isRefused, isWithin, pathOf, toTraceNode, Tree, type SearchNode } from "./tree.ts";
import { affordable, costed, type CostedStep, type Draw, type Trail } from "./trail.ts";
import { printed, reject, rejectionOf } from "./verdict.ts";
import { backupRule, isSettled } from "./vote.ts";

/** What a continuation is taken to cost before the first one was seen, in tokens. */
const USUAL_CONTINUATION = 120;
/** The same of a step: 39 on average in docs/results/strategies-gsm8k. */
const USUAL_STEP = 40;

export class Search {
  readonly tree = new Tree();
  readonly problem: SearchProblem;
  readonly config: SearchConfig;
  readonly signal: AbortSignal;
  readonly cost: Cost;
  readonly ms: MeteredServices["ms"];
  /** Trajectories begun: continuations drawn, or beams and rollouts started. */
  started = 0;
  /** Where strategies begin, and what every solution goes through: the root, or the step that a person chose. */
  origin: SearchNode = this.tree.root;
  readonly #services: MeteredServices;
  readonly #answers: Answers;
  readonly #emit: (event: SearchEvent) => void;
  readonly #root: Prefix;
  #candidates = 0;
  #rejected = 0;
  #continuations = 0;
  #continuationTokens = 0;
  #steps = 0;
  #stepTokens = 0;
  /** Tokens that an earlier search on this tree had generated: the budget counts from there. */
  #tokensBefore = 0;

  constructor(
    problem: SearchProblem,
    config: SearchConfig,
    services: SearchServices,
    signal: AbortSignal,
    emit: (event: SearchEvent) => void,
  ) {
    this.problem = problem;
    this.config = config;
    this.signal = signal;
    this.#root = promptFor(problem.text, services.promptFormat);
    this.#services = new MeteredServices(services, signal);
    this.#answers = new Answers(
      { problem, tree: this.tree, root: this.#root, seed: config.seed },
      this.#services,
      signal,
    );
    this.cost = this.#services.cost;
    this.ms = this.#services.ms;
    this.#emit = emit;
  }

  /**
   * Tokens that may still be generated. They say what is begun: what was begun is written to its end, because a program
   * that is cut off gives no answer for its tokens.
   */
  get remaining(): number {
    return Math.max(0, this.config.budgetTokens + this.#tokensBefore - this.cost.generatedTokens);
  }

  /** Whether another typical trajectory would exceed the budget. */
  isSpent(): boolean {
    const usual = this.#usualContinuation();
    return this.#candidates === 0 ? this.remaining === 0 : this.remaining < usual / 2;
  }

  /** Whether what is left pays for `n` more steps, each as long as those drawn so far, and then for one way to the end. */
  paysFor(n: number): boolean {
    const step = (USUAL_STEP + this.#stepTokens) / (1 + this.#steps);
    return this.remaining >= n * step + this.#usualContinuation();
  }

  /**
   * Lets the policy write on to the end of the program, `n` times from each node, and adds every step it wrote: each is
   * run on top of the one before, and the first that fails ends its trajectory. Returns where trajectories ended.
   */
  async sample(draws: readonly Draw[], temperature = this.config.temperature): Promise<SearchNode[]> {
    const paid = affordable(draws, this.remaining, this.#usualContinuation());
    const results = await this.#propose(
      paid,
      CONTINUATION_STOPS,
      this.config.maxContinuationTokens,
      temperature,
    );
    const trails: Trail[] = [];
    for (const [index, draw] of paid.entries()) {
      for (const candidate of results[index] ?? []) {
        this.started++;
        this.#continuations++;
        this.#continuationTokens += candidate.tokens;
        trails.push({ at: draw.node, steps: costed(parseContinuation(candidate), candidate) });
      }
    }
    return this.#grow(trails, true);
  }

  /**
   * One step: `n` candidates for the next step of each node, identical ones merged, each run on its parent's state.
   * Children that closed their program and ran get their answer node at once. Returns the children that each draw led
   * to, once each: those drawn again too, so that a beam can take a step that an earlier one took, and rejected ones.
   */
  async expand(draws: readonly Draw[]): Promise<SearchNode[][]> {
    const { maxStepTokens, temperature } = this.config;
    const results = await this.#propose(draws, STEP_STOPS, maxStepTokens, temperature);
    const trails: Trail[] = [];
    const before = new Map(draws.flatMap(({ node }) => node.children.map((child) => [child, child.samples])));
    for (const [index, draw] of draws.entries()) {
      for (const candidate of results[index] ?? []) {
        this.#steps++;
        this.#stepTokens += candidate.tokens;
        trails.push({ at: draw.node, steps: costed([parseCandidate(candidate)], candidate) });
      }
    }
    await this.#grow(trails, false);
    return draws.map(({ node }) => node.children.filter((child) => child.samples !== before.get(child)));
  }

  /**
   * Books what an earlier search on this tree took, and counts and tells the nodes it left; `groups` are the answers that
   * it found to be equal. Where it was stopped before a program had its answer or a node its count or score, that is made
   * up for.
   */
  async takeOver(cost: Cost, started: number, groups: readonly (readonly SearchNode[])[]): Promise<void> {
    Object.assign(this.cost, cost);
    this.#tokensBefore = cost.generatedTokens;
    this.started = started;
    for (const node of this.tree.nodes) {
      if (node.kind === "step") this.#candidates += node.samples;
      if (node.rejection !== null) this.#rejected++;
    }
    const nodes = this.tree.nodes.filter((node) => node.rejection === null && !isRefused(node));
    await this.#answers.count(
      nodes.filter(({ kind }) => kind === "answer"),
      groups,
    );
    const unanswered = nodes.filter(
      ({ kind, final, children }) => kind === "step" && final && !children.length,
    );
    const answers = await this.#answers.of(unanswered.filter((node) => this.mayWin(node)));
    await this.#answers.count([...answers.values()]);
    await this.#score(
      [...nodes, ...answers.values()].filter(({ kind, ppm }) => kind !== "root" && ppm === null),
    );
    this.backup();
    this.#tell(this.tree.nodes);
  }

  /** Adds a step that a person wrote, and runs it. Its candidate of the same text, if there is one, is that step. */
  async addStep(parent: SearchNode, parsed: CostedStep["parsed"]): Promise<SearchNode> {
    const before = parent.children.length;
    await this.#grow([{ at: parent, steps: [{ parsed, tokens: 0, logProb: null }] }], false);
    const text = parsed.kind === "step" ? parsed.step.text : parsed.text;
    const node = parent.children[before] ?? parent.children.find((child) => child.text === text);
    if (node === undefined) throw new Error("the step was not added");
    return node;
  }

  /** Takes a step and all that follows it out of the search, because a person said no. */
  refuse(node: SearchNode): void {
    node.rejection = reject("person", "Rejected by a person.");
  }

  /** Recomputes Q-values and visits by the configured annotation. */
  backup(): void {
    this.tree.backup(backupRule(this.config, this.#answers.groups));
  }

  /**
   * Whether the answer that leads would hardly be overtaken by more trajectories. By the PPM's weights another may lead
   * than by count: then nothing is settled.
   */
  isSettled(): boolean {
    if (this.config.settleConfidence >= 1) return false;
    const [first, ...others] = this.votes();
    const second = Math.max(0, ...others.map(({ count }) => count));
    return isSettled(first?.count ?? 0, second, this.config.settleConfidence);
  }

  /** The vote as it stands, best first. */
  votes(): Vote[] {
    return this.#answers.groups.votes(this.config.voters, (node) => this.mayWin(node));
  }

  /** Whether the node's trajectory is one that a person's choices admit. */
  mayWin(node: SearchNode): boolean {
    return isWithin(node, this.origin) && !isRefused(node);
  }

  /**
   * How promising a node is: its PPM score; with no PPM how sure the policy was of what it wrote on the way, on average.
   */
  promise(node: SearchNode): number {
    if (node.ppm !== null) return node.ppm;
    // What no model generated, such as an answer read from the output, counts neither way: as sure it would favour short
    // programs.
    const means = pathOf(node).flatMap(({ logProb }) => (logProb === null ? [] : [logProb.mean]));
    return means.reduce((sum, mean) => sum + mean, 0) / Math.max(1, means.length);
  }

  /** Where the search stands. */
  progress(): SearchProgress {
    const best = this.votes()[0];
    return {
      generatedTokens: this.cost.generatedTokens - this.#tokensBefore,
      budget: this.config.budgetTokens,
      candidates: this.#candidates,
      rejected: this.#rejected,
      trajectories: this.tree.answers().reduce((sum, node) => sum + node.arrivals, 0),
      started: this.started,
      planned: this.started + Math.floor(this.remaining / this.#usualContinuation()),
      best: best === undefined ? null : { answer: best.answer, support: best.count },
    };
  }

  /** Tokens that a continuation takes, by those seen so far. */
  #usualContinuation(): number {
    return this.#continuations === 0 ? USUAL_CONTINUATION : this.#continuationTokens / this.#continuations;
  }

  async #propose(
    draws: readonly Draw[],
    stop: readonly string[],
    maxTokens: number,
    temperature: number,
  ): Promise<(readonly Candidate[])[]> {
    const { topP, topK, minP } = this.config;
    const requests = draws.map(({ node, n }): ProposeRequest => {
      const first = node.drawn;
      const seeds = Array.from({ length: n }, (_, index) =>
        candidateSeed(this.config.seed, this.problem.id, node.place, first + index),
      );
      return {
        prefix: prefixOf(node, this.#root),
        seeds,
        sampling: { temperature, topP, topK, minP },
        stop,
        maxTokens,
        onText: (candidate, text) =>
          this.#emit({
            kind: "draft",
            problemId: this.problem.id,
            parent: node.id,
            draft: first + candidate,
            text,
          }),
      };
    });
    const results = await this.#services.propose(requests);
    return draws.map(({ node, n }, index) => {
      const result = results[index];
      if (result === undefined) return [];
      if (result.kind === "too-long") {
        this.#close(node, result);
        return [];
      }
      // Only now: of a search that is stopped while they are written, these candidates are the next ones.
      node.drawn += n;
      node.cost.evaluatedTokens += result.evaluatedTokens;
      this.#candidates += result.candidates.length;
      return result.candidates;
    });
  }

  /** Nothing can follow a node whose prompt the policy cannot read. @throws SearchFailure where all of them begin. */
  #close(node: SearchNode, { tokens, limit }: Extract<ProposeResult, { kind: "too-long" }>): void {
    const why = `The problem with its steps takes ${tokens} tokens, but the model reads ${limit} at most.`;
    if (node === this.origin)
      throw new SearchFailure(
        `${why} Shorten the problem, or use a model with a longer context behind a server.`,
      );
    node.full = true;
    // Steps that a continuation wrote below it stay what they are.
    if (node.children.length === 0) this.#reject(node, reject("too-deep", why));
    this.#tell([node]);
  }

  /**
   * Adds the trails' steps level by level: all of a level are added in order and then run together, so node numbers do
   * not depend on which run ends first. Returns each trail's end. `countDeadEnds` says whether ending at a rejected step
   * is a trajectory of its own (a continuation) or only a candidate less (an expansion).
   */
  async #grow(trails: readonly Trail[], countDeadEnds: boolean): Promise<SearchNode[]> {
    const made: SearchNode[] = [];
    const ends: SearchNode[] = [];
    let live = [...trails];
    while (live.length > 0) {
      const fresh: SearchNode[] = [];
      const advanced: { trail: Trail; node: SearchNode }[] = [];
      for (const trail of live) {
        const [first, ...rest] = trail.steps;
        if (first === undefined) continue;
        const { node, isNew } = this.#addStep(trail.at, first);
        if (isNew) fresh.push(node);
        advanced.push({ trail: { at: node, steps: rest }, node });
      }
      await this.#run(fresh.filter((node) => node.rejection === null));
      made.push(...fresh);
      live = [];
      for (const { trail, node } of advanced) {
        if (node.rejection === null && !node.final) {
          if (trail.steps.length > 0) live.push(trail);
        } else {
          // What was written after a step that failed was generated all the same.
          for (const step of trail.steps) node.cost.generatedTokens += step.tokens;
          ends.push(node);
        }
      }
    }
    const finals = ends.filter((node) => node.rejection === null);
    const answers = await this.#answers.of([...new Set(finals)]);
    made.push(...new Set(answers.values()));
    const reached = ends.map((node) => answers.get(node) ?? node);
    for (const node of reached) if (countDeadEnds || node.rejection === null) node.arrivals++;
    for (const node of new Set(reached)) if (node.kind === "answer") await this.#answers.grade(node);
    // After the votes: a search that is stopped or fails here has them.
    await this.#score(made.filter((node) => node.rejection === null && node.ppm === null));
    this.backup();
    // The visits above have changed. Agreement can move other values too: the trace has them in the end.
    this.#tell([...new Set([...reached.flatMap(pathOf), ...made])]);
    return reached;
  }

  #tell(nodes: readonly SearchNode[]): void {
    for (const node of nodes)
      this.#emit({ kind: "candidate", problemId: this.problem.id, node: toTraceNode(node) });
    this.#emit({ kind: "progress", problemId: this.problem.id, progress: this.progress() });
  }

  #addStep(
    parent: SearchNode,
    { parsed, tokens, logProb }: CostedStep,
  ): { node: SearchNode; isNew: boolean } {
    const step: Step =
      parsed.kind === "step"
        ? parsed.step
        : { text: parsed.text, reason: "", code: parsed.text, final: false };
    const added = this.tree.add(parent, { kind: "step", ...step, logProb, answer: null });
    added.node.cost.generatedTokens += tokens;
    if (!added.isNew) return added;
    if (parsed.kind === "failure") this.#reject(added.node, parsed.rejection);
    else if (added.node.depth > this.config.maxDepth)
      this.#reject(added.node, reject("too-deep", `More than ${this.config.maxDepth} steps.`));
    else if (pathOf(parent).some(({ text, code }) => text === step.text || code === step.code))
      this.#reject(added.node, reject("repeats", "The step repeats an earlier one word for word."));
    return added;
  }

  /** Runs new nodes on their parents' states, all at once. */
  async #run(nodes: readonly SearchNode[]): Promise<void> {
    if (nodes.length === 0) return;
    await this.#services.timed("sandbox", () =>
      Promise.all(
        nodes.map(async (node) => {
          const result = await this.#services.run(node);
          if (result.kind === "ok") {
            node.state = result.state;
            node.output = result.output;
            node.value = result.value;
            node.assertions = result.assertions;
          } else {
            if (result.kind !== "crash") node.output = result.output;
            this.#reject(node, rejectionOf(result));
          }
        }),
      ),
    );
    for (const node of nodes)
      if (node.rejection === null && node.final && printed(node) === "")
        this.#reject(node, reject("no-output", "The program ended without printing an answer."));
  }

  async #score(nodes: readonly SearchNode[]): Promise<void> {
    if (nodes.length === 0) return;
    const bare = promptFor(this.problem.text, "bare");
    const results = await this.#services.score(nodes.map((node) => prefixOf(node, bare)));
    for (const [index, node] of nodes.entries()) {
      const result = results[index];
      // What the PPM cannot read has no score, and nothing has without a PPM.
      if (result?.kind !== "score") continue;
      node.ppm = result.value;
      node.cost.ppmTokens += result.evaluatedTokens;
    }
  }

  #reject(node: SearchNode, rejection: Rejection): void {
    node.rejection = rejection;
    node.state = null;
    this.#rejected++;
  }
}
