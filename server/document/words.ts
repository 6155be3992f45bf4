/** Words of the settings as part of a pattern. */

/** A pattern for any of the words, taken as they are. It matches nothing where there are none. */
export function anyOf(words: readonly string[]): string {
  return words.length === 0
    ? "(?!)"
    : words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
}

/** A pattern for what goes on with the word before it. Where letters have no capitals a number does not: `問題1`. */
export const MORE_OF_WORD = "\\p{L}|_|(?<!\\p{Lo})\\p{N}";
