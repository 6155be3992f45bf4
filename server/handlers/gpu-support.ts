/** The engine's binaries for GPUs in the editor: listing, fetching, removing. */
import type * as z from "zod";
import { formatBytes } from "../protocol/text.ts";
import type { GpuKind, GpuSupportList, ModelOutcome } from "../protocol/models.ts";
import { SERVER_NOTIFICATIONS, type REQUESTS } from "../protocol/requests.ts";
import { homeOf } from "./home.ts";
import { beginProgress } from "./progress.ts";
import type { Session } from "./session.ts";

const NAMES: Record<GpuKind, string> = { cuda: "CUDA", vulkan: "Vulkan" };

/** `rstar/gpu` */
export async function listGpus(session: Session): Promise<z.infer<typeof GpuSupportList>> {
  const { home, hasGpuInPackage, listGpuSupport } = await support(session);
  return { isInPackage: hasGpuInPackage(), kinds: listGpuSupport(home) };
}

/** `rstar/gpu/fetch`: the next solve uses it. */
export async function fetchGpu(
  session: Session,
  params: z.output<typeof REQUESTS.fetchGpuSupport.params>,
  signal: AbortSignal,
): Promise<ModelOutcome> {
  const { home, fetchGpuSupport } = await support(session);
  const { kind } = params;
  const display = await beginProgress(session, params, `Downloading GPU support (${NAMES[kind]})`);
  const stop = AbortSignal.any([signal, display.signal]);
  const begun = performance.now();
  try {
    const outcome = await fetchGpuSupport(home, kind, {
      signal: stop,
      onBytes: (bytes, totalBytes) => {
        display.report(
          Math.floor((100 * bytes) / totalBytes),
          `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`,
        );
        const bytesPerSecond = bytes / ((performance.now() - begun) / 1000);
        void session.connection.sendNotification(SERVER_NOTIFICATIONS.download.method, {
          id: kind,
          file: kind,
          phase: "downloading",
          ...{ bytes, totalBytes, bytesPerSecond },
        });
      },
    });
    if (outcome.kind === "failed") return outcome;
    return {
      kind: "done",
      id: kind,
      message: `The binaries for ${NAMES[kind]} are here; the next solve uses them where there is a device.`,
    };
  } catch (error) {
    if (!stop.aborted) throw error;
    return { kind: "cancelled", message: "The download was stopped; nothing was changed." };
  } finally {
    display.done();
  }
}

/** `rstar/gpu/remove` */
export async function removeGpu(session: Session, kind: GpuKind, signal: AbortSignal): Promise<ModelOutcome> {
  const { home, removeGpuSupport } = await support(session);
  const outcome = await removeGpuSupport(home, kind, signal);
  if (outcome.kind === "failed") return outcome;
  return {
    kind: "done",
    id: kind,
    message: `The binaries for ${NAMES[kind]} were deleted: ${formatBytes(outcome.bytes)} are free again.`,
  };
}

async function support(session: Session) {
  return { ...(await import("../models/gpu-support.ts")), home: homeOf(session) };
}
