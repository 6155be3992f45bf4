/**
 * `npm run bench:grader -- --traces RUN/traces.jsonl`: our grader's verdicts on model answers beside those of
 * Math-Verify and of the lm-eval harness, every disagreement classified.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync } from "node:zlib";
import { parseArgs } from "node:util";
import { createGrader } from "../../../server/grading/grader.ts";
import { problemsFor } from "../../../server/cli/eval-problems.ts";
import { eachLine } from "../../../server/json-lines.ts";
import { withoutFolders } from "../../../server/evaluation/publish.ts";
import { benchPython } from "../support/python-environment.ts";
import {
  classify,
  JUDGES,
  REASONS,
  type Reason,
  type Judge,
  type Judgement,
  type OwnVerdicts,
} from "./classify.ts";
import { graderReport, type GradedRow } from "./report.ts";
import judgeProgram from "./judge.py" with { type: "text" };
import { AnswerLine, answerPairs, draw, withReferences, type AnswerPair } from "./pairs.ts";

/** The other graders, in an environment of their own. */
const JUDGES_PYTHON = {
  name: "graders",
  variable: "RSTAR_GRADER_PYTHON",
  requirements: ["lm-eval[math]==0.4.13", "math-verify[antlr4_11_0]==0.9.0"],
};

const { values: options } = parseArgs({
  options: {
    traces: { type: "string", multiple: true, default: [] },
    /** JSON lines {problem, answer} (or their `.br`), with the public sets that the problems are of. */
    answers: { type: "string" },
    set: { type: "string", multiple: true, default: [] },
    data: { type: "string" },
    /** Where the answers come from, as the page says it. */
    source: { type: "string", default: "" },
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: "docs/results/grader" },
    /** What a person found where no rule explains: a JSON object from `judge | reference | answer` to who is right and why. */
    explanations: { type: "string", default: "test/bench/grader/explanations.json" },
  },
});
if (options.traces.length === 0 && options.answers === undefined)
  throw new Error("Name at least one --traces FILE, or --answers FILE.");

const all = [...(await answerPairs(options.traces)), ...(await namedAnswers())];
const pairs = draw(all, Number(options.count), Number(options.seed));
if (pairs.length === 0)
  throw new Error("The named files hold no answer, or are not there; nothing was written.");
process.stderr.write(`${pairs.length} of ${all.length} different answers\n`);
const own = await ownVerdicts(pairs);
const { versions, verdicts } = theirVerdicts(pairs);
const explanations = JSON.parse(readFileSync(options.explanations, "utf8")) as Record<string, Reason>;

const rows: GradedRow[] = pairs.flatMap((pair, index) => {
  const ours = own[index];
  const theirs = verdicts[index];
  if (ours === undefined || theirs === undefined) throw new Error("a verdict is missing");
  return judgesOf(pair).map((judge) => {
    const { kind, reason } = classify(pair, ours, judge, theirs[judge]);
    const found =
      reason === "unexplained" ? explanations[[judge, pair.reference, pair.answer].join(" | ")] : undefined;
    return {
      ...{ pair, judge, ours, kind },
      said: theirs[judge],
      reason: found === undefined ? reason : "by hand",
      right: found?.right ?? REASONS[reason]?.right ?? null,
      about: found?.about ?? "",
    };
  });
});
mkdirSync(options.out, { recursive: true });
writeFileSync(
  path.join(options.out, "README.md"),
  graderReport(rows, {
    answers: pairs.length,
    of: all.length,
    source: options.source,
    seed: options.seed,
    versions,
    command: ["npm", "run", "bench:grader", "--", ...process.argv.slice(2).map(withoutFolders)],
  }),
);
writeFileSync(path.join(options.out, "verdicts.jsonl.br"), brotliCompressSync(verdictLines()));
const unexplained = rows.filter(({ reason }) => reason === "unexplained").length;
process.stdout.write(`${path.join(options.out, "README.md")}: ${unexplained} unexplained\n`);
process.exitCode = unexplained === 0 ? 0 : 1;

/** A line for each answer, without its reference; `--answers` reads them again. */
function verdictLines(): string {
  return pairs
    .map(({ problem, answer }, index) => {
      const theirs = Object.entries(verdicts[index] ?? {}).map(([judge, { equal }]) => [judge, equal]);
      return `${JSON.stringify({ problem, answer, ...own[index], theirs: Object.fromEntries(theirs) as object })}\n`;
    })
    .join("");
}

/** The answers of `--answers` with the references of their sets. */
async function namedAnswers(): Promise<AnswerPair[]> {
  if (options.answers === undefined) return [];
  const references = new Map<string, string>();
  for (const set of options.set) {
    const data = options.data === undefined ? {} : { data: options.data };
    const { all: problems } = await problemsFor({ set, ...data }, new AbortController().signal);
    for (const { id, answer } of problems) references.set(id, answer);
  }
  const lines: AnswerLine[] = [];
  for await (const { number, record } of eachLine(options.answers.replace(/\.br$/u, ""), AnswerLine)) {
    if (record === null) throw new Error(`${options.answers}, line ${number} is not {problem, answer}.`);
    lines.push(record);
  }
  return withReferences(lines, references);
}

/** GSM8K's own grader is asked where its task would be: the reference is a whole or decimal number. */
function judgesOf({ reference }: AnswerPair): Judge[] {
  const isNumber = /^-?[\d.,]+$/u.test(reference);
  return JUDGES.filter((judge) => isNumber || !judge.startsWith("gsm8k"));
}

async function ownVerdicts(of: readonly AnswerPair[]): Promise<OwnVerdicts[]> {
  const grader = createGrader();
  const never = new AbortController().signal;
  const found: OwnVerdicts[] = [];
  for (const { reference, answer } of of) {
    const strict = await grader.equivalent(reference, answer, "strict", never);
    const lenient = await grader.equivalent(reference, answer, "lenient", never);
    found.push({ strict, lenient });
  }
  await grader.dispose();
  return found;
}

interface TheirVerdicts {
  readonly versions: Readonly<Record<string, string>>;
  readonly verdicts: readonly Readonly<Record<Judge, Judgement>>[];
}

function theirVerdicts(of: readonly AnswerPair[]): TheirVerdicts {
  const { stdout, stderr, status } = spawnSync(benchPython(JUDGES_PYTHON), ["-c", judgeProgram], {
    input: JSON.stringify(of),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`The other graders failed:\n${stderr}`);
  return JSON.parse(stdout) as TheirVerdicts;
}
