/** Finds YAML front matter, so that it is not read as Markdown. */

/** Where the body starts: after a byte order mark and after front matter, when there are any. */
export function bodyStart(text: string): number {
  const start = text.startsWith("\uFEFF") ? 1 : 0;
  const opening = /---[ \t]*(?:\r\n|\n|\r)/y;
  opening.lastIndex = start;
  if (!opening.test(text)) return start;
  const closing = /^(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|$(?![^]))/gm;
  closing.lastIndex = opening.lastIndex;
  return closing.test(text) ? closing.lastIndex : start;
}
