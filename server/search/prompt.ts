/** Prompts: a problem and its accepted steps as the prefix that the policy continues or the PPM scores. */
import type { Prefix, ResolvedModel } from "../services.ts";
import { MARK, writeAnswer, writeOutput, writeStep } from "./grammar.ts";
import { piecesOf } from "./pieces.ts";
import { pathOf, type SearchNode } from "./tree.ts";

/** How problems are put to a policy; the manifest entry of the model says which. */
export type PromptFormat = ResolvedModel["promptFormat"];

/** A worked example of the two-shot prompt. */
interface Example {
  readonly question: string;
  readonly steps: readonly string[];
  readonly output: string;
}

/** Our own: one of plain arithmetic, one that lets SymPy solve. Short, because every problem pays for them. */
const EXAMPLES: readonly Example[] = [
  {
    question:
      "A bakery bakes 12 trays of 15 rolls. In the morning it sells two thirds of the rolls, and in the afternoon 20 more. How many rolls are left?",
    steps: [
      "# Step 1: Count the rolls that were baked.\nbaked = 12 * 15",
      "# Step 2: Take away two thirds of them, sold in the morning.\nafter_morning = baked - baked * 2 / 3",
      "# Step 3: Take away the 20 sold in the afternoon and print what is left.\nleft = after_morning - 20\nprint(left)",
    ],
    output: "40.0",
  },
  {
    question: "A positive number $x$ satisfies $x^2 - 5x = 24$. What is $x + \\frac{1}{2}$?",
    steps: [
      "# Step 1: Write the equation with SymPy.\nfrom sympy import symbols, Eq, solve, Rational\nx = symbols('x')\nequation = Eq(x**2 - 5*x, 24)",
      "# Step 2: Solve it and keep the positive solution.\nsolutions = solve(equation, x)\npositive = [s for s in solutions if s > 0][0]",
      "# Step 3: Add one half and print the answer.\nanswer = positive + Rational(1, 2)\nprint(answer)",
    ],
    output: "17/2",
  },
];

/** Everything before the first step. */
function question(problem: string): string {
  return `Question: ${problem.trim()}\nLet's think step by step and solve the problem with code.\n${MARK.code}\n`;
}

function writeExample(example: Example): string {
  const steps = example.steps.map((text, index) =>
    writeStep({ text, final: index === example.steps.length - 1 }),
  );
  return `${question(example.question)}${steps.join("")}${writeOutput(example.output)}${writeAnswer(example.output)}\n`;
}

const SHOTS = EXAMPLES.map(writeExample).join("");

/**
 * The prefix of a solution's first step: the worked examples (for an untuned base) and the problem. They are separate
 * segments, so all problems share the examples' KV state.
 */
export function promptFor(problem: string, format: PromptFormat): Prefix {
  switch (format) {
    case "two-shot":
      return [SHOTS, question(problem)];
    case "bare":
      return [question(problem)];
    default:
      return format satisfies never;
  }
}

/** What identifies a prompt apart from the problem, to be hashed into the trace. */
export function promptTemplate(format: PromptFormat): string {
  return promptFor("", format).join("");
}

/** The node as the models see it: prompt, accepted steps, and after a closed program its output and answer. */
export function prefixOf(node: SearchNode, prompt: Prefix): Prefix {
  return [...prompt, ...piecesOf(pathOf(node)).map(({ text }) => text)];
}
