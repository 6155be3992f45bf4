/** The physical cores that this process may use: decoding with more threads than that nearly stops. */
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import os from "node:os";

/** What the operating system says about processors, as text; null where it does not say. */
export interface CoreSources {
  /** `/proc/cpuinfo`. */
  readonly cpuinfo: string | null;
  /** `/proc/self/status`, for the list of processors this process may run on. */
  readonly status: string | null;
  /** cgroup v2 `cpu.max`: quota and period in microseconds, or `max`. */
  readonly cpuMax: string | null;
  /** cgroup v1 quota and period in microseconds. */
  readonly cfsQuota: string | null;
  readonly cfsPeriod: string | null;
  /** macOS: number of physical (performance) cores. */
  readonly sysctl: string | null;
  /** Logical processors available to this process. */
  readonly available: number;
}

/** The number of threads to decode with: physical cores, within affinity and container limits; at least 1. */
export function physicalCores(sources: CoreSources = readSources()): number {
  const counted = fromSysctl(sources.sysctl) ?? fromCpuinfo(sources) ?? sources.available;
  const limits = [counted, sources.available, cgroupLimit(sources)];
  return Math.max(1, Math.min(...limits));
}

/** Expands a kernel list such as `0-3,8` to its numbers. */
export function parseCpuList(text: string): Set<number> {
  const cpus = new Set<number>();
  for (const part of text.trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (match === null) continue;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return cpus;
}

function fromSysctl(text: string | null): number | null {
  const cores = Number(text?.trim());
  return text !== null && Number.isInteger(cores) && cores > 0 ? cores : null;
}

/** Distinct pairs of socket and core among the processors allowed; null where cpuinfo has no such lines (ARM). */
function fromCpuinfo({ cpuinfo, status }: CoreSources): number | null {
  if (cpuinfo === null) return null;
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status ?? "")?.[1];
  const allowed = list === undefined ? null : parseCpuList(list);
  const cores = new Set<string>();
  for (const block of cpuinfo.split(/\n\s*\n/)) {
    const processor = field(block, "processor");
    const core = field(block, "core id");
    if (processor === null || core === null) continue;
    if (allowed !== null && !allowed.has(Number(processor))) continue;
    cores.add(`${field(block, "physical id") ?? "0"}:${core}`);
  }
  return cores.size === 0 ? null : cores.size;
}

function field(block: string, name: string): string | null {
  return new RegExp(`^${name}\\s*:\\s*(\\d+)\\s*$`, "m").exec(block)?.[1] ?? null;
}

/** Whole cores that the container may use, rounded up; Infinity without a limit. */
function cgroupLimit({ cpuMax, cfsQuota, cfsPeriod }: CoreSources): number {
  const [quota, period] = cpuMax === null ? [cfsQuota, cfsPeriod] : cpuMax.trim().split(/\s+/);
  const cores = Number(quota ?? Number.NaN) / Number(period ?? Number.NaN);
  return Number.isFinite(cores) && cores > 0 ? Math.ceil(cores) : Infinity;
}

function readOnLinux(path: string): string | null {
  if (process.platform !== "linux") return null;
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // The file's absence is an answer: this kernel or container does not say.
  }
}

function readSources(): CoreSources {
  return {
    cpuinfo: readOnLinux("/proc/cpuinfo"),
    status: readOnLinux("/proc/self/status"),
    cpuMax: readOnLinux("/sys/fs/cgroup/cpu.max"),
    cfsQuota: readOnLinux("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    cfsPeriod: readOnLinux("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    sysctl: process.platform === "darwin" ? readSysctl() : null,
    available: os.availableParallelism(),
  };
}

function readSysctl(): string | null {
  for (const name of ["hw.perflevel0.physicalcpu", "hw.physicalcpu"]) {
    try {
      return execFileSync("sysctl", ["-n", name], {
        encoding: "utf8",
        timeout: 2000,
        stdio: ["ignore", "pipe", "ignore"],
      });
    } catch {
      continue; // Intel Macs have no performance levels.
    }
  }
  return null;
}
