/** The models of this machine: what there is, where it is, fetching, removing, and adding files of the user's own. */
import { rm } from "node:fs/promises";
import path from "node:path";
import type { GgufReading } from "../engine/gguf.ts";
import { removeWidened } from "../engine/widened.ts";
import type { ResolvedModel } from "../services.ts";
import { adapterPath, describeRefusal, inUse, readLineage, removeAdapter } from "./adapters.ts";
import type { Lineage } from "../protocol/evolution.ts";
import { CheckedFiles } from "./checked-files.ts";
import {
  ensureAsset,
  freeBytesOf,
  removePartials,
  type EnsureContext,
  type EnsureOptions,
} from "./ensure.ts";
import { modelFolder } from "./home.ts";
import {
  describeEntry,
  describeOwn,
  describeTrained,
  heldBytes,
  ownFiles,
  sizeOf,
  type ListedModel,
} from "./listing.ts";
import { codeOf } from "../errors.ts";
import { tryWithLock } from "../lock.ts";
import { isHeld } from "../replace-file.ts";
import { writeFailure } from "./write-failure.ts";
import { isDerived, packageRoot, type BaseEntry, type Manifest, type ManifestEntry } from "./manifest.ts";
import {
  describeAddFailure,
  describeRemoveFailure,
  failed,
  type AddFailure,
  type Addition,
  type ModelFailure,
  type Removal,
  type RemoveFailure,
  type Resolution,
} from "./outcomes.ts";
import { changeOwnModels, isModelId, readOwnModels, type OwnModel } from "./own-models.ts";
import { realFetchers, type Fetchers } from "./sources.ts";

/** What a manager works with. Everything after `manifest` has a default; tests replace it. */
export interface ModelManagerOptions {
  /** The data folder, absolute; see `dataHome`. */
  readonly home: string;
  readonly manifest: Manifest;
  /** Hears one line for each thing that is done; by default nobody does. */
  readonly log?: (line: string) => void;
  /** Starts a Python with pip, e.g. `["py", "-3"]`; by default one is looked for when it is needed. */
  readonly pythonCommand?: readonly string[];
  readonly fetchers?: Partial<Fetchers>;
  /** The root that bundled paths start from; by default this package's. */
  readonly packageRoot?: string;
  /** Free bytes of the file system that holds a folder. */
  readonly freeBytes?: (folder: string) => Promise<number>;
  /** Reads a GGUF header; by default through node-llama-cpp, loaded when it is needed. */
  readonly readGguf?: (file: string, signal: AbortSignal) => Promise<GgufReading>;
}

/** All models, and what is wrong with the list of the user's own or of trained ones, if anything. */
export interface ModelList {
  readonly models: readonly ListedModel[];
  readonly problem: ModelFailure | null;
}

/** How a file of the user's own is to be used. */
export interface AddOptions {
  /** By default the file's name, in lower case and without `.gguf`. An own model of that name is replaced. */
  readonly id?: string;
  /** Default: `policy`. */
  readonly role?: "policy" | "ppm";
  /** Default: `two-shot`, for a model that was not tuned on this project's steps. */
  readonly promptFormat?: "two-shot" | "bare";
  /** Required for a PPM, and for nothing else. */
  readonly ppm?: { readonly suffix: string; readonly positive: string; readonly negative: string };
  readonly signal?: AbortSignal;
}

export interface ModelManager {
  /** The data folder. */
  readonly home: string;
  /** The manifest's default of a role, or null when it has none. */
  defaultId(role: "policy" | "ppm"): string | null;
  /** The file that the default policy runs on: what adapters are trained on unless another base is named. */
  defaultBase(): { readonly id: string; readonly sha256: string } | null;
  /**
   * What is used on this base by these choices: the newest one; where there is none the manifest's default on its own
   * base. Null is the untouched base, or no PPM.
   */
  usedOn(lineage: Lineage, role: "policy" | "ppm", baseSha256: string): string | null;
  /**
   * What a role uses when no model is named: the adapter in use on the manifest's default base, else that default. For
   * a PPM null when there is none.
   */
  idInUse(role: "policy" | "ppm"): Promise<string | null>;
  /** The manifest's models, the user's own, then those trained here, newest first. It takes milliseconds. */
  list(): Promise<ModelList>;
  /**
   * The model's files, fetched when they are missing (unless `offline`) and checked by SHA-256.
   * @throws the signal's reason within 250 ms of an abort; what had arrived is kept.
   */
  resolve(id: string, options: EnsureOptions): Promise<Resolution>;
  /**
   * Deletes a model's files from the data folder, unfinished downloads too, or a trained adapter that is not in use; takes
   * an own model off the list.
   */
  remove(id: string): Promise<Removal>;
  /**
   * Puts a GGUF file on the list of the user's own models. The file stays where it is. One of the manifest's, whatever it
   * is called, is put into the data folder too, as if it had been fetched, unless another use of it is asked for.
   */
  add(file: string, options?: AddOptions): Promise<Addition>;
}

/** Builds the manager. Touches no disk and no network until it is asked for something. */
export function createModelManager(options: ModelManagerOptions): ModelManager {
  return new Manager(options);
}

class Manager implements ModelManager {
  readonly home: string;
  readonly #entries: readonly ManifestEntry[];
  readonly #context: EnsureContext;
  readonly #readGguf: NonNullable<ModelManagerOptions["readGguf"]>;

  constructor(options: ModelManagerOptions) {
    this.home = options.home;
    this.#entries = options.manifest.models;
    this.#context = {
      home: options.home,
      packageRoot: options.packageRoot ?? packageRoot(),
      fetchers: { ...realFetchers(options.pythonCommand), ...options.fetchers },
      checked: new CheckedFiles(options.home),
      log: options.log ?? (() => undefined),
      freeBytes: options.freeBytes ?? freeBytesOf,
    };
    this.#readGguf =
      options.readGguf ??
      (async (file, signal) => await (await import("../engine/gguf.ts")).readGguf(file, signal));
  }

  defaultId(role: "policy" | "ppm"): string | null {
    return this.#entries.find((entry) => entry.role === role && entry.default === true)?.id ?? null;
  }

  defaultBase(): { readonly id: string; readonly sha256: string } | null {
    const policy = this.#entries.find((entry) => entry.id === this.defaultId("policy"));
    if (policy === undefined) return null;
    const { id, sha256 } = this.#baseOf(policy);
    return { id, sha256 };
  }

  usedOn(lineage: Lineage, role: "policy" | "ppm", baseSha256: string): string | null {
    const chosen = inUse(lineage, role, baseSha256);
    if (chosen !== undefined) return chosen;
    return this.defaultBase()?.sha256 === baseSha256 ? this.defaultId(role) : null;
  }

  async idInUse(role: "policy" | "ppm"): Promise<string | null> {
    const fallback = this.defaultId(role);
    const base = this.defaultBase();
    if (base === null) return fallback;
    const reading = await readLineage(this.home);
    // A list that cannot be read is told by whoever asks for one of its adapters.
    if (reading.kind !== "lineage") return fallback;
    return this.usedOn(reading.lineage, role, base.sha256) ?? (role === "policy" ? base.id : null);
  }

  async list(): Promise<ModelList> {
    const [own, reading] = await Promise.all([readOwnModels(this.home), readLineage(this.home)]);
    const models = await Promise.all([
      ...this.#entries.map((entry) => describeEntry(entry, this.#baseOf(entry), this.#context)),
      ...(own.kind === "models" ? own.models.map(describeOwn) : []),
    ]);
    const problem = own.kind === "models" ? null : own;
    if (reading.kind !== "lineage") return { models, problem: problem ?? reading };
    const { lineage } = reading;
    const trained = lineage.entries.toReversed().map((entry) => {
      const base = models.find(({ id }) => id === entry.base.id);
      return describeTrained(entry, base, lineage, this.home);
    });
    return { models: [...models, ...(await Promise.all(trained))], problem };
  }

  async resolve(id: string, options: EnsureOptions): Promise<Resolution> {
    options.signal.throwIfAborted();
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (entry === undefined)
      return (await this.#resolveAdapter(id, options)) ?? (await this.#resolveOwn(id, options));
    const base = this.#baseOf(entry);
    const weights = await ensureAsset(id, base, this.#context, options);
    if (weights.kind === "failed") return failed(weights.reason);
    const model: ResolvedModel = {
      id,
      role: entry.role,
      path: weights.path,
      sha256: base.sha256,
      contextLength: base.contextLength,
      parameters: base.parameters,
      promptFormat: entry.promptFormat,
      ...(entry.ppm === undefined ? {} : { ppm: entry.ppm }),
    };
    if (!isDerived(entry) || entry.adapter === undefined) return { kind: "ready", model };
    const adapter = await ensureAsset(id, entry.adapter, this.#context, options);
    if (adapter.kind === "failed") return failed(adapter.reason);
    const { id: adapterId, sha256 } = entry.adapter;
    return { kind: "ready", model: { ...model, adapter: { id: adapterId, path: adapter.path, sha256 } } };
  }

  async remove(id: string): Promise<Removal> {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (entry === undefined) return (await this.#removeTrained(id)) ?? (await this.#forgetOwn(id));
    let bytes: number | null = null;
    for (const file of ownFiles(entry, this.#context)) {
      const held = await heldBytes(file);
      if (held === null) continue;
      try {
        const removal = await tryWithLock(file, new AbortController().signal, async () => {
          await rm(file, { force: true });
          await removeWidened(file);
          await removePartials(file);
          await this.#context.checked.forget(file);
        });
        if (removal.kind === "locked") return notRemoved({ kind: "in-use", id, path: file });
      } catch (error) {
        if (isHeld(error)) return notRemoved({ kind: "in-use", id, path: file });
        const failure = writeFailure(error, path.dirname(file), 0);
        if (failure === null) throw error;
        return notRemoved(failure);
      }
      bytes = (bytes ?? 0) + held;
    }
    return bytes === null ? notRemoved({ kind: "nothing-there", id }) : { kind: "removed", bytes };
  }

  async add(file: string, options: AddOptions = {}): Promise<Addition> {
    const signal = options.signal ?? new AbortController().signal;
    const absolute = path.resolve(file);
    const id = options.id ?? idFromName(absolute);
    const role = options.role ?? "policy";
    const installed = await this.#addKnown(absolute, options, signal);
    if (installed !== null) return installed;
    if (!isModelId(id)) return notAdded({ kind: "bad-id", id });
    if (this.#entries.some((entry) => entry.id === id)) return notAdded({ kind: "id-taken", id });
    if ((options.ppm !== undefined) !== (role === "ppm")) return notAdded({ kind: "ppm-fields" });
    let reading: GgufReading;
    let sha256: string;
    try {
      reading = await this.#readGguf(absolute, signal);
      if (reading.kind !== "gguf")
        return notAdded({ kind: "unusable", path: absolute, problem: reading.kind, detail: reading.detail });
      sha256 = await this.#context.checked.sha256(absolute, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (codeOf(error) === "") throw error;
      return notAdded({ kind: "unreadable", path: absolute, code: codeOf(error) });
    }
    const { facts } = reading;
    const model: OwnModel = {
      id,
      role,
      name: facts.name ?? path.basename(absolute),
      path: absolute,
      bytes: facts.bytes,
      sha256,
      architecture: facts.architecture,
      license: facts.license,
      parameters: facts.parameters,
      contextLength: facts.contextLength,
      promptFormat: options.promptFormat ?? "two-shot",
      ...(options.ppm === undefined ? {} : { ppm: options.ppm }),
    };
    try {
      const changed = await changeOwnModels(this.home, signal, (models) => [
        ...models.filter((other) => other.id !== id),
        model,
      ]);
      return changed.kind === "models" ? { kind: "added", id, role } : notAdded(changed);
    } catch (error) {
      signal.throwIfAborted();
      const failure = writeFailure(error, this.home, 0);
      if (failure === null) throw error;
      return notAdded(failure);
    }
  }

  /** Adds a file of the manifest as what it is; null where it is none, or is to be used in a way of its own. */
  async #addKnown(file: string, options: AddOptions, signal: AbortSignal): Promise<Addition | null> {
    const base = await this.#entryOf(file, signal);
    if (base === null) return null;
    const models = this.#entries.filter((entry) => this.#baseOf(entry) === base).map((entry) => entry.id);
    const { id, role, promptFormat, ppm } = options;
    const isOwnUse = role === "ppm" || ppm !== undefined || promptFormat === "bare";
    if (isOwnUse || (id !== undefined && !models.includes(id))) return null;
    const ensured = await ensureAsset(base.id, base, this.#context, { signal, own: file });
    if (ensured.kind === "failed") return failed(ensured.reason);
    const inUse = base.sha256 === this.defaultBase()?.sha256 ? await this.idInUse("policy") : null;
    const used = id ?? inUse ?? base.id;
    const { role: usedAs = "policy" } = this.#entries.find((entry) => entry.id === used) ?? {};
    return { kind: "installed", id: used, role: usedAs, models, path: ensured.path };
  }

  /** The manifest's entry whose file this is, by size and SHA-256. What cannot be read is none: adding it tells why. */
  async #entryOf(file: string, signal: AbortSignal): Promise<BaseEntry | null> {
    const size = await sizeOf(file);
    const alike = this.#entries.flatMap((entry) => (isDerived(entry) || entry.bytes !== size ? [] : [entry]));
    if (alike.length === 0) return null;
    try {
      const found = await this.#context.checked.sha256(file, signal);
      return alike.find(({ sha256 }) => sha256 === found) ?? null;
    } catch (error) {
      signal.throwIfAborted();
      if (codeOf(error) === "") throw error;
      return null;
    }
  }

  /** A trained adapter on its base; null when no adapter has this id. */
  async #resolveAdapter(id: string, options: EnsureOptions): Promise<Resolution | null> {
    const reading = await readLineage(this.home);
    if (reading.kind !== "lineage") return failed(reading);
    const entry = reading.lineage.entries.find((other) => other.id === id);
    if (entry === undefined) return null;
    const base = await this.resolve(entry.base.id, options);
    if (base.kind === "failed") return base;
    const found = base.model.sha256;
    if (found !== entry.base.sha256)
      return failed({ kind: "wrong-base", id, base: entry.base.id, expected: entry.base.sha256, found });
    const file = adapterPath(this.home, entry);
    try {
      const sha256 = await this.#context.checked.sha256(file, options.signal);
      if (sha256 !== entry.sha256) return failed({ kind: "bad-adapter", id, path: file, isGone: false });
    } catch (error) {
      options.signal.throwIfAborted();
      if (codeOf(error) === "") throw error;
      return failed({ kind: "bad-adapter", id, path: file, isGone: true });
    }
    const { path: weights, sha256, contextLength, parameters } = base.model;
    return {
      kind: "ready",
      model: {
        // The base is what is named in traces; the adapter is named beside it.
        ...{ id: base.model.id, role: entry.role, path: weights, sha256, contextLength, parameters },
        adapter: { id, path: file, sha256: entry.sha256 },
        promptFormat: entry.promptFormat,
        ...(entry.ppm === null ? {} : { ppm: entry.ppm }),
      },
    };
  }

  async #resolveOwn(id: string, options: EnsureOptions): Promise<Resolution> {
    const own = await readOwnModels(this.home);
    if (own.kind !== "models") return failed(own);
    const found = own.models.find((model) => model.id === id);
    if (found === undefined) return failed(await this.#unknown(id));
    let sha256: string;
    try {
      sha256 = await this.#context.checked.sha256(found.path, options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      if (codeOf(error) === "") throw error;
      return failed({ kind: "missing-file", id, path: found.path });
    }
    if (sha256 !== found.sha256)
      return failed({ kind: "wrong-hash", path: found.path, expected: found.sha256, found: sha256 });
    const { role, path: file, contextLength, parameters, promptFormat, ppm } = found;
    const model = { id, role, path: file, sha256, contextLength, parameters, promptFormat };
    return { kind: "ready", model: ppm === undefined ? model : { ...model, ppm } };
  }

  /** Null when no adapter has this id, as far as the lineage can be read. */
  async #removeTrained(id: string): Promise<Removal | null> {
    const reading = await readLineage(this.home);
    const entry =
      reading.kind === "lineage" ? reading.lineage.entries.find((other) => other.id === id) : undefined;
    if (entry === undefined) return null;
    const after = await removeAdapter(this.home, id, new AbortController().signal);
    switch (after.kind) {
      case "lineage":
        await this.#context.checked.forget(adapterPath(this.home, entry));
        return { kind: "removed", bytes: entry.bytes };
      case "bad-lineage":
      case "unwritable-home":
      case "disk-full":
        return notRemoved(after);
      case "unknown-adapter":
      case "adapter-in-use":
      case "nothing-to-roll-back":
      case "changed-file":
        return { kind: "failed", reason: after, message: describeRefusal(after) };
      default:
        return after satisfies never;
    }
  }

  async #forgetOwn(id: string): Promise<Removal> {
    const own = await readOwnModels(this.home);
    if (own.kind !== "models") return notRemoved(own);
    const found = own.models.find((model) => model.id === id);
    if (found === undefined) return notRemoved(await this.#unknown(id));
    try {
      const changed = await changeOwnModels(this.home, new AbortController().signal, (models) =>
        models.filter((model) => model.id !== id),
      );
      if (changed.kind !== "models") return notRemoved(changed);
    } catch (error) {
      const failure = writeFailure(error, this.home, 0);
      if (failure === null) throw error;
      return notRemoved(failure);
    }
    await this.#context.checked.forget(found.path);
    // The file is the person's; a copy that was made of it is not. Elsewhere none is made.
    if (path.dirname(found.path) === modelFolder(this.home))
      await removeWidened(found.path).catch(() => undefined);
    return { kind: "forgotten", path: found.path };
  }

  async #unknown(id: string): Promise<Extract<ModelFailure, { kind: "unknown-model" }>> {
    return { kind: "unknown-model", id, known: (await this.list()).models.map((model) => model.id) };
  }

  #baseOf(entry: ManifestEntry): BaseEntry {
    if (!isDerived(entry)) return entry;
    const base = this.#entries.find((other) => other.id === entry.base);
    if (base === undefined || isDerived(base)) throw new Error(`the manifest was not checked: ${entry.id}`);
    return base;
  }
}

function notAdded(reason: AddFailure): Addition {
  return { kind: "failed", reason, message: describeAddFailure(reason) };
}

function notRemoved(reason: RemoveFailure): Removal {
  return { kind: "failed", reason, message: describeRemoveFailure(reason) };
}

/** `/models/My Model.Q4_K_M.gguf` becomes `my-model.q4_k_m`. */
function idFromName(file: string): string {
  return path
    .basename(file)
    .toLowerCase()
    .replace(/\.gguf$/, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|-+$/g, "");
}
