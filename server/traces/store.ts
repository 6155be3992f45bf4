/** The trace store: append-only JSON lines, checked on write and on read; a bad line is reported, never dropped. */
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { jsonOf } from "../json.ts";
import { closeTornLine } from "../json-lines.ts";
import { codeOf } from "../errors.ts";
import { LockLost, UNSTOPPED, withLock } from "../lock.ts";
import { linesOf, type Place, placedLinesOf } from "../protocol/lines.ts";
import { Trace, TRACE_VERSION } from "../protocol/trace.ts";
import type { BadLine, TraceFilter, TraceStore } from "../services.ts";
import { moveTo } from "../replace-file.ts";

/** In larger pieces than Node's own a large file is read in half the time. */
const PIECE = { highWaterMark: 2 ** 20 };

/**
 * A store in one file, made when the first trace is appended. Several processes may append to it: writers take turns by
 * a lock beside the file. A line torn by a kill or a full disk is closed before the next one is written, so it stays a
 * single bad line. It is read and rewritten line by line: a large one would not fit into one text.
 */
export function createTraceStore(file: string): TraceStore {
  const read = async <T>(
    of: (trace: Trace, place: Place) => T,
    filter: TraceFilter = {},
  ): Promise<ReadTraces<T>> => {
    try {
      return await readTraces(createReadStream(file, PIECE), of, filter);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return { traces: [], bad: [] };
      throw error;
    }
  };

  return {
    async append(trace) {
      // Checked before it is written: a trace that could not be read back is a bug of this program, not of the reader.
      const line = lineOf(trace);
      await mkdir(dirname(file), { recursive: true });
      await withLock(file, UNSTOPPED, async () => {
        // Opened in its turn: `remove` puts a new file in the old one's place.
        const handle = await open(file, "a+");
        try {
          await closeTornLine(handle);
          await handle.appendFile(line);
          await handle.sync();
        } finally {
          await handle.close();
        }
      });
    },
    async remove(isPicked) {
      if (!existsSync(file)) return 0;
      for (;;)
        try {
          return await withLock(file, UNSTOPPED, (signal) => removeLines(file, isPicked, signal));
        } catch (error) {
          // This process was suspended for long: from the start again, with what others appended meanwhile.
          if (!(error instanceof LockLost)) throw error;
        }
    },
    query: (filter) => read((trace) => trace, filter),
    read,
    at: (place) => readAt(file, place),
  };
}

/** A trace as the store has it. @throws where it could not be read back. */
export function lineOf(trace: Trace): Buffer {
  return Buffer.from(`${JSON.stringify(Trace.parse(trace))}\n`);
}

/** What the lines of a store hold: of each trace that passes what was asked for, and the lines that cannot be read. */
export interface ReadTraces<T> {
  readonly traces: T[];
  readonly bad: BadLine[];
}

/** Reads the lines of a store, and keeps of each trace that passes only what `of` takes from it. */
export async function readTraces<T>(
  input: Readable,
  of: (trace: Trace, place: Place) => T,
  filter: TraceFilter = {},
): Promise<ReadTraces<T>> {
  const { id = "", exactId } = filter;
  const named = exactId ?? id;
  const read: ReadTraces<T> = { traces: [], bad: [] };
  let number = 0;
  for await (const { line, place } of placedLinesOf(input)) {
    number++;
    // A trace names its own id, so other lines need not be parsed.
    if (line === "" || !line.includes(named)) continue;
    const parsed = parseTraceLine(line);
    if (parsed.kind !== "trace") read.bad.push({ line: number, reason: parsed.reason });
    else if (exactId === undefined ? parsed.trace.id.startsWith(id) : parsed.trace.id === exactId) {
      read.traces.push(of(parsed.trace, place));
      if (exactId !== undefined) break;
    }
  }
  return read;
}

async function readAt(file: string, { start, bytes }: Place): Promise<Trace> {
  const handle = await open(file, "r");
  try {
    const { buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, start);
    const parsed = parseTraceLine(buffer.toString("utf8"));
    if (parsed.kind === "trace") return parsed.trace;
    throw new Error(`${file} was changed while it was read: ${parsed.reason}.`);
  } finally {
    await handle.close();
  }
}

/**
 * Puts the file without the picked lines in the old one's place, at once, and says how many went. Under the store's lock.
 * @throws LockLost, with nothing changed, when another process may have written to the file meanwhile.
 */
async function removeLines(
  file: string,
  isPicked: (trace: Trace | null) => boolean,
  signal: AbortSignal,
): Promise<number> {
  // Where the store is a link, it stays one.
  const target = await realpath(file);
  const { mode, uid, gid } = await stat(target);
  // What a killed process had copied would stay for ever, with what a person wants gone.
  const leftovers = (await readdir(dirname(target))).filter(
    (name) => name.startsWith(`${basename(target)}.`) && name.endsWith(".new"),
  );
  for (const name of leftovers) await rm(join(dirname(target), name), { force: true });
  const partial = `${target}.${process.pid}.new`;
  let removed = 0;
  try {
    const handle = await open(partial, "w", mode);
    try {
      // It stays its owner's alone, as far as the file system knows owners and modes.
      await handle.chown(uid, gid).catch(() => undefined);
      await handle.chmod(mode).catch(() => undefined);
      for await (const line of linesOf(createReadStream(target, PIECE))) {
        if (line === "") continue;
        const parsed = parseTraceLine(line);
        if (isPicked(parsed.kind === "trace" ? parsed.trace : null)) removed++;
        else await handle.appendFile(`${line}\n`);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    signal.throwIfAborted();
    if (removed > 0) await moveTo(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
  return removed;
}

/** One line of a store, or why it is not a trace. */
export type ParsedLine =
  | { readonly kind: "trace"; readonly trace: Trace }
  | { readonly kind: "newer" | "bad"; readonly reason: string };

/** Reads one line. A trace of a newer version is named as such, so that a person knows to update rather than to repair. */
export function parseTraceLine(line: string): ParsedLine {
  const data = jsonOf(line);
  if (data === undefined)
    return { kind: "bad", reason: "not complete JSON; it was probably cut off by a kill or a full disk" };
  const version = typeof data === "object" && data !== null && "version" in data ? data.version : undefined;
  if (typeof version === "number" && version > TRACE_VERSION)
    return {
      kind: "newer",
      reason: `written by a newer rStar Math (trace version ${version}, this one reads ${TRACE_VERSION}); update to read it`,
    };
  const parsed = Trace.safeParse(data);
  if (parsed.success) return { kind: "trace", trace: parsed.data };
  const issue = parsed.error.issues[0];
  return {
    kind: "bad",
    reason: `not a trace: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
  };
}
