/** Where the key of an endpoint may be: never in a settings file. */

/** The environment variable for it, where no editor keeps it. */
export const ENDPOINT_KEY = "RSTAR_ENDPOINT_KEY";

/** The key that an environment holds; null for none. */
export function keyOfEnvironment(environment: Readonly<Record<string, string | undefined>>): string | null {
  const key = environment[ENDPOINT_KEY]?.trim() ?? "";
  return key === "" ? null : key;
}

/** What a key belongs to: scheme, host and port, so that no other server is ever sent it. Null for what is no URL. */
export function originOf(url: string): string | null {
  try {
    return new URL(url.trim()).origin;
  } catch {
    return null;
  }
}
