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

/** Every line of a file in order, the last one too where nothing ends it. A carriage return stays in its line. */
export async function* linesOf(input: Readable): AsyncGenerator<string> {
  const unfinished: string[] = [];
  for await (const chunk of input.setEncoding("utf8") as AsyncIterable<string>) {
    const [first = "", ...others] = chunk.split("\n");
    unfinished.push(first);
    for (const next of others) {
      yield unfinished.splice(0).join("");
      unfinished.push(next);
    }
  }
  yield unfinished.join("");
}
