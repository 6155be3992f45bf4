/** Single settings of a run, given as `name=value`: what a profile leaves open for those who train for themselves. Pure. */
import { jsonOf } from "../json.ts";
import { EvolutionSettings } from "../protocol/evolution.ts";
import { isRecord } from "../protocol/settings.ts";

/** The settings with the changes, or what is wrong with one of them, in words. */
export type Overriding =
  | { readonly kind: "settings"; readonly settings: EvolutionSettings }
  | { readonly kind: "bad"; readonly message: string };

/**
 * Puts values in the place of others. A name is the path of a field that is there, such as
 * `ppmTraining.learningRate`; a value is JSON, or text where it is no JSON.
 */
export function overridden(settings: EvolutionSettings, assignments: readonly string[]): Overriding {
  // Through JSON: `structuredClone` keeps what two profiles share as one object, and both would change.
  const changed: unknown = JSON.parse(JSON.stringify(settings));
  for (const assignment of assignments) {
    const [, name = "", text = ""] = /^([^=]+)=(.*)$/su.exec(assignment) ?? [];
    if (name === "") return bad(`"${assignment}" is not of the form name=value.`);
    const place = placeOf(changed, name);
    if (place === null) return bad(`There is no setting ${name}. There are: ${names(settings).join(", ")}.`);
    place.of[place.key] = valueOf(text);
  }
  const parsed = EvolutionSettings.safeParse(changed);
  if (parsed.success) return { kind: "settings", settings: parsed.data };
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return bad(issues.join("; "));
}

function bad(message: string): Overriding {
  return { kind: "bad", message };
}

/** The object that holds a field, and the field's own name there; null where there is no such field. */
function placeOf(root: unknown, name: string): { of: Record<string, unknown>; key: string } | null {
  const keys = name.split(".");
  const key = keys.pop() ?? "";
  let at = root;
  for (const step of keys) {
    if (!isRecord(at) || !Object.hasOwn(at, step)) return null;
    at = at[step];
  }
  return isRecord(at) && Object.hasOwn(at, key) ? { of: at, key } : null;
}

function valueOf(text: string): unknown {
  const value = jsonOf(text);
  return value === undefined ? text : value;
}

/** The paths of all single values; a list counts as one. */
function names(value: unknown, path = ""): string[] {
  if (!isRecord(value)) return [path];
  return Object.entries(value).flatMap(([key, field]) => names(field, path === "" ? key : `${path}.${key}`));
}
