/** Models in the editor: listing with estimates, downloading, adding, removing. */
import type * as z from "zod";
import { formatBytes } from "../protocol/text.ts";
import type { EditorModels, ModelOutcome } from "../protocol/models.ts";
import { SERVER_NOTIFICATIONS, type REQUESTS } from "../protocol/requests.ts";
import { namedPpm } from "../protocol/settings.ts";
import type { ListedModel } from "../models/listing.ts";
import type { ModelManager } from "../models/manager.ts";
import { beginProgress } from "./progress.ts";
import type { Session } from "./session.ts";

/** Memory speed is a fact of the machine: measured once. */
let speed: number | null = null;

/** `rstar/models` */
export async function listModels(session: Session): Promise<EditorModels> {
  const [manager, { estimateModel, memorySpeed }, { describeFailure }] = await Promise.all([
    managerOf(session),
    import("../models/estimate.ts"),
    import("../models/outcomes.ts"),
  ]);
  speed ??= memorySpeed();
  const bytesPerSecond = speed;
  const { models, problem } = await manager.list();
  const { policy, ppm } = session.settings.model;
  const unnamed = { policy: (await manager.idInUse("policy")) ?? "", ppm: await manager.idInUse("ppm") };
  const chosen = {
    policy: policy === "" ? unnamed.policy : policy,
    ppm: ppm === "" ? unnamed.ppm : namedPpm(ppm),
  };
  // Unlike other models, a trained one that the settings name could not be had again.
  const isKept = ({ id, origin, role }: ListedModel): boolean => origin === "trained" && chosen[role] === id;
  return {
    models: models
      .filter((model) => !model.isTest || model.installed)
      .map((model) => ({
        ...pick(model),
        removableBytes: isKept(model) ? null : model.removableBytes,
        bytesToDownload: model.installed
          ? 0
          : Math.max(0, model.bytes - model.bytesOnDisk - model.partialBytes),
        estimate: estimateModel(model.bytes, bytesPerSecond),
      })),
    problem: problem === null ? null : describeFailure(problem),
    ...chosen,
    unnamed,
  };
}

/** `rstar/models/download` */
export async function downloadModel(
  session: Session,
  params: z.output<typeof REQUESTS.downloadModel.params>,
  signal: AbortSignal,
): Promise<ModelOutcome> {
  const manager = await managerOf(session);
  const display = await beginProgress(session, params, `Downloading ${params.id}`);
  const stop = AbortSignal.any([signal, display.signal]);
  try {
    const resolution = await manager.resolve(params.id, {
      signal: stop,
      onProgress: ({ file, phase, bytes, totalBytes, bytesPerSecond }) => {
        display.report(
          Math.floor((100 * bytes) / Math.max(1, totalBytes)),
          phase === "downloading"
            ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}, ${formatBytes(bytesPerSecond)}/s`
            : phase === "checking"
              ? "checking the file"
              : "waiting for another download of the same file",
        );
        void session.connection.sendNotification(SERVER_NOTIFICATIONS.download.method, {
          id: params.id,
          ...{ file, phase, bytes, totalBytes, bytesPerSecond },
        });
      },
    });
    return resolution.kind === "ready"
      ? {
          kind: "done",
          id: params.id,
          message: `${params.id} is on this machine; no network is needed from now on.`,
        }
      : { kind: "failed", message: resolution.message };
  } catch (error) {
    if (!stop.aborted) throw error;
    return {
      kind: "cancelled",
      message: "The download was stopped. What arrived is kept, and the next download goes on from there.",
    };
  } finally {
    display.done();
  }
}

/** `rstar/models/add` */
export async function addModel(
  session: Session,
  { path, id }: z.output<typeof REQUESTS.addModel.params>,
  signal: AbortSignal,
): Promise<ModelOutcome> {
  const [manager, { describeInstalled }] = await Promise.all([
    managerOf(session),
    import("../models/outcomes.ts"),
  ]);
  const addition = await manager.add(path, { signal, ...(id === undefined ? {} : { id }) });
  switch (addition.kind) {
    case "added":
      return {
        kind: "done",
        id: addition.id,
        message: `${addition.id} can be chosen now. The file stays where it is.`,
      };
    case "installed":
      return { kind: "done", id: addition.id, message: describeInstalled(addition) };
    case "failed": {
      const wantsName = addition.reason.kind === "bad-id" || addition.reason.kind === "id-taken";
      return { kind: "failed", message: addition.message, wantsName };
    }
    default:
      return addition satisfies never;
  }
}

/** `rstar/models/remove` */
export async function removeModel(session: Session, id: string): Promise<ModelOutcome> {
  const manager = await managerOf(session);
  let removal = await manager.remove(id);
  // Windows does not delete the file of a model that is loaded, also while nobody uses it.
  if (removal.kind === "failed" && removal.reason.kind === "in-use" && (await session.runtime.closeUnused()))
    removal = await manager.remove(id);
  switch (removal.kind) {
    case "removed":
      return { kind: "done", id, message: `The files of ${id} were deleted.` };
    case "forgotten":
      return {
        kind: "done",
        id,
        message: `${id} is off the list; the file ${removal.path} was not touched.`,
      };
    case "failed":
      return { kind: "failed", message: removal.message };
    default:
      return removal satisfies never;
  }
}

/** The manager of the models in the session's data folder. */
export function managerOf(session: Session): Promise<ModelManager> {
  return session.services.models(session.settings.model.dataFolder);
}

function pick(
  model: ListedModel,
): Omit<EditorModels["models"][number], "bytesToDownload" | "estimate" | "removableBytes"> {
  const { id, role, name, description, origin, isDefault, license, parameters, installed, bytes } = model;
  return { id, role, name, description, origin, isDefault, license, parameters, installed, bytes };
}
