/** The words for making an environment: progress out of pip's output, and why it could not be made. */
import { formatBytes } from "../protocol/text.ts";
import { namesOn } from "../protocol/surface.ts";
import type { TRAINING_FAILURES } from "../protocol/training.ts";
import { lastLines } from "../models/last-lines.ts";
import type { ProgramEnd } from "../models/program.ts";

/** Why the environment cannot be had. */
export interface EnvironmentFailure {
  readonly kind: "failed";
  readonly reason: (typeof TRAINING_FAILURES)[number];
  /** What happened and what to do. */
  readonly message: string;
  /** The last words of the program that failed. */
  readonly log: string;
}

/** How a machine without a GPU is spared NVIDIA's libraries. */
export function cudaAdvice(): string {
  return `Without an NVIDIA GPU, let ${namesOn().torchIndex} name PyTorch's package index of CPU builds (its installation page has it): that is a tenth of the size.`;
}

/** What a person is told of a line of pip's output; null for the many that say nothing new. */
export function progressOf(line: string): string | null {
  const collecting = /^Collecting ([\w.-]+)/u.exec(line);
  if (collecting !== null) return `Fetching ${collecting[1] ?? ""}.`;
  const size = /^\s*Downloading ([\w.-]+?)-[\d].*\((\d[\d.]* [kMG]B)\)/u.exec(line);
  if (size !== null) return `Downloading ${size[1] ?? ""}, ${size[2] ?? ""}.`;
  if (line.startsWith("Installing collected packages")) return "Installing the packages.";
  return null;
}

/** Whether a program did what it was asked. */
export function succeeded(end: ProgramEnd): boolean {
  return end.kind === "ended" && end.code === 0;
}

/** What a program said before it ended. */
export function wordsOf(end: ProgramEnd): string {
  return end.kind === "not-started" ? end.detail : lastLines(end.errors, 12);
}

/** An `EnvironmentFailure`. */
export function failure(
  reason: EnvironmentFailure["reason"],
  message: string,
  log: string,
): EnvironmentFailure {
  return { kind: "failed", reason, message, log };
}

/** No Python, or only old ones, after `findPython` tried these. */
export function missingPython(tried: readonly string[]): EnvironmentFailure {
  // What was found and is too old is named with its version.
  const old = tried.filter((line) => /: \d/u.test(line));
  const how = `Install Python 3.11 or newer (https://www.python.org/downloads/), or name one with ${namesOn().python}. Nothing was changed.`;
  return old.length > 0
    ? failure(
        "wrong-python",
        `Training needs Python 3.11 or newer; only ${old.join(", ")} was found. ${how}`,
        "",
      )
    : failure(
        "no-python",
        `Training needs Python 3.11 or newer, and none was found. ${how}`,
        tried.join("; "),
      );
}

/** A Python that PyTorch has no builds for; null for all others. */
export function noBuilds(platform: NodeJS.Platform, machine: string): EnvironmentFailure | null {
  if (platform !== "darwin" || machine !== "x86_64") return null;
  return failure(
    "environment",
    `This Python is made for Macs with Intel processors, and PyTorch has no builds for them any more. On a Mac with Apple's chips name another one with ${namesOn().python}; else train on another machine: the adapter that it makes can be used here. Nothing was changed.`,
    "",
  );
}

/** `needed` and `free` in bytes. */
export function noSpace(folder: string, needed: number, free: number, advice = ""): EnvironmentFailure {
  const message = `The environment for training needs ${formatBytes(needed)} in ${folder}, and ${formatBytes(free)} are free. Free some space, or choose another data folder with ${namesOn().dataFolder}. ${advice}`;
  return failure("no-space", message.trim(), "");
}

/** Reads out of pip's last words why it could not install. */
export function installFailure(folder: string, errors: string): EnvironmentFailure {
  if (/No space left|disk full|Errno 28/iu.test(errors))
    return failure(
      "no-space",
      `The disk of ${folder} became full while the packages for training were installed. Free some space and try again.`,
      errors,
    );
  if (
    /NewConnectionError|name resolution|getaddrinfo|timed out|ConnectTimeout|ProxyError|Network is unreachable/iu.test(
      errors,
    )
  )
    return failure(
      "no-network",
      "The packages for training could not be fetched: the network or the package index cannot be reached. Check the connection and try again. Nothing else was changed.",
      errors,
    );
  if (/long path|WinError 206/iu.test(errors))
    return failure(
      "environment",
      "Windows could not write the packages for training: their paths are too long. Allow long paths (LongPathsEnabled in Windows' registry; Microsoft's page on the maximum path length has it), or choose a data folder with a short path, such as C:\\rstar, and try again. Nothing else was changed.",
      errors,
    );
  return failure(
    "environment",
    `pip could not install the packages for training: ${lastLines(errors)} Nothing else was changed.`,
    errors,
  );
}
