/** The two HTML comments around a stored solution, and the fields that the first of them holds. */

/** A marker as read from a line. */
export interface Marker {
  readonly kind: "start" | "end";
  readonly fields: ReadonlyMap<string, string>;
}

const START = "<!-- rstar:solution";
const END = "<!-- rstar:end -->";

/** The line that ends every stored solution. */
export const END_MARKER = END;

/** The line that begins a stored solution. */
export function startMarker(fields: readonly (readonly [string, string])[]): string {
  return `${START}${fields.map(([name, value]) => ` ${name}=${writeValue(value)}`).join("")} -->`;
}

/** The marker that the line begins with, and its length; null when there is none. */
export function readMarker(line: string): { readonly marker: Marker; readonly length: number } | null {
  const end = /^<!--\s*rstar:end\s*-->/.exec(line);
  if (end !== null) return { marker: { kind: "end", fields: new Map() }, length: end[0].length };
  const start = /^<!--\s*rstar:solution(?=\s|-->)/.exec(line);
  const close = line.indexOf("-->");
  if (start === null || close < 0) return null;
  const fields = new Map<string, string>();
  // A value is a JSON string or runs to the next space. A name is looked for from its first character only, not from
  // each one of a long word that is none.
  for (const match of line
    .slice(start[0].length, close)
    .matchAll(/(?<![\w-])([\w-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)/g)) {
    const [, name = "", value = ""] = match;
    fields.set(name, readValue(value));
  }
  return { marker: { kind: "start", fields }, length: close + 3 };
}

/** Bare where that is unambiguous, else a JSON string in plain ASCII that cannot end the comment. */
function writeValue(value: string): string {
  if (/^[\w.:/+]+(?:-[\w.:/+]+)*$/.test(value)) return value;
  return JSON.stringify(value)
    .replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll(">", "\\u003e")
    .replace(/-(?=-)/g, "\\u002d");
}

function readValue(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    // A hand-edited value: what stands between the quotes is the best there is.
    return value.slice(1, -1);
  }
}
