/** `report.json`: its versioned schema. `docs/report.schema.json` is made from it, and a test keeps the two together. */
import * as z from "zod";
import { SearchConfig } from "../search/config.ts";
import { EvaluationSettings, Session } from "./settings.ts";

/** The version of `report.json`. */
export const REPORT_VERSION = 6;

const share = z.number().min(0).max(1);

const Accuracy = z
  .strictObject({
    mean: share.describe(
      "Share of problems solved; a problem searched under several seeds counts with its mean.",
    ),
    interval: z
      .tuple([share, share])
      .describe(
        "95% percentile-bootstrap interval over problems. Of no width where every problem has the same result.",
      ),
    bySeed: z
      .array(share.nullable())
      .describe(
        "One share for each seed, in the order of `seeds`; null where none was searched under it yet.",
      ),
  })
  .describe("Shares of problems.");
export type Accuracy = z.infer<typeof Accuracy>;

const ByLevel = z.strictObject({
  level: z.string(),
  problems: z.int(),
  strict: Accuracy,
  lenient: Accuracy,
  passAtN: Accuracy,
});

/** One method under one budget. */
export const ReportRow = z.strictObject({
  name: z.string().describe("Method and budget: `mcts 8x`."),
  method: z.string(),
  budget: z.string().nullable().describe("As asked for; null for greedy, which keeps to none."),
  budgetTokens: z
    .int()
    .nullable()
    .describe(
      "When no further wave of candidates is begun: with less than half a usual trajectory left. What the last wave took beyond is in `generatedTokens`.",
    ),
  settings: SearchConfig.omit({ budgetTokens: true, seed: true }),
  ppm: z.boolean().describe("Whether a process preference model took part."),
  seeds: z.array(z.int()),
  problems: z
    .int()
    .describe(
      "Problems that were searched under at least one seed of this row: all of them, once the run is complete.",
    ),
  searchedBySeed: z.array(z.int()).describe("Problems searched under each of `seeds`, in their order."),
  missing: z.int().describe("Searches still to do: not 0 in the report of a run that was stopped."),
  failed: z.int().describe("Searches in which a model or Python failed; they count as not solved."),
  strict: Accuracy.describe("The chosen answer equals the reference by the strict grader."),
  lenient: Accuracy.describe("The same by the lenient grader."),
  passAtN: Accuracy.describe(
    "Any trajectory's answer is right by the strict grader: what a perfect choice reaches.",
  ),
  passAtNLenient: Accuracy,
  answered: share.describe("Share of searches that gave an answer."),
  trajectories: z.strictObject({
    started: z
      .number()
      .describe(
        "Mean of a search: continuations that were drawn; beams, subtrees and rollouts that were begun.",
      ),
    finished: z.number().describe("Mean of a search: those with an answer, the N of pass@N."),
  }),
  generatedTokens: z.strictObject({ mean: z.number(), median: z.number(), max: z.number() }),
  generatedFlops: z
    .number()
    .describe(
      "2 x parameters x generated tokens, mean of a search; parameters of the policy and, where one took part, of the PPM, as if each read every generated token once: prompts are left out, and what siblings share or the PPM need not read is counted.",
    ),
  stops: z.record(z.string(), z.int()).describe("How many searches ended how."),
  byLevel: z.array(ByLevel),
  onFrontier: z
    .boolean()
    .describe("No other row is more accurate (strict) at as many `generatedFlops` or fewer."),
});
export type ReportRow = z.infer<typeof ReportRow>;

/** Two rows on the same problems. */
const Comparison = z.strictObject({
  first: z.string(),
  second: z.string(),
  problems: z.int(),
  difference: z.number().describe("Strict accuracy of the first less that of the second."),
  interval: z.tuple([z.number(), z.number()]).describe("Paired bootstrap over problems, 95%."),
  mcNemar: z
    .array(
      z.strictObject({
        seed: z.int(),
        both: z.int(),
        onlyFirst: z.int(),
        onlySecond: z.int(),
        neither: z.int(),
        p: share.describe("McNemar's exact test, two-sided."),
      }),
    )
    .describe("One test for each seed; pooling seeds would count a problem more than once."),
  p: share.describe(
    "Exact sign-flip test (paired permutation test) over problems, two-sided: each problem counts with its mean difference over the seeds. Under one seed it is McNemar's.",
  ),
  holm: share.describe("`p`, corrected for all comparisons of this report (Holm)."),
});
export type Comparison = z.infer<typeof Comparison>;

/** What depends on the machine, on what ran beside it, and on what was cached: never the same twice. */
const Measured = z.strictObject({
  sessions: z.array(
    Session.extend({
      searches: z
        .array(z.strictObject({ seed: z.int(), greedy: z.int(), others: z.int() }))
        .describe("How many searches of this report the session did, by seed."),
    }),
  ),
  splitGroups: z
    .strictObject({ split: z.int(), all: z.int() })
    .describe(
      "Problems under a seed, and how many of them more than one session searched: what their methods have in common may have been drawn anew, or on another machine.",
    ),
  seconds: z.number().describe("Wall time during which at least one search was under way."),
  rows: z
    .array(
      z.strictObject({
        name: z.string(),
        searches: z.int(),
        seconds: z
          .number()
          .describe(
            "Wall seconds a search, every moment being divided evenly among the searches under way: what it costs when several run side by side.",
          ),
        latency: z
          .strictObject({ mean: z.number(), median: z.number(), p90: z.number() })
          .describe("Wall seconds from a search's begin to its end, others running beside it."),
        waiting: z
          .strictObject({ policy: z.number(), ppm: z.number(), sandbox: z.number(), grading: z.number() })
          .describe("Seconds a search waited for each part."),
        evaluatedTokens: z.number().describe("Prompt tokens computed a search; depends on what was cached."),
        ppmTokens: z.number().describe("Tokens that the PPM computed a search."),
        sandboxSeconds: z.number(),
        flops: z
          .number()
          .describe(
            "2 x parameters x tokens a search: generated and computed by the policy, computed by the PPM.",
          ),
        onTimeFrontier: z
          .boolean()
          .describe("No other row is more accurate (strict) in as little time or less."),
      }),
    )
    .describe("Empty where the draws were shared (`settings.sharedDraws`)."),
});

/** A whole report. Everything outside `measured` is the same for the same settings, byte for byte. */
export const EvaluationReport = z.strictObject({
  version: z.literal(REPORT_VERSION),
  settingsSha256: z.string(),
  complete: z.boolean(),
  settings: EvaluationSettings,
  greedyTokens: z
    .number()
    .nullable()
    .describe("Mean tokens that greedy generated for a problem: the unit of budgets such as `8x`."),
  rows: z.array(ReportRow),
  comparisons: z.array(Comparison),
  measured: Measured,
});
export type EvaluationReport = z.infer<typeof EvaluationReport>;

/** The JSON Schema of `report.json`. */
export function reportJsonSchema(): string {
  const schema = z.toJSONSchema(EvaluationReport, { io: "output", unrepresentable: "throw" });
  return `${JSON.stringify({ title: "rStar Math evaluation report", ...schema }, null, 2)}\n`;
}
