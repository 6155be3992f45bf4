/** The one place where real services are built: models, engine, Python, grader and store. */
import { llamaCppSource } from "./engine/converter-source.ts";
import {
  openEngine,
  type BackendInfo,
  type Engine,
  type EngineOptions,
  type EngineStats,
} from "./engine/engine.ts";
import type { EvolutionServices } from "./evolution/context.ts";
import { type AdaptedModel, PythonTrainer, type ReaderOpening } from "./evolution/python-trainer.ts";
import { createGrader, type DisposableGrader } from "./grading/grader.ts";
import { gpuBinaries } from "./models/gpu-support.ts";
import { dataHome, defaultTraceFile, modelFolder } from "./models/home.ts";
import { createModelManager, type ModelManager } from "./models/manager.ts";
import { loadManifest } from "./models/manifest.ts";
import { NO_DECODING } from "./engine/decoder.ts";
import type { Endpoint } from "./engine/remote/endpoint.ts";
import { openRemotePolicy, type RemotePolicy } from "./engine/remote/remote-policy.ts";
import type { ModelProgress, Resolution } from "./models/outcomes.ts";
import { namesOn } from "./protocol/surface.ts";
import { createSandbox, type DisposableSandbox } from "./sandbox/sandbox.ts";
import type { SearchServices } from "./search/services.ts";
import {
  ServiceUnavailable,
  type PolicyModel,
  type PreferenceModel,
  type ResolvedModel,
  type Trainer,
} from "./services.ts";

export { defaultTraceFile };
export type { Endpoint };

/** The manager of this user's models. `folder` is the data folder that a setting names, if one does. */
export async function modelManager(log?: (line: string) => void, folder?: string): Promise<ModelManager> {
  return createModelManager({
    home: dataHome(folder),
    manifest: await loadManifest(),
    ...(log === undefined ? {} : { log }),
  });
}

/** Python for steps and for grading. */
export interface Python {
  readonly sandbox: DisposableSandbox;
  readonly grader: DisposableGrader;
  dispose(): Promise<void>;
}

/** Limits of one step; the sandbox's own where left out. */
export interface PythonLimits {
  readonly timeLimitMs?: number;
  readonly memoryLimitMB?: number;
}

/** Python without any model. Interpreters start on first use or when the sandbox is warmed. */
export function openPython(limits: PythonLimits = {}): Python {
  const sandbox = createSandbox(limits);
  const grader = createGrader();
  return {
    sandbox,
    grader,
    dispose: async () => {
      await Promise.all([sandbox.dispose(), grader.dispose()]);
    },
  };
}

/** What a solve asks for. */
export interface RuntimeOptions {
  /** Id of the policy; the one in use when left out: an adapter that was adopted, else the manifest's default. */
  readonly model?: string;
  /** A server that has the policy: then `model` is not looked at, and only a PPM is loaded here. */
  readonly endpoint?: Endpoint;
  /** Id of the PPM; the one in use when left out. Null searches without. */
  readonly ppm?: string | null;
  /** The data folder that a setting names. */
  readonly folder?: string;
  /** Fail rather than download a model. */
  readonly offline?: boolean;
  readonly gpu?: EngineOptions["gpu"];
  readonly threads?: number;
  readonly idleUnloadMs?: number;
  /** These two as in `EngineOptions`: for what is measured or trained on. */
  readonly reproducible?: boolean;
  readonly problemsAtOnce?: number;
  /** Python that is open already; whoever opened it closes it. */
  readonly python?: Python;
}

/** Everything a search needs, ready. */
export interface Runtime {
  readonly services: SearchServices;
  /** The files behind the services' models; no file of a policy behind an endpoint. */
  readonly models: { readonly policy: ResolvedModel | null; readonly ppm: ResolvedModel | null };
  /** What computes here; null where nothing does, because a server has the policy and there is no PPM. */
  readonly backend: BackendInfo | null;
  /** What computes and why, in words. */
  readonly why: string;
  readonly stats: () => EngineStats;
  dispose(): Promise<void>;
}

/** A runtime, or what is missing and what to do about it. */
export type RuntimeOpening =
  | { readonly kind: "ready"; readonly runtime: Runtime }
  | {
      readonly kind: "failed";
      readonly message: string;
      /** With `offline`: the model that would have to be downloaded. */
      readonly missing?: { readonly id: string; readonly bytes: number };
      /** The endpoint wants a key, or another one. */
      readonly wantsKey?: boolean;
    };

/** Hears what is being prepared. */
export interface RuntimeListener {
  say(line: string): void;
  download(progress: ModelProgress): void;
}

/**
 * Fetches what is missing and opens models and Python side by side: the interpreters start while the model loads.
 * @throws the signal's reason when it is aborted.
 */
export async function openRuntime(
  options: RuntimeOptions,
  signal: AbortSignal,
  listener: RuntimeListener,
): Promise<RuntimeOpening> {
  const found = await findModels(options, signal, listener);
  if (found.kind === "failed") return found;
  const { policy: policyModel, ppm: ppmModel } = found;
  let remote: RemotePolicy | null = null;
  if (options.endpoint !== undefined) {
    const opening = await openRemotePolicy(options.endpoint, signal);
    if (opening.kind === "failed")
      return { kind: "failed", message: opening.message, wantsKey: opening.reason === "key" };
    remote = opening.policy;
  }

  const python = options.python ?? openPython();
  let engine: Engine | null = null;
  const close = async (): Promise<void> => {
    await Promise.all([options.python === undefined ? python.dispose() : undefined, engine?.dispose()]);
  };
  const failed = async (message: string): Promise<RuntimeOpening> => {
    await close();
    return { kind: "failed", message };
  };
  // A sandbox that cannot start says so at its first run, where there is someone to hear it.
  python.sandbox.warm().catch(() => undefined);
  try {
    let policy: PolicyModel | null = remote;
    let ppm: PreferenceModel | null = null;
    if (policyModel !== null || ppmModel !== null) {
      const opening = await openEngine({
        ...(options.gpu === undefined ? {} : { gpu: options.gpu }),
        ...(options.threads === undefined ? {} : { threads: options.threads }),
        ...(options.idleUnloadMs === undefined ? {} : { idleUnloadMs: options.idleUnloadMs }),
        reproducible: options.reproducible === true,
        ...(options.problemsAtOnce === undefined ? {} : { problemsAtOnce: options.problemsAtOnce }),
        ...fromDataFolder(options.folder),
      });
      if (opening.kind === "failed") return await failed(engineFailure(opening.message));
      engine = opening.engine;
    }
    if (engine !== null && policyModel !== null) {
      const loaded = await engine.loadPolicy(policyModel, {}, signal);
      if (loaded.kind === "failed")
        return await failed(`${policyModel.id} could not be loaded: ${loaded.message}`);
      policy = loaded.policy;
    }
    if (engine !== null && ppmModel !== null) {
      const loaded = await engine.loadPpm(ppmModel, {}, signal);
      if (loaded.kind === "failed")
        return await failed(`${ppmModel.id} could not be loaded: ${loaded.message}`);
      ppm = loaded.ppm;
    }
    if (policy === null) throw new Error("there is no policy");
    const opened = engine;
    const why = [
      ...(remote === null ? [] : [`the server at ${remote.server}`]),
      ...(opened === null ? [] : [opened.backend.why]),
    ].join("; here for the PPM: ");
    listener.say(`${policy.identity.id} on ${why}`);
    return {
      kind: "ready",
      runtime: {
        services: {
          policy,
          promptFormat: options.endpoint?.promptFormat ?? policyModel?.promptFormat ?? "two-shot",
          ppm,
          sandbox: python.sandbox,
          grader: python.grader,
          clock: () => performance.now(),
        },
        models: { policy: policyModel, ppm: ppmModel },
        backend: opened?.backend ?? null,
        why,
        stats: () => statsOf(opened, remote),
        dispose: close,
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The files of the models that are asked for, or else in use; fetched where they are missing. */
async function findModels(
  options: RuntimeOptions,
  signal: AbortSignal,
  listener: RuntimeListener,
): Promise<({ readonly kind: "found" } & Runtime["models"]) | Extract<RuntimeOpening, { kind: "failed" }>> {
  const manager = await modelManager((line) => listener.say(line), options.folder);
  const resolve = (id: string): Promise<Resolution> =>
    manager.resolve(id, {
      signal,
      onProgress: (progress) => listener.download(progress),
      offline: options.offline,
    });
  // A policy behind a server has no file here.
  const policy =
    options.endpoint === undefined
      ? await resolve(options.model ?? (await manager.idInUse("policy")) ?? "")
      : null;
  if (policy?.kind === "failed") return notResolved(policy);
  const ppmId = options.ppm === undefined ? await manager.idInUse("ppm") : options.ppm;
  const ppm = ppmId === null ? null : await resolve(ppmId);
  if (ppm?.kind === "failed") return notResolved(ppm);
  return { kind: "found", policy: policy?.model ?? null, ppm: ppm?.model ?? null };
}

/** What was generated, wherever that was. */
function statsOf(engine: Engine | null, remote: RemotePolicy | null): EngineStats {
  const here = engine?.stats() ?? {
    policy: { ...NO_DECODING, candidates: 0, generatedTokens: 0, promptTokens: 0 },
    ppm: { ...NO_DECODING, scores: 0 },
  };
  if (remote === null) return here;
  const { counters } = remote;
  const evaluatedTokens = counters.promptTokens + counters.generatedTokens;
  return { ...here, policy: { ...here.policy, ...counters, evaluatedTokens } };
}

/** A PPM without policy and Python, or why there is none. */
export type PpmOpening =
  | { readonly kind: "ready"; readonly ppm: PreferenceModel; readonly dispose: () => Promise<void> }
  | { readonly kind: "failed"; readonly message: string };

/** Opens one PPM, fetched if it is missing. @throws the signal's reason when it is aborted. */
export async function openPpm(
  id: string,
  signal: AbortSignal,
  listener: RuntimeListener,
): Promise<PpmOpening> {
  const manager = await modelManager((line) => listener.say(line));
  const found = await manager.resolve(id, { signal, onProgress: (progress) => listener.download(progress) });
  if (found.kind === "failed") return found;
  const engine = await engineOrFailure();
  const close = (): Promise<void> => engine.dispose();
  const loaded = await engine.loadPpm(found.model, {}, signal).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  if (loaded.kind === "ready") return { kind: "ready", ppm: loaded.ppm, dispose: close };
  await close();
  return { kind: "failed", message: `${id} could not be loaded: ${loaded.message}` };
}

/**
 * Trains on this machine. Adapters are compared with PyTorch in `engine`, which is asked for when the first is there.
 *
 * @param launchConfig A configuration file of `accelerate launch`, for training on many GPUs.
 */
export function openTrainer(engine: () => Promise<Engine>, launchConfig?: string): Trainer {
  return new PythonTrainer({
    home: dataHome(),
    source: llamaCppSource,
    openReader: async (model, signal) => openReader(await engine(), model, signal),
    ...(launchConfig === undefined ? {} : { launchConfig }),
  });
}

async function openReader(
  engine: Engine,
  { base, adapter }: AdaptedModel,
  signal: AbortSignal,
): Promise<ReaderOpening> {
  const load = await engine.loadReader(
    {
      id: base.id,
      role: "policy",
      path: base.gguf.path,
      sha256: base.gguf.sha256,
      adapter: { id: "trained", ...adapter },
      contextLength: 2048,
      parameters: 0,
      promptFormat: "bare",
    },
    signal,
  );
  if (load.kind === "failed") return { kind: "failed", message: load.message };
  return { kind: "ready", reader: load.reader, close: () => load.reader.dispose() };
}

/** Everything that rounds need, ready. */
export interface EvolutionRuntime {
  readonly services: EvolutionServices;
  dispose(): Promise<void>;
}

/** What rounds need: searches by the same runtime as everywhere, the trainer, this user's data folder. */
export async function openEvolution(
  listener: RuntimeListener,
  launchConfig?: string,
): Promise<EvolutionRuntime> {
  const manager = await modelManager((line) => listener.say(line));
  let engine: Promise<Engine> | null = null;
  const trainer = openTrainer(() => (engine ??= engineOrFailure()), launchConfig);
  return {
    services: {
      home: dataHome(),
      now: () => new Date(),
      trainer,
      openSearch: async ({ policy, ppm }, problemsAtOnce, signal) => {
        const opening = await openRuntime(
          { model: policy, ppm, reproducible: true, problemsAtOnce },
          signal,
          listener,
        );
        if (opening.kind === "failed") return opening;
        const { runtime } = opening;
        return { kind: "ready", services: runtime.services, dispose: () => runtime.dispose() };
      },
      resolveBase: async (id, signal) => {
        const resolution = await manager.resolve(id, {
          signal,
          onProgress: (progress) => listener.download(progress),
        });
        if (resolution.kind === "failed") return { kind: "failed", message: resolution.message };
        const { path: file, sha256 } = resolution.model;
        return { kind: "base", id, path: file, sha256 };
      },
    },
    dispose: async () => {
      await (await engine)?.dispose();
    },
  };
}

/** What the engine takes from the data folder: binaries for a GPU, and models whose copies may lie beside them. */
function fromDataFolder(folder?: string): Pick<EngineOptions, "binaries" | "widenIn"> {
  const home = dataHome(folder);
  return { binaries: gpuBinaries(home), widenIn: modelFolder(home) };
}

/** @throws ServiceUnavailable when the engine cannot be opened. */
async function engineOrFailure(): Promise<Engine> {
  const opening = await openEngine(fromDataFolder());
  if (opening.kind === "ready") return opening.engine;
  throw new ServiceUnavailable(engineFailure(opening.message));
}

function engineFailure(message: string): string {
  return `The engine could not be opened: ${message} ${namesOn().setup} says more. Nothing is lost.`;
}

function notResolved({
  reason,
  message,
}: Extract<Resolution, { kind: "failed" }>): Extract<RuntimeOpening, { kind: "failed" }> {
  const missing = reason.kind === "not-installed" ? { id: reason.id, bytes: reason.bytes } : undefined;
  return { kind: "failed", message, ...(missing === undefined ? {} : { missing }) };
}
