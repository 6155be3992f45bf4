/** Lines of another program, however they arrive. */
import { PassThrough, Readable } from "node:stream";
import { expect, it } from "vitest";
import { linesOf, onLines, placedLinesOf } from "../../../server/protocol/lines.ts";

/** What is heard of these pieces: the lines, and what had no end. */
async function heard(pieces: readonly (string | Uint8Array)[]): Promise<{ lines: string[]; rest: string[] }> {
  const stream = new PassThrough();
  const [lines, rest]: [string[], string[]] = [[], []];
  onLines(
    stream,
    (line) => lines.push(line),
    (text) => rest.push(text),
  );
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await new Promise((resolve) => stream.once("end", resolve));
  return { lines, rest };
}

it("ends lines at a line feed only, whatever else JSON has within texts", async () => {
  const text = JSON.stringify("a\u2028b\u2029c\u0085d");
  expect(await heard([`${text}\n`, `${text}\r\n\n`])).toEqual({ lines: [text, text, ""], rest: [] });
});

it("puts lines and characters together that arrive in pieces", async () => {
  const bytes = Buffer.from("é = 1\nb\n");
  expect(await heard([bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3)])).toEqual({
    lines: ["é = 1", "b"],
    rest: [],
  });
});

it("takes what was cut off for no line", async () => {
  expect(await heard(['{"a":1}\n{"a"', ":"])).toEqual({ lines: ['{"a":1}'], rest: ['{"a":'] });
});

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

it("reads a file's lines with the bytes they are at, whatever they hold and wherever it is cut", async () => {
  // The third line was torn within a character by a kill.
  const bytes = Buffer.concat([
    Buffer.from("é = 1\r\n\n"),
    Buffer.from("né").subarray(0, 2),
    Buffer.from("\n\u2028x\nrest"),
  ]);
  for (const size of [1, 2, 5, bytes.length]) {
    const pieces = (): Readable =>
      Readable.from(
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        ),
        { objectMode: false },
      );
    const lines = await all(placedLinesOf(pieces()));
    expect(lines.map(({ line }) => line)).toEqual(["é = 1\r", "", "n\ufffd", "\u2028x", "rest"]);
    for (const { line, place } of lines)
      expect(bytes.subarray(place.start, place.start + place.bytes).toString("utf8")).toBe(line);
    expect(await all(linesOf(pieces()))).toEqual(lines.map(({ line }) => line));
  }
});
