/** Numbers as people read them. */

/** Decimal units, as disks and downloads are sold: `491 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}

/** `45 s`, `3 min`. */
export function formatSeconds(seconds: number): string {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

/** A title without the marks of math and emphasis, for places that show plain text. */
export function plainTitle(title: string): string {
  return title.replace(/[$`]|\*\*/gu, "");
}
