/** `rstar verify`: runs every stored step again, without any model. */
import { Command } from "commander";
import { openPython } from "../compose.ts";
import { parseSolution } from "../document/solution.ts";
import { isStale, type ProblemOptions } from "../document/problems.ts";
import type { StepCheck } from "../protocol/solving.ts";
import { verifySolution, verifyTrace, type SolutionCheck } from "../verify.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { readProblems, withWords } from "./files.ts";
import { interruptSignal } from "./interrupt.ts";
import { printable } from "./printable.ts";
import { findTrace } from "./traces.ts";

/** The command. */
export function verifyCommand(): Command {
  return withWords(new Command("verify"))
    .description("Runs every stored step again and compares what it prints, without any model.")
    .argument("[file]", "a Markdown file with solutions")
    .option(
      "--trace <id>",
      "replay a stored trace instead: every candidate that ran, not only the chosen ones",
    )
    .action(async (file: string | undefined, options: ProblemOptions & { trace?: string }) => {
      const { signal, release } = interruptSignal();
      const python = openPython();
      try {
        if (options.trace !== undefined) await replay(options.trace, python, signal);
        else if (file !== undefined) await verifyFile(file, options, python, signal);
        else throw new CommandFailure(EXIT.usage, "Name a Markdown file, or a trace with --trace.");
      } finally {
        release();
        await python.dispose();
      }
    });
}

type Python = ReturnType<typeof openPython>;

async function verifyFile(
  file: string,
  words: ProblemOptions,
  { sandbox, grader }: Python,
  signal: AbortSignal,
): Promise<void> {
  const { text, problems, issues, hasBadSolution } = await readProblems(file, words);
  for (const issue of issues) process.stderr.write(printable(`${file}: ${issue}\n`));
  let solutions = 0;
  let holding = 0;
  for (const problem of problems) {
    if (problem.solution === undefined) continue;
    solutions++;
    const parsed = parseSolution(text, problem.solution);
    if (parsed.kind === "damaged") {
      tell(
        `Problem ${problem.index}: the solution is damaged (${parsed.reason}); solve it again to replace it.`,
      );
      continue;
    }
    const stale = isStale(problem, problem.solution);
    const check = await verifySolution(parsed.solution, sandbox, grader, signal);
    tell(
      `Problem ${problem.index}: ${describe(check)}${stale ? "; the problem was changed since it was solved" : ""}`,
    );
    for (const [index, step] of check.steps.entries())
      if (step.kind !== "same") tell(`  Step ${index + 1} ${describeStep(step)}`);
    if (check.holds && !stale) holding++;
  }
  if (solutions === 0)
    throw new CommandFailure(
      EXIT.input,
      `${file} has no stored solution; \`rstar solve ${file} --write\` makes them.`,
    );
  tell(`${holding} of ${solutions} stored solutions check.`);
  if (holding < solutions || hasBadSolution) process.exitCode = EXIT.unverified;
}

async function replay(id: string, { sandbox }: Python, signal: AbortSignal): Promise<void> {
  const trace = await findTrace(id);
  const { checked, differences } = await verifyTrace(trace, sandbox, signal);
  for (const { node, stored, now } of differences)
    tell(`Node ${node}: stored «${stored.trim()}», now «${now.trim()}»`);
  tell(`${checked - differences.length} of ${checked} steps ran as stored.`);
  if (differences.length > 0) process.exitCode = EXIT.unverified;
}

function tell(line: string): void {
  process.stdout.write(printable(`${line}\n`));
}

function describe(check: SolutionCheck): string {
  const same = check.steps.filter((step) => step.kind === "same").length;
  const steps = `${same} of ${check.steps.length} steps ran as stored`;
  switch (check.answer) {
    case "follows":
      return `${steps}; the answer follows from the output`;
    case "does-not-follow":
      return `${steps}; the answer does NOT follow from the output`;
    case "not-printed":
      return `${steps}; the answer was read from a sentence, which proves nothing either way`;
    case "not-checked":
      return `${steps}; the answer was not checked, because a step fails`;
    case "none":
      return `${steps}; no answer`;
    default:
      return check.answer satisfies never;
  }
}

function describeStep(step: Exclude<StepCheck, { kind: "same" }>): string {
  return step.kind === "fails"
    ? `fails: ${step.message}`
    : `printed «${step.stored}» and now prints «${step.now}»`;
}
