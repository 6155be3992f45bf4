/** Times and titles as people read them. */

/** `45 s`, `3 min`. */
export function formatSeconds(seconds: number): string {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

/** A title without the marks of math and emphasis, for places that show plain text. */
export function plainTitle(title: string): string {
  return title.replace(/[$`]|\*\*/gu, "");
}
