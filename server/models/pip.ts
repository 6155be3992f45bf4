/** Downloads one wheel with `pip download`, in a child process that is killed on abort; nothing is installed. */
import { spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { killProgram } from "./kill.ts";
import { lastLines } from "./last-lines.ts";
import type { WheelPart } from "./manifest.ts";
import type { SourceFailure } from "./outcomes.ts";
import { findPython } from "./python.ts";

const POLL_MS = 200;

/**
 * Downloads a wheel into an empty folder. `onBytes` hears the packed bytes that have arrived.
 * @throws the signal's reason within 250 ms of an abort.
 */
export type WheelDownload = (
  part: WheelPart,
  folder: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
) => Promise<
  | { readonly kind: "downloaded"; readonly path: string }
  | ({ readonly kind: "failed" } & Omit<SourceFailure, "source">)
>;

/** Downloads through the pip of `command`, e.g. `["python3"]`; by default of a Python that is found when needed. */
export function pipDownload(command?: readonly string[]): WheelDownload {
  let python = command;
  return async (part, folder, signal, onBytes) => {
    if (python === undefined) {
      const search = await findPython(signal);
      if (search.kind === "missing")
        return {
          kind: "failed",
          reason: "tool-missing",
          detail: `the mirror needs Python 3.11 or newer with pip (${search.tried.join("; ")})`,
        };
      python = search.command;
    }
    const ended = await runPip(python, part, folder, signal, onBytes);
    if (ended.kind === "failed-to-start")
      return { kind: "failed", reason: "tool-missing", detail: `${python.join(" ")}: ${ended.detail}` };
    const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
    if (ended.code === 0 && wheel !== undefined)
      return { kind: "downloaded", path: path.join(folder, wheel) };
    return {
      kind: "failed",
      reason: "other",
      detail: `pip could not download ${part.package} ${part.version}: ${lastLines(ended.errors, 2)}`,
    };
  };
}

type PipEnd =
  | { readonly kind: "ended"; readonly code: number | null; readonly errors: string }
  | { readonly kind: "failed-to-start"; readonly detail: string };

function runPip(
  python: readonly string[],
  part: WheelPart,
  folder: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<PipEnd> {
  signal.throwIfAborted();
  const [program = "", ...args] = python;
  const child = spawn(
    program,
    [
      ...[...args, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "download"],
      ...[
        "--no-deps",
        "--only-binary",
        ":all:",
        "--ignore-requires-python",
        "--no-cache-dir",
        "--retries",
        "2",
      ],
      ...["--dest", folder, `${part.package}==${part.version}`],
    ],
    {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      windowsHide: true,
      // pip first writes to its temporary folder: there it can be watched, and it goes away with ours.
      env: { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder, PIP_REQUIRE_VIRTUALENV: "0" },
    },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
  const poll = setInterval(() => {
    largestFile(folder).then(onBytes, () => undefined);
  }, POLL_MS);
  return new Promise<PipEnd>((resolve, reject) => {
    const onAbort = () => {
      killProgram(child);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (end: PipEnd) => {
      signal.removeEventListener("abort", onAbort);
      resolve(end);
    };
    child.on("error", (error) => settle({ kind: "failed-to-start", detail: error.message }));
    child.on("close", (code) => settle({ kind: "ended", code, errors }));
  }).finally(() => clearInterval(poll));
}

/** Bytes of the largest file below a folder: the wheel, whole or in part. */
async function largestFile(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const found = await stat(path.join(entry.parentPath, entry.name)).catch(() => null);
    bytes = Math.max(bytes, found?.size ?? 0);
  }
  return bytes;
}
