/** Line starts and line ends of a text, by offset. */

/** A half-open range of offsets, in UTF-16 code units as JavaScript and LSP count them. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** One line: where it starts, where its content ends, and where the next line starts. */
export interface Line {
  readonly start: number;
  /** End of the content, before the line ending. */
  readonly end: number;
  /** Start of the next line; the text's length for the last one. */
  readonly next: number;
}

/** The lines of one text. `\r\n`, `\n` and `\r` each end a line, as in CommonMark. */
export class TextLines {
  readonly text: string;
  readonly #lines: readonly Line[];

  constructor(text: string) {
    this.text = text;
    this.#lines = splitLines(text);
  }

  /** Number of lines; a text that ends with a line ending has an empty last line. */
  get count(): number {
    return this.#lines.length;
  }

  /** The line with this 0-based number. @throws RangeError when there is none. */
  at(number: number): Line {
    const line = this.#lines[number];
    if (line === undefined) throw new RangeError(`no line ${number} in a text of ${this.count} lines`);
    return line;
  }

  /** The 0-based number of the line that holds the offset; a line's ending belongs to it. */
  numberAt(offset: number): number {
    let low = 0;
    let high = this.#lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.at(middle).start <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The line that holds the offset. */
  lineAt(offset: number): Line {
    return this.at(this.numberAt(offset));
  }
}

let latest: TextLines | null = null;

/** The lines of the text. Those of the latest text are kept, for one document is asked about many times in a row. */
export function linesOf(text: string): TextLines {
  if (latest?.text !== text) latest = new TextLines(text);
  return latest;
}

function splitLines(text: string): readonly Line[] {
  const lines: Line[] = [];
  const ending = /\r\n|\n|\r/g;
  // A byte order mark belongs to no line.
  let start = text.startsWith("\uFEFF") ? 1 : 0;
  for (const match of text.matchAll(ending)) {
    const next = match.index + match[0].length;
    lines.push({ start, end: match.index, next });
    start = next;
  }
  lines.push({ start, end: text.length, next: text.length });
  return lines;
}
