/** The page on which our grader stands beside the others. Pure. */
import { quote, table } from "../../../server/evaluation/markdown-parts.ts";
import { JUDGES, REASONS, type Judge, type Judgement, type OwnVerdicts, type Right } from "./classify.ts";
import type { AnswerPair } from "./pairs.ts";

/** An answer as we and one other grader see it. */
export interface GradedRow {
  readonly pair: AnswerPair;
  readonly judge: Judge;
  readonly ours: OwnVerdicts;
  readonly said: Judgement;
  readonly kind: "agree" | "disagree";
  /** A name of `REASONS`, `by hand` or `unexplained`; empty where they agree. */
  readonly reason: string;
  /** Null where they agree and where nobody knows. */
  readonly right: Right | null;
  /** What a person found; empty where a rule explains. */
  readonly about: string;
}

/** What the page says about the run. */
export interface GraderRun {
  readonly answers: number;
  readonly of: number;
  /** A sentence; empty when nobody said. */
  readonly source: string;
  readonly seed: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

const NAMES: Record<Judge, string> = {
  mathVerify: "Math-Verify",
  minerva: "lm-eval minerva_math",
  gsm8kStrict: "lm-eval gsm8k, strict-match",
  gsm8kFlexible: "lm-eval gsm8k, flexible-extract",
};
const RIGHT: Record<Right, string> = { ours: "ours", theirs: "theirs", convention: "a convention" };

/** The page. */
export function graderReport(rows: readonly GradedRow[], run: GraderRun): string {
  const disagreements = rows.filter(({ kind }) => kind === "disagree");
  const reasons = [...new Set(disagreements.map(({ reason }) => reason))].sort();
  const judges = JUDGES.filter((judge) => rows.some((row) => row.judge === judge));
  const count = (judge: Judge, matches: (row: GradedRow) => boolean): string =>
    String(rows.filter((row) => row.judge === judge && matches(row)).length);
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
  return [
    "# Our grader beside Math-Verify and the lm-eval harness",
    `${run.answers} different answers that models gave to public problems, drawn with seed ${run.seed} from ${run.of}.${run.source === "" ? "" : ` ${run.source}`} ${versions.join(", ")}. \`verdicts.jsonl.br\` holds the answers and every verdict; \`npm run bench:grader -- --answers\` with that file and the sets' names grades them again. Made by \`${run.command.map(quote).join(" ")}\`.`,
    "Agreement means that our strict and our lenient grader both say what the other grader says. A convention is a matter of what counts as written: nobody is wrong.",
    table(
      [
        "grader",
        "answers",
        "called equal",
        "agree",
        "ours right",
        "theirs right",
        "convention",
        "unexplained",
      ],
      judges.map((judge) => [
        NAMES[judge],
        count(judge, () => true),
        count(judge, ({ said }) => said.equal),
        count(judge, ({ kind }) => kind === "agree"),
        count(judge, ({ right }) => right === "ours"),
        count(judge, ({ right }) => right === "theirs"),
        count(judge, ({ right }) => right === "convention"),
        count(judge, ({ kind, right }) => kind === "disagree" && right === null),
      ]),
    ),
    "## Why they disagree",
    table(
      ["reason", ...judges.map((judge) => NAMES[judge]), "right", "what it is"],
      reasons.map((reason) => [
        reason,
        ...judges.map((judge) => count(judge, (row) => row.reason === reason)),
        REASONS[reason] === undefined ? "see below" : RIGHT[REASONS[reason].right],
        REASONS[reason]?.about ?? "see below",
      ]),
    ),
    "## Every disagreement",
    table(
      ["problem", "reference", "answer", "grader", "it says", "strict", "lenient", "right", "why"],
      disagreements.map(({ pair, judge, ours, said, reason, right, about }) => [
        pair.problem,
        code(pair.reference),
        code(pair.answer),
        NAMES[judge],
        said.equal ? "equal" : "different",
        ours.strict.kind,
        `${ours.lenient.kind} (${ours.lenient.how})`,
        right === null ? "?" : RIGHT[right],
        about === "" ? reason : about,
      ]),
    ),
    "",
  ].join("\n\n");
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'").replaceAll("\n", " ").slice(0, 80)}\``;
}
