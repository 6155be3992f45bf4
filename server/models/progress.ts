/** Turns byte counts into progress reports: not too many of them, and with the speed of the last seconds. */
import type { Asset } from "./manifest.ts";
import type { ModelProgress } from "./outcomes.ts";

const EVERY_MS = 100;
const WINDOW_MS = 4_000;

/** Gives, for each phase of fetching one file, the function that takes its byte counts. */
export interface PhaseReporter {
  phase(phase: ModelProgress["phase"], source: string | null): (bytes: number) => void;
}

/** Reports to `onProgress`, if there is one. `now` is a clock in milliseconds. */
export function progressReporter(
  asset: Pick<Asset, "file" | "bytes">,
  onProgress: ((progress: ModelProgress) => void) | undefined,
  now: () => number = Date.now,
): PhaseReporter {
  return {
    phase(phase, source) {
      const seen: { ms: number; bytes: number }[] = [];
      let lastMs = -Infinity;
      return (bytes) => {
        if (onProgress === undefined) return;
        const ms = now();
        if (ms - lastMs < EVERY_MS && bytes < asset.bytes) return;
        lastMs = ms;
        seen.push({ ms, bytes });
        while (seen.length > 2 && ms - (seen[0]?.ms ?? ms) > WINDOW_MS) seen.shift();
        const first = seen[0] ?? { ms, bytes };
        const bytesPerSecond = ms > first.ms ? ((bytes - first.bytes) * 1000) / (ms - first.ms) : 0;
        onProgress({
          file: asset.file,
          phase,
          source,
          bytes,
          totalBytes: asset.bytes,
          bytesPerSecond: Math.max(0, bytesPerSecond),
        });
      };
    },
  };
}
