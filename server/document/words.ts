/** Words of the settings as part of a pattern. */

/** A pattern for any of the words, taken as they are. It matches nothing where there are none. */
export function anyOf(words: readonly string[]): string {
  return words.length === 0
    ? "(?!)"
    : words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
}
