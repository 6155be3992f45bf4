/** Downloads one file from a model hub through node-llama-cpp, giving up early when the hub cannot be reached. */
import { rm } from "node:fs/promises";
import path from "node:path";

/** How long the hub may take to answer the first request. */
const CONNECT_MS = 5_000;
/** A download that brings nothing for this long is given up, so that another source can be tried. */
const STALL_MS = 45_000;
/** How long a cancelled download may take to write what it has and to close its file. */
const CLOSE_MS = 150;
const LOST_WRITES = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EIO"]);
const DEFAULT_ENDPOINT = "https://huggingface.co/";

/** A file to download. */
export interface HubRequest {
  /** `hf:owner/repository/file.gguf` */
  readonly uri: string;
  readonly folder: string;
  /** Name of the finished file; until then its bytes lie beside it under that name plus `.ipull`. */
  readonly fileName: string;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  /** Base address of the hub; by default `MODEL_ENDPOINT` or `HF_ENDPOINT`, else Hugging Face. */
  readonly endpoint?: string;
  /** For tests: other limits, in milliseconds. */
  readonly limits?: { readonly connectMs: number; readonly stallMs: number };
}

/** What came of it. After a failure or an abort, what had arrived is kept and the next attempt goes on from there. */
export type HubOutcome =
  | { readonly kind: "downloaded"; readonly path: string }
  | {
      readonly kind: "failed";
      readonly reason: "unreachable" | "not-found" | "stalled" | "other";
      readonly detail: string;
    };

/** Where a hub has the file of `hf:owner/repository/file.gguf`. `endpoint` ends with a slash. */
export function hubAddress(uri: string, endpoint = defaultEndpoint()): string {
  const [, owner = "", repository = "", file = ""] = /^hf:([^/]+)\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  return `${endpoint}${owner}/${repository}/resolve/main/${file}`;
}

function defaultEndpoint(): string {
  const named = [process.env["MODEL_ENDPOINT"], process.env["HF_ENDPOINT"]];
  // Container files leave variables set and empty.
  return withSlash(named.find((value) => value !== undefined && value !== "") ?? DEFAULT_ENDPOINT);
}

/**
 * Downloads a file. No credentials are sent: what the manifest names is public.
 * @throws the signal's reason within 250 ms of an abort, and errors of the file system (`ENOSPC`, `EACCES`, …).
 */
export async function downloadFromHub(request: HubRequest): Promise<HubOutcome> {
  const { signal, limits = { connectMs: CONNECT_MS, stallMs: STALL_MS } } = request;
  signal.throwIfAborted();
  const endpoint = request.endpoint === undefined ? defaultEndpoint() : withSlash(request.endpoint);
  const refusal = await probe(endpoint, request.uri, limits.connectMs, signal);
  if (refusal !== null) return refusal;

  const stall = new AbortController();
  const stalled = () => stall.abort(new Error("stalled"));
  let timer = setTimeout(stalled, limits.stallMs);
  const unwritten = watchLostWrites();
  const either = AbortSignal.any([signal, stall.signal, unwritten.signal]);
  let seen = 0;
  try {
    const { createModelDownloader } = await import("node-llama-cpp");
    const creating = createModelDownloader({
      modelUri: request.uri,
      dirPath: request.folder,
      fileName: request.fileName,
      endpoints: { huggingFace: endpoint },
      // Null means "look for none"; the declared type leaves it out.
      tokens: { huggingFace: null as unknown as string },
      deleteTempFileOnCancel: false,
      onProgress: ({ downloadedSize }) => {
        if (downloadedSize === seen) return;
        seen = downloadedSize;
        clearTimeout(timer);
        timer = setTimeout(stalled, limits.stallMs);
        request.onBytes(downloadedSize);
      },
    });
    void creating.then(
      (late) => (either.aborted ? late.cancel() : undefined),
      () => undefined,
    );
    const downloader = await orAbort(creating, either);
    const downloading = downloader.download({ signal: either });
    return { kind: "downloaded", path: await orAbort(downloading, either, CLOSE_MS) };
  } catch (error) {
    if (unwritten.signal.aborted) {
      // The library has noted as written what was not: there is nothing to go on from.
      await rm(path.join(request.folder, `${request.fileName}.ipull`), { force: true });
      throw unwritten.signal.reason;
    }
    signal.throwIfAborted();
    if (stall.signal.aborted)
      return {
        kind: "failed",
        reason: "stalled",
        detail: `nothing arrived from ${new URL(endpoint).host} for ${Math.round(limits.stallMs / 1000)} s`,
      };
    if (
      error instanceof Error &&
      "code" in error &&
      /^E[A-Z]+$/.test(String(error.code)) &&
      "syscall" in error
    )
      throw error;
    return { kind: "failed", reason: "other", detail: transportFault(error) };
  } finally {
    clearTimeout(timer);
    unwritten.release();
  }
}

/**
 * The downloader (ipull 3.9) leaves the failure of a write to a full disk to nobody, which would end this process.
 * Until `release`, such a failure aborts the signal instead; any other stray failure ends the process as it always does.
 */
function watchLostWrites(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const onStray = (reason: unknown) => {
    if (reason instanceof Error && "code" in reason && LOST_WRITES.has(String(reason.code)))
      controller.abort(reason);
    else if (process.listenerCount("unhandledRejection") === 1) throw reason;
  };
  process.on("unhandledRejection", onStray);
  return {
    signal: controller.signal,
    // Writes that were under way may fail a moment after the first.
    release: () => void setTimeout(() => process.off("unhandledRejection", onStray), CLOSE_MS * 2).unref(),
  };
}

/** Asks for the file's headers once, with a short limit; null when the download can begin. */
async function probe(
  endpoint: string,
  uri: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<Extract<HubOutcome, { kind: "failed" }> | null> {
  const url = hubAddress(uri, endpoint);
  const host = URL.canParse(endpoint) ? new URL(endpoint).host : endpoint;
  try {
    const response = await fetch(url, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
    });
    if (response.status < 400) return null;
    const missing = [401, 403, 404, 410].includes(response.status);
    return {
      kind: "failed",
      reason: missing ? "not-found" : "other",
      detail: `${host} answered ${response.status} for ${uri}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      kind: "failed",
      reason: "unreachable",
      detail: `${host} cannot be reached (${transportFault(error)})`,
    };
  }
}

/**
 * The promise, or the signal's reason when it is aborted; the promise has `graceMs` more then to end by itself, and its
 * own failure is ignored.
 */
async function orAbort<T>(promise: Promise<T>, signal: AbortSignal, graceMs = 0): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      const end = () => reject(signal.reason as Error);
      const timer = setTimeout(end, graceMs);
      void promise
        .catch(() => undefined)
        .then(() => {
          clearTimeout(timer);
          end();
        });
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    const value = await Promise.race([promise, aborted]);
    // A cancelled download of the library resolves as if it had ended well.
    signal.throwIfAborted();
    return value;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

/** `fetch` hides what happened in its error's cause. */
function transportFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  const cause = error.cause;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return error.message;
}
