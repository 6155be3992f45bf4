/** Search settings from what the person set, what a stored search had, and what one request wants otherwise. */
import type { Settings } from "../protocol/settings.ts";
import type { SearchOverrides } from "../protocol/solving.ts";
import type { Trace } from "../protocol/trace.ts";
import { profile, SearchConfig } from "../search/config.ts";

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
