/** What the language server needs of the outside. The real ones are imported when first used: nothing is loaded before. */
import type { Python, PythonLimits, RuntimeListener, RuntimeOpening, RuntimeOptions } from "../compose.ts";
import type { ModelManager } from "../models/manager.ts";
import type { TraceFiles } from "../traces/files.ts";
import type { StartTraining } from "./training-process.ts";
import { newTraceId } from "../traces/trace-id.ts";

/** Everything that is opened late. `folder` is the data folder that a setting names. */
export interface EditorServices {
  openRuntime(
    options: RuntimeOptions,
    signal: AbortSignal,
    listener: RuntimeListener,
  ): Promise<RuntimeOpening>;
  openPython(limits: PythonLimits): Promise<Python>;
  traces(folder: string | undefined): Promise<TraceFiles>;
  models(folder: string | undefined): Promise<ModelManager>;
  /** Plain text to paste in a bug report. */
  setupReport(folder: string | undefined): Promise<string>;
  /** Starts `rstar finetune` or `rstar evolve` in a process of its own. */
  startTraining: StartTraining;
  /**
   * Differs from what it was when other adapters were put to use, models of one's own were added or replaced, or binaries
   * for a GPU were fetched.
   */
  filesRevision(folder: string | undefined): Promise<string>;
  now(): Date;
  newTraceId(): string;
}

/** The real ones. */
export const realServices: EditorServices = {
  openRuntime: async (options, signal, listener) =>
    (await import("../compose.ts")).openRuntime(options, signal, listener),
  openPython: async (limits) => (await import("../compose.ts")).openPython(limits),
  // Not through `compose.ts`: lenses ask for this, and the engine has no part in it.
  traces: async (folder) => {
    const [{ openTraceFiles }, { defaultTraceFile }] = await Promise.all([
      import("../traces/files.ts"),
      import("../models/home.ts"),
    ]);
    return openTraceFiles(defaultTraceFile(folder));
  },
  models: async (folder) => (await import("../compose.ts")).modelManager(undefined, folder),
  setupReport: async (folder) => (await (await import("../setup-report.ts")).setupReport(folder)).text,
  startTraining: async (...args) => (await import("./training-process.ts")).startTraining(...args),
  filesRevision: async (folder) => {
    const [{ lineageRevision }, { ownModelsRevision }, { gpuBinaries }, { dataHome }] = await Promise.all([
      import("../models/adapters.ts"),
      import("../models/own-models.ts"),
      import("../models/gpu-support.ts"),
      import("../models/home.ts"),
    ]);
    const home = dataHome(folder);
    const lists = [await lineageRevision(home), await ownModelsRevision(home)];
    return JSON.stringify([...lists, Object.keys(gpuBinaries(home))]);
  },
  now: () => new Date(),
  newTraceId,
};
