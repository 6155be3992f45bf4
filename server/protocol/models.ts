/** Models in the editor: what there is, what it takes, and how a download goes. */
import * as z from "zod";

/** A model and what this machine can do with it. Sizes in bytes. */
export const EditorModel = z.object({
  id: z.string(),
  role: z.enum(["policy", "ppm"]),
  name: z.string(),
  description: z.string(),
  origin: z.enum(["manifest", "own", "trained"]),
  isDefault: z.boolean(),
  license: z.string().nullable(),
  parameters: z.number(),
  installed: z.boolean(),
  /** Size of its files, and what is still to be downloaded. */
  bytes: z.number(),
  bytesToDownload: z.number(),
  /** What removing it would free, of an unfinished download too; null where nothing can be removed. */
  removableBytes: z.number().nullable(),
  estimate: z.object({
    /** Weights, KV state and work space. */
    memoryBytes: z.number(),
    /** Whether that much is free now. */
    fits: z.boolean(),
    /** Of one candidate alone; a batch is several times faster. Null where nothing is known. */
    tokensPerSecond: z.number().nullable(),
    /** How the speed is known, in words. */
    basis: z.string(),
  }),
});
export type EditorModel = z.infer<typeof EditorModel>;

/** All models, and what is wrong with the list of the user's own or of trained ones, if anything. */
export const EditorModels = z.object({
  models: z.array(EditorModel),
  problem: z.string().nullable(),
  /** The ids that the settings choose now. */
  policy: z.string(),
  ppm: z.string().nullable(),
  /** What is used where the settings name none. */
  unnamed: z.object({ policy: z.string(), ppm: z.string().nullable() }),
});
export type EditorModels = z.infer<typeof EditorModels>;

/** What came of changing the models of this machine. */
export const ModelOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("done"), id: z.string(), message: z.string() }),
  /** A download that was stopped goes on where it was when it is asked for again. */
  z.object({ kind: z.literal("cancelled"), message: z.string() }),
  /** `wantsName`: a file was not added only for its name. */
  z.object({ kind: z.literal("failed"), message: z.string(), wantsName: z.boolean().optional() }),
]);
export type ModelOutcome = z.infer<typeof ModelOutcome>;

/** A kind of GPU that the engine's binaries can be fetched for. */
export const GpuKind = z.enum(["cuda", "vulkan"]);
export type GpuKind = z.infer<typeof GpuKind>;

/** The kinds that can be fetched for this platform. Sizes in bytes, unpacked. */
export const GpuSupportList = z.object({
  /** Whether the package itself computes on this platform's GPUs. */
  isInPackage: z.boolean(),
  kinds: z.array(z.object({ kind: GpuKind, bytes: z.number(), installed: z.boolean() })),
});

/** What the environment for training and all that goes with it takes of the disk. */
export const TrainingSpace = z.object({
  bytes: z.number(),
  /** False where there was no time to count all of it: it is more. */
  isWhole: z.boolean(),
});
export type TrainingSpace = z.infer<typeof TrainingSpace>;

/** How far a download is; sent as `rstar/downloadProgress` besides the work-done progress. */
export const DownloadProgress = z.object({
  id: z.string(),
  file: z.string(),
  phase: z.enum(["waiting", "downloading", "checking"]),
  bytes: z.number(),
  totalBytes: z.number(),
  bytesPerSecond: z.number(),
});
export type DownloadProgress = z.infer<typeof DownloadProgress>;

/** What the server is doing, for the language status item. */
export const ServerStatus = z.object({
  /** `unloaded`: nothing is in memory; the next solve loads it. */
  state: z.enum(["unloaded", "loading", "ready"]),
  /** The open models, else those that the settings name; `default` where they name none. */
  model: z.string(),
  ppm: z.string().nullable(),
  /** What computes and why, in words; null until the engine was opened. */
  backend: z.string().nullable(),
  /** Searches running and waiting. */
  searching: z.int().nonnegative(),
  queued: z.int().nonnegative(),
  /** Resident memory of the server process. */
  memoryBytes: z.number(),
  /** Over all searches, lately; 0 when idle. */
  tokensPerSecond: z.number().nonnegative(),
  /** What the person should know now, such as what is being loaded. */
  message: z.string().nullable(),
});
export type ServerStatus = z.infer<typeof ServerStatus>;
