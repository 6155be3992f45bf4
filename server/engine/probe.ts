/** Says for a bug report which processor the engine would use on this machine and why; loads no model. */
import { openEngine, type EngineOptions } from "./engine.ts";

/** `text` is one line for people in either case. */
export interface EngineProbe {
  readonly kind: "ready" | "failed";
  readonly text: string;
}

/** Opens the native library and closes it again. */
export async function probeEngine(options: EngineOptions = {}): Promise<EngineProbe> {
  const opening = await openEngine(options);
  if (opening.kind === "failed") return { kind: "failed", text: `Engine: ${opening.message}` };
  const { gpu, devices, gpuMemory, version, why } = opening.engine.backend;
  await opening.engine.dispose();
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const memory =
    gpu === false ? "" : `, ${gigabytes(gpuMemory.free)} of ${gigabytes(gpuMemory.total)} GPU memory free`;
  const names = devices.length === 0 ? "" : ` on ${devices.join(", ")}`;
  return { kind: "ready", text: `Engine: node-llama-cpp ${version}; ${why}${names}${memory}` };
}
