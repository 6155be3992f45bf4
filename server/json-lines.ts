/** Files of records, one JSON object a line: appended durably, read back whole or named as unreadable. */
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { pipeline as pipelined } from "node:stream/promises";
import { constants, createBrotliCompress, createBrotliDecompress } from "node:zlib";
import type * as z from "zod";
import { jsonBy } from "./json.ts";
import { linesOf } from "./protocol/lines.ts";
import { moveTo } from "./replace-file.ts";

/** Every line of a file, or of its compressed form (`.br`), in order; null for a line that is no record. */
export async function* eachLine<T>(
  file: string,
  schema: z.ZodType<T>,
): AsyncGenerator<{ readonly number: number; readonly record: T | null }> {
  const isPacked = !existsSync(file) && existsSync(`${file}.br`);
  if (!isPacked && !existsSync(file)) return;
  const bytes = createReadStream(isPacked ? `${file}.br` : file);
  const input = isPacked ? pipeline(bytes, createBrotliDecompress(), () => undefined) : bytes;
  let number = 0;
  for await (const line of linesOf(input)) {
    number++;
    if (line !== "" && line !== "\r") yield { number, record: jsonBy(line, schema) };
  }
}

/** Writes the compressed form of a file of records, whole or not at all. Returns its path. */
export async function packLines(file: string, records: AsyncIterable<unknown>): Promise<string> {
  const target = `${file}.br`;
  const compress = createBrotliCompress({
    // Searches of one problem repeat its first steps: a wide window finds them again.
    params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
  await pipelined(Readable.from(asLines(records)), compress, createWriteStream(`${target}.new`));
  await moveTo(`${target}.new`, target);
  return target;
}

async function* asLines(records: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`;
}

/** Appends records, each on disk before the call returns. One writer at a time. */
export interface LineWriter<T> {
  append(record: T): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file of records for appending. A line torn by an earlier kill is closed first and stays one bad line. Where
 * there is only the compressed form, it is unpacked: so a published evaluation can be gone on with.
 */
export async function openLines<T>(file: string, schema: z.ZodType<T>): Promise<LineWriter<T>> {
  if (!existsSync(file) && existsSync(`${file}.br`)) {
    const unpacked = createWriteStream(`${file}.new`);
    await pipelined(createReadStream(`${file}.br`), createBrotliDecompress(), unpacked);
    await moveTo(`${file}.new`, file);
  }
  const handle = await open(file, "a+");
  await closeTornLine(handle);
  let last: Promise<void> = Promise.resolve();
  return {
    append(record) {
      // Checked before it is written: what could not be read back is a bug of this program.
      const line = `${JSON.stringify(schema.parse(record))}\n`;
      last = last.then(async () => {
        await handle.appendFile(line);
        await handle.sync();
      });
      return last;
    },
    async close() {
      await last.catch(() => undefined);
      await handle.close();
    },
  };
}

/** So that the next line does not run on from one that a kill or a full disk cut off: it stays one bad line. */
export async function closeTornLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  if (size === 0) return;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer.toString("latin1") !== "\n") await handle.appendFile("\n");
}
