/** The trace store: append-only JSON lines, checked on write and on read; a bad line is reported, never dropped. */
import { existsSync } from "node:fs";
import { open, readFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { jsonOf } from "../json.ts";
import { codeOf } from "../errors.ts";
import { UNSTOPPED, withLock } from "../lock.ts";
import { Trace, TRACE_VERSION, type TraceSummary, summarise } from "../protocol/trace.ts";
import type { BadLine, TraceFilter, TraceStore } from "../services.ts";

/**
 * A store in one file, made when the first trace is appended. Several processes may append to it: writers take turns by
 * a lock beside the file. A line torn by a kill or a full disk is closed before the next one is written, so it stays a
 * single bad line.
 */
export function createTraceStore(file: string): TraceStore {
  const read = async (filter: TraceFilter = {}): Promise<{ traces: Trace[]; bad: BadLine[] }> => {
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return { traces: [], bad: [] };
      throw error;
    }
    return readTraceLines(text, filter);
  };

  return {
    async append(trace) {
      // Checked before it is written: a trace that could not be read back is a bug of this program, not of the reader.
      const line = `${JSON.stringify(Trace.parse(trace))}\n`;
      await mkdir(dirname(file), { recursive: true });
      await withLock(file, UNSTOPPED, async () => {
        // Opened in its turn: `remove` puts a new file in the old one's place.
        const handle = await open(file, "a+");
        try {
          const { size } = await handle.stat();
          const torn = size > 0 && (await lastByte(handle, size)) !== "\n";
          await handle.appendFile(torn ? `\n${line}` : line);
          await handle.sync();
        } finally {
          await handle.close();
        }
      });
    },
    async remove(isPicked) {
      if (!existsSync(file)) return 0;
      return await withLock(file, UNSTOPPED, async () => {
        const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
        const kept = lines.filter((line) => {
          const parsed = parseTraceLine(line);
          return !isPicked(parsed.kind === "trace" ? parsed.trace : null);
        });
        if (kept.length < lines.length) await writeFileAtomic(file, kept.map((line) => `${line}\n`).join(""));
        return lines.length - kept.length;
      });
    },
    query: read,
    async summaries(filter) {
      const { traces, bad } = await read(filter);
      return { traces: traces.map((trace): TraceSummary => summarise(trace)), bad };
    },
  };
}

/** The traces in the text of a store that pass, and the lines that cannot be read. */
export function readTraceLines(text: string, filter: TraceFilter = {}): { traces: Trace[]; bad: BadLine[] } {
  const traces: Trace[] = [];
  const bad: BadLine[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    // A trace names its own id, so other lines need not be parsed.
    if (line === "" || (filter.id !== undefined && !line.includes(filter.id))) continue;
    const parsed = parseTraceLine(line);
    if (parsed.kind !== "trace") bad.push({ line: index + 1, reason: parsed.reason });
    else if (passes(parsed.trace, filter)) traces.push(parsed.trace);
  }
  return { traces, bad };
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

function passes(trace: Trace, filter: TraceFilter): boolean {
  return filter.id === undefined || trace.id.startsWith(filter.id);
}

async function lastByte(handle: Awaited<ReturnType<typeof open>>, size: number): Promise<string> {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString("latin1");
}
