/** Titles as people read them. */

/** A title without the marks of math and emphasis, for places that show plain text. */
export function plainTitle(title: string): string {
  return title.replace(/[$`]|\*\*/gu, "");
}
