/** Text for narrow places. */

/** The text, cut to so many characters with a mark where it goes on. */
export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
