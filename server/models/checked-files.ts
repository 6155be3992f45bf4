/** SHA-256 checks of large files, remembered so that an unchanged file is read through only once. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import * as z from "zod";

const memorySchema = z.object({
  path: z.string(),
  size: z.number(),
  mtimeMs: z.number(),
  sha256: z.string(),
});

/**
 * The SHA-256 of a file, lower-case hex. `onBytes` hears how many bytes have been read so far.
 * @throws the signal's reason when it is aborted, and the file system's errors.
 */
export async function sha256OfFile(
  file: string,
  signal: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  signal.throwIfAborted();
  const hash = createHash("sha256");
  let bytes = 0;
  const stream = createReadStream(file, { highWaterMark: 1 << 20 });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(chunk);
    bytes += chunk.length;
    onBytes?.(bytes);
  }
  return hash.digest("hex");
}

/** Remembers SHA-256 checks in `<home>/checked/`, one small file each, valid while size and time stay the same. */
export class CheckedFiles {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = path.join(home, "checked");
  }

  /**
   * The file's SHA-256, from memory when the file is unchanged since it was last read.
   * @throws the signal's reason when it is aborted, and the file system's errors about the file itself.
   */
  async sha256(file: string, signal: AbortSignal, onBytes?: (bytes: number) => void): Promise<string> {
    for (;;) {
      const { size, mtimeMs } = await stat(file);
      const known = await this.#recall(file);
      if (known?.size === size && known.mtimeMs === mtimeMs) return known.sha256;
      const sha256 = await sha256OfFile(file, signal, onBytes);
      const after = await stat(file);
      // Else another file took its place while it was read.
      if (after.size !== size || after.mtimeMs !== mtimeMs) continue;
      await this.remember(file, sha256);
      return sha256;
    }
  }

  /** Stores what is known about a file. A data folder that cannot be written only costs the next check its time. */
  async remember(file: string, sha256: string): Promise<void> {
    try {
      const { size, mtimeMs } = await stat(file);
      await mkdir(this.#folder, { recursive: true });
      const memory = { path: file, size, mtimeMs, sha256 };
      await writeFileAtomic(this.#note(file), `${JSON.stringify(memory)}\n`);
    } catch {
      // Nothing depends on the note being there.
    }
  }

  /** Drops what is known about a file. */
  async forget(file: string): Promise<void> {
    await rm(this.#note(file), { force: true });
  }

  async #recall(file: string): Promise<z.infer<typeof memorySchema> | null> {
    try {
      const memory = memorySchema.parse(JSON.parse(await readFile(this.#note(file), "utf8")));
      return memory.path === file ? memory : null;
    } catch {
      return null; // Absent or damaged: the file is read again, which is always right.
    }
  }

  #note(file: string): string {
    return path.join(this.#folder, `${createHash("sha256").update(file).digest("hex").slice(0, 24)}.json`);
  }
}
