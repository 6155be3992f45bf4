/** Search settings from what the person set, what a stored search had, and what one request wants otherwise. */
import type { Settings } from "../protocol/settings.ts";
import type { SearchOverrides } from "../protocol/solving.ts";
import type { Trace } from "../protocol/trace.ts";
import { profile, SearchConfig } from "../search/config.ts";
import { hash32 } from "../search/seed.ts";

/** For a new search. */
export function configFor(settings: Settings["search"], overrides: SearchOverrides = {}): SearchConfig {
  const name = overrides.profile ?? settings.profile;
  const base: SearchConfig = {
    ...profile(name),
    seed: settings.seed,
    ...(settings.strategy === "profile" ? {} : { strategy: settings.strategy }),
    ...(settings.budgetTokens === null ? {} : { budgetTokens: settings.budgetTokens }),
    ...(settings.candidates === null ? {} : { candidates: settings.candidates }),
    ...(settings.settleConfidence === null ? {} : { settleConfidence: settings.settleConfidence }),
  };
  return override(base, overrides);
}

/**
 * For a new attempt at a problem that was searched before, by the ids of those searches: under the same seed the same
 * answer would come out again. Of a budget that was asked for nothing is saved by stopping where the answers agree,
 * since that is where the one before stopped.
 */
export function anotherAttempt(
  config: SearchConfig,
  overrides: SearchOverrides,
  before: readonly string[],
): SearchConfig {
  return {
    ...config,
    seed: hash32([config.seed, ...before].join("|")),
    ...(overrides.budgetTokens === undefined ? {} : { settleConfidence: 1 }),
  };
}

/** For going on with a stored search: as it was, with a budget of the same size again. */
export function configOfTrace(
  trace: Trace,
  settings: Settings["search"],
  overrides: SearchOverrides = {},
): SearchConfig {
  const stored = Object.fromEntries(
    Object.entries(trace.settings).map(([name, value]) => [name, value === "none" ? null : value]),
  );
  const parsed = SearchConfig.safeParse(stored);
  if (!parsed.success || overrides.profile !== undefined) return configFor(settings, overrides);
  return override(parsed.data, overrides);
}

function override(config: SearchConfig, overrides: SearchOverrides): SearchConfig {
  const { strategy, budgetTokens, candidates, seed } = overrides;
  return {
    ...config,
    ...(strategy === undefined ? {} : { strategy }),
    ...(budgetTokens === undefined ? {} : { budgetTokens }),
    ...(candidates === undefined ? {} : { candidates }),
    ...(seed === undefined ? {} : { seed }),
  };
}
