/**
 * `npm run bench:grader -- --traces RUN/traces.jsonl`: our grader's verdicts on model answers beside those of
 * Math-Verify and of the lm-eval harness, every disagreement classified.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import envPaths from "env-paths";
import { packageRoot } from "../../../server/models/manifest.ts";
import type { SandboxPaths } from "../../../server/sandbox/paths.ts";
import { createGrader } from "../../../server/grading/grader.ts";
import { classify, JUDGES, REASONS, type Judge, type Judgement, type OwnVerdicts } from "./classify.ts";
import judgeProgram from "./judge.py" with { type: "text" };
import { answerPairs, draw, readPairs, type AnswerPair } from "./pairs.ts";

/** What the other graders are installed as, in an environment of their own. */
const REQUIREMENTS = ["lm-eval[math]==0.4.13", "math-verify[antlr4_11_0]==0.9.0"];

const { values: options } = parseArgs({
  options: {
    traces: { type: "string", multiple: true, default: [] },
    /** Or JSON lines {problem, reference, answer} from elsewhere. */
    pairs: { type: "string" },
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: "docs/results/grader" },
    /** Reasons that a person found for what no rule explains: a JSON object from `reference | answer` to a sentence. */
    explanations: { type: "string", default: "test/bench/grader/explanations.json" },
  },
});
if (options.traces.length === 0 && options.pairs === undefined)
  throw new Error("Name at least one --traces FILE.");

const all =
  options.pairs === undefined
    ? await answerPairs(options.traces)
    : readPairs(readFileSync(options.pairs, "utf8"));
const pairs = draw(all, Number(options.count), Number(options.seed));
process.stderr.write(`${pairs.length} of ${all.length} different answers\n`);
const own = await ownVerdicts(pairs);
const { versions, verdicts } = theirVerdicts(pairs);
const explanations = existsSync(options.explanations)
  ? (JSON.parse(readFileSync(options.explanations, "utf8")) as Record<string, string>)
  : {};

const rows = pairs.flatMap((pair, index) => {
  const ours = own[index];
  const theirs = verdicts[index];
  if (ours === undefined || theirs === undefined) throw new Error("a verdict is missing");
  return judgesOf(pair).map((judge) => {
    const { kind, reason } = classify(pair, ours, judge, theirs[judge]);
    const found = explanations[`${pair.reference} | ${pair.answer}`];
    return {
      pair,
      judge,
      ours,
      said: theirs[judge],
      kind,
      reason: reason === "unexplained" ? (found ?? reason) : reason,
    };
  });
});
mkdirSync(options.out, { recursive: true });
writeFileSync(path.join(options.out, "README.md"), report());
writeFileSync(
  path.join(options.out, "verdicts.json"),
  `${JSON.stringify(
    rows.map(({ pair, judge, ours, said, kind, reason }) => ({
      problem: pair.problem,
      answer: pair.answer,
      judge,
      strict: ours.strict,
      lenient: ours.lenient,
      equal: said.equal,
      kind,
      reason,
    })),
  )}\n`,
);
const unexplained = rows.filter(({ reason }) => reason === "unexplained").length;
process.stdout.write(`${path.join(options.out, "README.md")}: ${unexplained} unexplained\n`);
process.exitCode = unexplained === 0 ? 0 : 1;

/** GSM8K's own grader is asked where its task would be: the reference is a whole or decimal number. */
function judgesOf({ reference }: AnswerPair): Judge[] {
  const isNumber = /^-?[\d.,]+$/u.test(reference);
  return JUDGES.filter((judge) => isNumber || !judge.startsWith("gsm8k"));
}

async function ownVerdicts(of: readonly AnswerPair[]): Promise<OwnVerdicts[]> {
  const grader = createGrader(builtPaths());
  const never = new AbortController().signal;
  const found: OwnVerdicts[] = [];
  for (const { reference, answer } of of) {
    const strict = await grader.equivalent(reference, answer, "strict", never);
    const lenient = await grader.equivalent(reference, answer, "lenient", never);
    if ([strict, lenient].some(({ how }) => how === "no interpreter"))
      throw new Error("Python for grading could not be started: run `npm run build` first.");
    found.push({ strict, lenient });
  }
  await grader.dispose();
  return found;
}

/** The built sandbox of `dist/`: this program lies elsewhere. */
function builtPaths(): SandboxPaths {
  const folder = path.join(packageRoot(), "dist");
  return {
    workerPath: path.join(folder, "sandbox-worker.mjs"),
    wheelsDir: path.join(folder, "wheels"),
    snapshotDir: folder,
  };
}

interface TheirVerdicts {
  readonly versions: Readonly<Record<string, string>>;
  readonly verdicts: readonly Readonly<Record<Judge, Judgement>>[];
}

function theirVerdicts(of: readonly AnswerPair[]): TheirVerdicts {
  const { stdout, stderr, status } = spawnSync(python(), ["-c", judgeProgram], {
    input: JSON.stringify(of),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`The other graders failed:\n${stderr}`);
  return JSON.parse(stdout) as TheirVerdicts;
}

/** An environment with the other graders, made once. `RSTAR_GRADER_PYTHON` names a Python that has them already. */
function python(): string {
  const given = process.env["RSTAR_GRADER_PYTHON"];
  if (given !== undefined) return given;
  const folder = path.join(envPaths("rstar-math", { suffix: "" }).cache, "graders");
  const [bin, name] = process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"];
  const file = path.join(folder, bin, name);
  if (!existsSync(path.join(folder, "ready"))) {
    process.stderr.write(`Installing ${REQUIREMENTS.join(" and ")} in ${folder}; this happens once.\n`);
    execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
    execFileSync(file, ["-m", "pip", "install", "--quiet", ...REQUIREMENTS], { stdio: "inherit" });
    writeFileSync(path.join(folder, "ready"), "");
  }
  return file;
}

function report(): string {
  const disagreements = rows.filter(({ kind }) => kind === "disagree");
  const names: Record<Judge, string> = {
    mathVerify: "Math-Verify",
    minerva: "lm-eval minerva_math",
    gsm8kStrict: "lm-eval gsm8k, strict-match",
    gsm8kFlexible: "lm-eval gsm8k, flexible-extract",
  };
  const reasons = [...new Set(disagreements.map(({ reason }) => reason))].sort();
  const judged = (judge: Judge) => rows.filter((row) => row.judge === judge);
  const count = (judge: Judge, reason: string): number =>
    judged(judge).filter((row) => row.reason === reason).length;
  return [
    "# Our grader beside Math-Verify and the lm-eval harness",
    `${pairs.length} different answers that models gave, drawn with seed ${options.seed} from ${all.length} in ${options.traces.map((file) => path.basename(path.dirname(file))).join(", ")}. ${Object.entries(
      versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}. Made by \`npm run bench:grader\`; \`verdicts.json\` has every verdict.`,
    "Agreement means that our strict and our lenient grader both say what the other grader says.",
    table([
      ["grader", "answers", "agree", ...reasons],
      ...JUDGES.filter((judge) => judged(judge).length > 0).map((judge) => [
        names[judge],
        String(judged(judge).length),
        String(judged(judge).filter(({ kind }) => kind === "agree").length),
        ...reasons.map((reason) => String(count(judge, reason))),
      ]),
    ]),
    reasons.map((reason) => `- **${reason}**: ${REASONS[reason] ?? "found by hand"}`).join("\n"),
    "## Every disagreement",
    table([
      ["problem", "reference", "answer", "grader", "it says", "strict", "lenient", "why"],
      ...disagreements.map(({ pair, judge, ours, said, reason }) => [
        pair.problem,
        code(pair.reference),
        code(pair.answer),
        names[judge],
        said.equal ? "equal" : "different",
        ours.strict.kind,
        `${ours.lenient.kind} (${ours.lenient.how})`,
        reason,
      ]),
    ]),
    "",
  ].join("\n\n");
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'").replaceAll("\n", " ").slice(0, 80)}\``;
}

function table([head = [], ...body]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}
