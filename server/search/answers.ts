/** The answers of one search: from programs that ran to their end, grouped, compared with the reference. */
import type { TraceNode } from "../protocol/trace.ts";
import type { Prefix } from "../services.ts";
import { extractAnswer, lastBoxed } from "../grading/extract.ts";
import { plainValue } from "./final-answer.ts";
import { ANSWER_OPENING, ANSWER_STOPS, writeAnswer } from "./grammar.ts";
import { prefixOf } from "./prompt.ts";
import { candidateSeed } from "./seed.ts";
import type { MeteredServices, SearchProblem } from "./services.ts";
import type { SearchNode, Tree } from "./tree.ts";
import { printed } from "./verdict.ts";
import { AnswerGroups } from "./vote.ts";

/** Answer steps are short: `The answer is \boxed{…}.` */
const ANSWER_TOKENS = 64;

/** Where a search's programs get their answer nodes. */
export class Answers {
  readonly groups: AnswerGroups;
  readonly #problem: SearchProblem;
  readonly #tree: Tree;
  readonly #root: Prefix;
  readonly #seed: number;
  readonly #services: MeteredServices;
  readonly #signal: AbortSignal;

  /** `root` is the prompt that every prefix of the policy's begins with. */
  constructor(
    { problem, tree, root, seed }: { problem: SearchProblem; tree: Tree; root: Prefix; seed: number },
    services: MeteredServices,
    signal: AbortSignal,
  ) {
    this.groups = new AnswerGroups(services.grader);
    this.#problem = problem;
    this.#tree = tree;
    this.#root = root;
    this.#seed = seed;
    this.#services = services;
    this.#signal = signal;
  }

  /**
   * Gives every program that ran to its end an answer node: what it printed last when that is a plain value, else what
   * the policy makes of the output (with no further cost where the node has its answer already).
   */
  async of(finals: readonly SearchNode[]): Promise<Map<SearchNode, SearchNode>> {
    const answers = new Map<SearchNode, SearchNode>();
    const unclear: SearchNode[] = [];
    const add = (
      final: SearchNode,
      answer: string,
      made: { tokens: number; logProb: TraceNode["logProb"] },
    ): void => {
      const { node } = this.#tree.add(final, {
        kind: "answer",
        text: writeAnswer(answer).trimEnd(),
        reason: "",
        code: "",
        final: true,
        logProb: made.logProb,
        answer,
      });
      node.cost.generatedTokens += made.tokens;
      answers.set(final, node);
    };
    for (const final of finals) {
      const known = final.children[0];
      const direct = plainValue(extractAnswer(printed(final)) ?? "");
      if (known !== undefined) answers.set(final, known);
      else if (direct !== null) add(final, direct, { tokens: 0, logProb: null });
      else unclear.push(final);
    }
    if (unclear.length === 0) return answers;
    const results = await this.#services.propose(
      unclear.map((node) => ({
        prefix: [...prefixOf(node, this.#root), ANSWER_OPENING],
        seeds: [candidateSeed(this.#seed, this.#problem.id, node.place, 0)],
        sampling: { temperature: 0, topP: 1 },
        stop: ANSWER_STOPS,
        maxTokens: ANSWER_TOKENS,
      })),
    );
    for (const [index, final] of unclear.entries()) {
      const result = results[index];
      // Of what is too long to be read, the answer is what was printed.
      const candidate = result?.kind === "candidates" ? result.candidates[0] : undefined;
      const boxed = candidate === undefined ? null : lastBoxed(candidate.text);
      add(final, boxed ?? extractAnswer(printed(final)) ?? "", {
        tokens: candidate?.tokens ?? 0,
        logProb: candidate?.logProb ?? null,
      });
    }
    return answers;
  }

  /**
   * Counts and grades answers of an earlier search, also those at which it was stopped before it counted them. `groups` are
   * those that it found: only what is in none is compared, and a search that is stopped meanwhile has its votes.
   */
  async count(
    answers: readonly SearchNode[],
    groups: readonly (readonly SearchNode[])[] = [],
  ): Promise<void> {
    const counted = new Set(answers);
    for (const node of answers) if (node.arrivals === 0) node.arrivals = node.parent?.samples ?? 0;
    this.groups.adopt(groups.map((group) => group.filter((node) => counted.has(node))));
    for (const node of answers) await this.grade(node);
    this.groups.order();
  }

  /** Puts an answer into its group and compares it with the reference, each once. */
  async grade(node: SearchNode): Promise<void> {
    await this.#services.timed("grading", async () => {
      await this.groups.add(node, this.#signal);
      const { reference } = this.#problem;
      if (node.graded !== null || reference === null || node.answer === null) return;
      const { grader } = this.#services;
      node.graded = (await grader.equivalent(reference, node.answer, "lenient", this.#signal)).kind;
    });
  }
}
