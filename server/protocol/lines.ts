/** Lines of a stream as they come: what another program writes, or a file that is too long for one text. */
import type { Readable } from "node:stream";

/**
 * Hears every line of a stream. Lines end at a line feed only: `readline` also ends them at U+2028 (from Node 24 on),
 * which JSON has within texts. What the stream's end cut off is no line; `onRest` hears it.
 */
export function onLines(
  stream: Readable,
  onLine: (line: string) => void,
  onRest: (text: string) => void = () => undefined,
): void {
  const unfinished: string[] = [];
  stream.setEncoding("utf8").on("data", (text: string) => {
    const [first = "", ...others] = text.split("\n");
    unfinished.push(first);
    for (const next of others) {
      onLine(unfinished.splice(0).join("").replace(/\r$/u, ""));
      unfinished.push(next);
    }
  });
  stream.on("end", () => {
    const rest = unfinished.join("");
    if (rest !== "") onRest(rest);
  });
}

/** Where a line is in its file, in bytes, without its line feed. */
export interface Place {
  readonly start: number;
  readonly bytes: number;
}

/** Every line of a file in order, the last one too where nothing ends it. A carriage return stays in its line. */
export async function* linesOf(input: Readable): AsyncGenerator<string> {
  for await (const { line } of placedLinesOf(input)) yield line;
}

/** The same lines with their places. */
export async function* placedLinesOf(
  input: Readable,
): AsyncGenerator<{ readonly line: string; readonly place: Place }> {
  const unfinished: Buffer[] = [];
  let start = 0;
  const finish = (end: Buffer): { readonly line: string; readonly place: Place } => {
    const line = Buffer.concat([...unfinished.splice(0), end]);
    const place = { start, bytes: line.length };
    start += line.length + 1;
    return { line: line.toString("utf8"), place };
  };
  for await (const chunk of input as AsyncIterable<Buffer>) {
    let begin = 0;
    // No character of several bytes has this one in it.
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, begin)) {
      yield finish(chunk.subarray(begin, end));
      begin = end + 1;
    }
    unfinished.push(chunk.subarray(begin));
  }
  yield finish(Buffer.alloc(0));
}

const LINE_FEED = 0x0a;
