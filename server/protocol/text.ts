/** Words, sizes and times for narrow places, in the editor and on the command line. */

/** The text, cut to so many characters with a mark where it goes on. */
export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** The beginning of a problem's first paragraph, for one that has no title of its own. */
export function firstWords(statement: string): string {
  const [paragraph = ""] = statement.trim().split(/\n\s*\n/u);
  return shorten(paragraph.replace(/\s+/gu, " "), 60);
}

/** A time for people: `45 s`, `3 min`, `1.6 h`. Only nothing at all is `0 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A size for people, in decimal units: `491 MB`, `1.12 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${units[unit] ?? ""}`;
}
