/** What can come of asking for a model: progress, the reasons it cannot be had, and the words for them. */
import { formatBytes } from "../protocol/text.ts";
import { namesOn, surface, type Surface } from "../protocol/surface.ts";
import type { ResolvedModel } from "../services.ts";
import type { AdapterRefusal } from "./adapters.ts";

/** How far a file is. Sent at most ten times a second, and once when a phase ends. */
export interface ModelProgress {
  /** The file's name in the manifest. */
  readonly file: string;
  /** `waiting` for another process that is fetching the same file, `downloading`, or `checking` its SHA-256. */
  readonly phase: "waiting" | "downloading" | "checking";
  /** The kind of source it comes from; null while waiting or checking. */
  readonly source: string | null;
  readonly bytes: number;
  readonly totalBytes: number;
  /** Over the last few seconds; 0 until that is known. */
  readonly bytesPerSecond: number;
}

/** Why one source did not give a file. */
export interface SourceFailure {
  readonly source: string;
  readonly reason:
    | "unreachable"
    | "not-found"
    | "stalled"
    | "tool-missing"
    | "wrong-content"
    | "disk-full"
    | "unwritable"
    | "other";
  /** One or two sentences with the particulars. */
  readonly detail: string;
}

/** Why a model cannot be used. Every kind is a state of the machine that a person can change. */
export type ModelFailure =
  | { readonly kind: "unknown-model"; readonly id: string; readonly known: readonly string[] }
  | { readonly kind: "not-installed"; readonly id: string; readonly file: string; readonly bytes: number }
  | { readonly kind: "unwritable-home"; readonly folder: string; readonly code: string }
  /** Found before anything was written: `needed` counts a reserve. */
  | {
      readonly kind: "no-space";
      readonly folder: string;
      readonly needed: number;
      readonly available: number;
    }
  /** Found while writing. */
  | { readonly kind: "disk-full"; readonly folder: string; readonly kept: number }
  | {
      readonly kind: "all-sources-failed";
      readonly file: string;
      /** Where a person can fetch it by hand; null where nobody offers it so. */
      readonly address: string | null;
      readonly attempts: readonly SourceFailure[];
    }
  | {
      readonly kind: "wrong-hash";
      readonly path: string;
      readonly expected: string;
      readonly found: string;
    }
  | { readonly kind: "missing-file"; readonly id: string; readonly path: string }
  /** A trained adapter's file is gone, or is not the one that was trained. */
  | { readonly kind: "bad-adapter"; readonly id: string; readonly path: string; readonly isGone: boolean }
  /** Another process believed this one dead (it had been suspended) and took the download over. */
  | { readonly kind: "lock-lost"; readonly file: string }
  | { readonly kind: "bad-models-file"; readonly path: string; readonly detail: string }
  | { readonly kind: "bad-lineage"; readonly path: string; readonly detail: string }
  /** An adapter only fits the very file it was trained on. */
  | {
      readonly kind: "wrong-base";
      readonly id: string;
      readonly base: string;
      readonly expected: string;
      readonly found: string;
    };

/** What asking for a model led to. */
export type Resolution =
  | { readonly kind: "ready"; readonly model: ResolvedModel }
  | { readonly kind: "failed"; readonly reason: ModelFailure; readonly message: string };

/** Tells a person what happened, what to do where they are, and what was kept. One paragraph, or a list of reasons. */
export function describeFailure(failure: ModelFailure, where: Surface = surface()): string {
  const { addFile, fetch, fetchAgain, rollBack, useBase, dataFolder, proxy } = namesOn(where);
  switch (failure.kind) {
    case "unknown-model":
      return `There is no model "${failure.id}". Known: ${failure.known.join(", ")}. A GGUF file of your own is added with: ${addFile}`;
    case "not-installed":
      return `The model ${failure.id} is not on this machine (${failure.file}, ${formatBytes(failure.bytes)}) and nothing may be downloaded now. Fetch it with: ${fetch}${where === "terminal" ? ` ${failure.id}` : ""}`;
    case "unwritable-home":
      return `The folder ${failure.folder} cannot be written (${failure.code}). Make it writable, or choose another data folder with ${dataFolder}. Nothing was changed.`;
    case "no-space":
      return `There is not enough room in ${failure.folder}: ${formatBytes(failure.needed)} are needed and ${formatBytes(failure.available)} are free. Free some space, or choose another data folder with ${dataFolder}. What was downloaded before is kept.`;
    case "disk-full":
      return `The disk of ${failure.folder} became full while the model was being written. Free some space and try again: ${formatBytes(failure.kept)} were kept, and the download goes on from there.`;
    case "all-sources-failed":
      return [
        `The model file ${failure.file} could not be fetched from anywhere:`,
        ...failure.attempts.map((attempt) => `  - ${attempt.source}: ${attempt.detail}`),
        `Check the network connection and try again; what had arrived is kept. A proxy is named by ${proxy}.`,
        failure.address === null
          ? `Or use a GGUF file that you have: ${addFile}`
          : `Or fetch ${failure.address} by hand, in a browser or on another computer, and then: ${addFile}`,
      ].join("\n");
    case "wrong-hash":
      return `${failure.path} is not the file it should be: its SHA-256 is ${failure.found}, expected ${failure.expected}. It was not used and not changed. Fetch it again (${fetchAgain}), or for a file of your own that you have replaced: ${addFile}`;
    case "missing-file":
      return `The file of the model ${failure.id} is no longer at ${failure.path}. Put it back, or add it from where it is now: ${addFile}${where === "terminal" ? ` --id ${failure.id}` : ""}`;
    case "bad-adapter":
      return `The trained adapter ${failure.id} cannot be used: ${failure.path} ${failure.isGone ? "is gone" : "is not the file that was trained"}. Go back to the one before it (${rollBack}), use the base without it (${useBase}), or put the file back. Nothing was changed.`;
    case "lock-lost":
      return `Another process took over the download of ${failure.file} while this one was suspended. Try again; what had arrived is kept.`;
    case "bad-models-file":
      return `${failure.path}, the list of your own models, cannot be read: ${failure.detail}. Correct it or move it away; it was not changed, and your model files are untouched.`;
    case "bad-lineage":
      return `${failure.path}, the list of your trained adapters, cannot be read: ${failure.detail}. Correct it or move it away; it was not changed, and the adapters beside it are untouched.`;
    case "wrong-base":
      return `The adapter ${failure.id} was trained on another file of ${failure.base} (SHA-256 ${failure.expected}; the one here has ${failure.found}), so it was not loaded. Use the base without it (${useBase}), put the old file back, or train again.`;
    default:
      return failure satisfies never;
  }
}

/** Why a file of the user's own was not added. Nothing is changed then. */
export type AddFailure =
  | { readonly kind: "unreadable"; readonly path: string; readonly code: string }
  /** Not a whole GGUF of a language model that this llama.cpp knows; `problem` is the kind of `GgufReading`. */
  | { readonly kind: "unusable"; readonly path: string; readonly problem: string; readonly detail: string }
  | { readonly kind: "bad-id"; readonly id: string }
  | { readonly kind: "id-taken"; readonly id: string }
  | { readonly kind: "ppm-fields" }
  | Extract<ModelFailure, { kind: "unwritable-home" | "disk-full" | "bad-models-file" }>;

/** What adding a file led to. */
export type Addition =
  | { readonly kind: "added"; readonly id: string; readonly role: "policy" | "ppm" }
  /** It is a file of the manifest, and in the data folder now: `id` is what to use, `models` are all that use the file. */
  | {
      readonly kind: "installed";
      readonly id: string;
      readonly role: "policy" | "ppm";
      readonly models: readonly string[];
      readonly path: string;
    }
  | { readonly kind: "failed"; readonly reason: AddFailure | ModelFailure; readonly message: string };

/** Why nothing was removed. */
export type RemoveFailure =
  | { readonly kind: "in-use"; readonly id: string; readonly path: string }
  | { readonly kind: "nothing-there"; readonly id: string }
  | Extract<
      ModelFailure,
      { kind: "unknown-model" | "unwritable-home" | "disk-full" | "bad-models-file" | "bad-lineage" }
    >;

/**
 * What removing a model led to, with the bytes that are free again: none where its file is also elsewhere on the disk.
 * A file of the user's own is only taken off the list.
 */
export type Removal =
  | { readonly kind: "removed"; readonly bytes: number }
  | { readonly kind: "forgotten"; readonly path: string }
  | {
      readonly kind: "failed";
      readonly reason: RemoveFailure | AdapterRefusal;
      readonly message: string;
    };

/** The words for a file that turned out to be one of the manifest's. */
export function describeInstalled({ id, models }: Extract<Addition, { kind: "installed" }>): string {
  return `This is the file of ${models.join(", ")}; ${id} can be used now.`;
}

/** The words for a file that was not added. */
export function describeAddFailure(failure: AddFailure, where: Surface = surface()): string {
  const { otherName } = namesOn(where);
  switch (failure.kind) {
    case "unreadable":
      return failure.code === "ENOENT"
        ? `There is no file ${failure.path}. Nothing was changed.`
        : `The file ${failure.path} cannot be read (${failure.code}). Nothing was changed.`;
    case "unusable":
      return `${failure.path} cannot be used: ${failure.detail}. Download the file again or choose another one; nothing was changed.`;
    case "bad-id":
      return `"${failure.id}" cannot be the name of a model: lower-case letters, digits, dots, dashes and underscores, a letter or digit first. Choose ${otherName}.`;
    case "id-taken":
      return `There is already a model "${failure.id}" that comes with rStar-Math. Choose ${otherName}. Nothing was changed.`;
    case "ppm-fields":
      return "A PPM needs to know where its score is read: give --suffix, --positive and --negative (the text put after a step, and the two one-token answers), and give them for no other role. Nothing was changed.";
    case "unwritable-home":
    case "disk-full":
    case "bad-models-file":
      return describeFailure(failure, where);
    default:
      return failure satisfies never;
  }
}

/** The words for a model that was not removed. */
export function describeRemoveFailure(failure: RemoveFailure, where: Surface = surface()): string {
  switch (failure.kind) {
    case "in-use":
      return `${failure.path} is in use (it is being downloaded, or a model is running). Try again when that has ended; nothing was removed.`;
    case "nothing-there":
      return `The model ${failure.id} has no file in the data folder; there is nothing to remove.`;
    case "unknown-model":
    case "unwritable-home":
    case "disk-full":
    case "bad-models-file":
    case "bad-lineage":
      return describeFailure(failure, where);
    default:
      return failure satisfies never;
  }
}

/** A failed resolution with its message. */
export function failed(reason: ModelFailure): Extract<Resolution, { kind: "failed" }> {
  return { kind: "failed", reason, message: describeFailure(reason) };
}
