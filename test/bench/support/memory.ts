/** Peak resident memory of processes, from Linux's /proc; other systems do not tell. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/**
 * Begins to measure the given processes; the function that it returns says the sum of their peaks since, in bytes.
 * Pages of the model file count in every process that has them. Processes that ended meanwhile are not counted.
 */
export function measurePeak(processes: readonly number[]): () => number | null {
  // "5" resets the peak: proc(5), /proc/pid/clear_refs.
  for (const pid of processes) attempt(() => writeFileSync(`/proc/${pid}/clear_refs`, "5"));
  return () => {
    const peaks = processes.flatMap(
      (pid) => attempt(() => peakOf(readFileSync(`/proc/${pid}/status`, "utf8"))) ?? [],
    );
    return peaks.length === 0 ? null : peaks.reduce((sum, bytes) => sum + bytes, 0);
  };
}

/** The peak that /proc/pid/status tells, in bytes; null where it is not told. */
export function peakOf(status: string): number | null {
  const kilobytes = /^VmHWM:\s*(\d+) kB$/mu.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** The processes that `pid` started and that live, in no order. */
export function childrenOf(pid: number): number[] {
  const all = attempt(() => readdirSync("/proc").filter((name) => /^\d+$/u.test(name))) ?? [];
  return all
    .filter((each) => parentOf(attempt(() => readFileSync(`/proc/${each}/stat`, "utf8")) ?? "") === pid)
    .map(Number);
}

/** The parent in a line of /proc/pid/stat; the program's name in it may hold anything. */
export function parentOf(stat: string): number | null {
  const parent = /^\S+ \(.*\) \S (\d+) /su.exec(stat)?.[1];
  return parent === undefined ? null : Number(parent);
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
