/** Trace files that a person names. */
import { createReadStream, existsSync } from "node:fs";
import { pipeline } from "node:stream";
import { createBrotliDecompress } from "node:zlib";
import { messageOf } from "../errors.ts";
import type { Trace } from "../protocol/trace.ts";
import { createTraceStore, readTraces, type ReadTraces } from "../traces/store.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { printable } from "./printable.ts";

/** The traces of several files, in order. @throws CommandFailure for one that cannot be read. */
export async function readTraceFiles(files: readonly string[]): Promise<readonly Trace[]> {
  return (await Promise.all(files.map(readTraceFile))).flat();
}

/**
 * The traces of a file, or of its compressed form (`.br`) as docs/results keeps it; lines that cannot be read are told.
 * @throws CommandFailure when there is no such file or it cannot be decompressed.
 */
export async function readTraceFile(file: string): Promise<readonly Trace[]> {
  if (!existsSync(file)) throw new CommandFailure(EXIT.input, `There is no file ${file}.`);
  const { traces, bad } = file.endsWith(".br")
    ? await readCompressed(file)
    : await createTraceStore(file).query();
  for (const { line, reason } of bad) process.stderr.write(printable(`${file}:${line}: ${reason}\n`));
  return traces;
}

async function readCompressed(file: string): Promise<ReadTraces<Trace>> {
  const bytes = pipeline(createReadStream(file), createBrotliDecompress(), () => undefined);
  try {
    return await readTraces(bytes, (trace) => trace);
  } catch (error) {
    const why = messageOf(error);
    throw new CommandFailure(EXIT.input, `${file} cannot be decompressed: ${why}. Nothing was begun.`);
  }
}
