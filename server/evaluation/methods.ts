/** What is compared: search methods by name, with the settings each stands for, and budgets in tokens or in greedy's. */
import { profile, SearchConfig } from "../search/config.ts";

/** A method of solving: settings without a budget and a seed, and whether the PPM takes part. */
export interface Method {
  /** As the person wrote it, and as reports name it: `mcts`, `mcts:exploration=2:candidates=8`. */
  readonly name: string;
  readonly config: SearchConfig;
  /** `none` searches without the PPM even where there is one; `required` means nothing without one. */
  readonly ppm: "none" | "used" | "required";
  /** Draws nothing at random and keeps to no budget: one row, whatever seeds and budgets are asked for. */
  readonly isGreedy: boolean;
}

interface Definition {
  readonly about: string;
  readonly config: SearchConfig;
  readonly ppm: Method["ppm"];
}

const BASE = profile("default");

/** Every method, in the order in which reports list them. */
const METHODS: Readonly<Record<string, Definition>> = {
  greedy: {
    about: "one trajectory at temperature 0: the policy alone (System 1)",
    config: { ...BASE, strategy: "greedy" },
    ppm: "none",
  },
  "self-consistency": {
    about: "majority vote of independent trajectories, stopped once the vote is settled",
    config: { ...BASE, strategy: "self-consistency" },
    ppm: "none",
  },
  "self-consistency-fixed": {
    about: "majority vote that always spends the whole budget",
    config: { ...BASE, strategy: "self-consistency", settleConfidence: 1 },
    ppm: "none",
  },
  "best-of-n": {
    about: "the trajectory that the PPM scores best; without a PPM the one that the policy is surest of",
    config: { ...BASE, strategy: "best-of-n" },
    ppm: "used",
  },
  "weighted-vote": {
    about:
      "vote of independent trajectories, each weighted by its PPM score (the 16 of highest score where there are more); spends the whole budget",
    config: { ...BASE, strategy: "self-consistency", settleConfidence: 1 },
    ppm: "required",
  },
  beam: { about: "step beam search", config: { ...BASE, strategy: "beam" }, ppm: "used" },
  dvts: { about: "diverse verifier tree search", config: { ...BASE, strategy: "dvts" }, ppm: "used" },
  mcts: {
    about: "Monte-Carlo tree search, profile `default`",
    config: { ...BASE, strategy: "mcts" },
    ppm: "used",
  },
  "mcts-fast": {
    about: "Monte-Carlo tree search, profile `fast`",
    config: { ...profile("fast"), strategy: "mcts" },
    ppm: "used",
  },
  "mcts-paper": {
    about: "Monte-Carlo tree search with the paper's numbers, profile `paper`, within the same budget",
    config: profile("paper"),
    ppm: "used",
  },
  auto: {
    about: "a probe of agreement, then MCTS where it is not settled",
    config: { ...BASE, strategy: "auto" },
    ppm: "used",
  },
};

/** The names that can be asked for. */
export const METHOD_NAMES: readonly string[] = Object.keys(METHODS);

/** One line for each method, for a person. */
export function methodList(): string {
  const width = Math.max(...METHOD_NAMES.map((name) => name.length));
  return Object.entries(METHODS)
    .map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`)
    .join("\n");
}

/** Settings that are the evaluation's and not a method's. */
const RESERVED: ReadonlySet<string> = new Set(["strategy", "budgetTokens", "seed", "annotation"]);

/** A method, or what is wrong with its name. */
export type MethodReading =
  { readonly kind: "method"; readonly method: Method } | { readonly kind: "bad"; readonly message: string };

/**
 * Reads a method: a name of the list, followed by settings that differ, each after a colon, such as
 * `mcts:exploration=2:candidates=8`, or `:ppm=none` to leave the PPM out.
 */
export function readMethod(written: string): MethodReading {
  const [name = "", ...changes] = written.trim().split(":");
  const definition = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  const bad = (message: string): MethodReading => ({ kind: "bad", message });
  if (definition === undefined)
    return bad(`There is no strategy "${name}". Known strategies:\n${methodList()}`);
  const config: Record<string, unknown> = { ...definition.config };
  let { ppm } = definition;
  for (const change of changes) {
    const [key = "", ...rest] = change.split("=");
    const value = rest.join("=");
    if (key === "ppm" && value === "none" && ppm !== "required") ppm = "none";
    else if (RESERVED.has(key) || !Object.hasOwn(SearchConfig.shape, key))
      return bad(
        `"${key}" in ${written} is not a setting of a strategy. Settings: ${settable().join(", ")}.`,
      );
    else config[key] = value === "null" ? null : /^-?[\d.]+$/u.test(value) ? Number(value) : value;
  }
  const parsed = SearchConfig.safeParse(config);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return bad(`${written}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is wrong"}`);
  }
  return {
    kind: "method",
    method: { name: written.trim(), config: parsed.data, ppm, isGreedy: parsed.data.strategy === "greedy" },
  };
}

function settable(): string[] {
  return [...Object.keys(SearchConfig.shape).filter((key) => !RESERVED.has(key)), "ppm=none"];
}

/** Tokens that the policy may generate for one problem: a number, or a multiple of what greedy took on average. */
export type Budget =
  { readonly kind: "tokens"; readonly tokens: number } | { readonly kind: "multiple"; readonly of: number };

/** Reads `1600` or `8x`; null for anything else. */
export function readBudget(written: string): Budget | null {
  const match = /^(\d+(?:\.\d+)?)(x?)$/u.exec(written.trim());
  const value = Number(match?.[1]);
  if (match === null || !(value > 0)) return null;
  if (match[2] === "x") return { kind: "multiple", of: value };
  return Number.isSafeInteger(value) ? { kind: "tokens", tokens: value } : null;
}

/** As reports name it: `1600`, `8x`. */
export function budgetName(budget: Budget): string {
  return budget.kind === "tokens" ? String(budget.tokens) : `${budget.of}x`;
}

/** The budget in tokens, given the mean number of tokens that greedy generated for a problem. */
export function budgetTokens(budget: Budget, greedyTokens: number): number {
  return budget.kind === "tokens" ? budget.tokens : Math.max(1, Math.round(budget.of * greedyTokens));
}
