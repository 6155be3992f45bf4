/** Physical cores are counted within what affinity and containers allow. */
import { describe, expect, it } from "vitest";
import { type CoreSources, parseCpuList, physicalCores } from "../../../server/engine/cores.ts";

const none: CoreSources = {
  cpuinfo: null,
  status: null,
  cpuMax: null,
  cfsQuota: null,
  cfsPeriod: null,
  sysctl: null,
  available: 8,
};

/** Sockets x cores x threads, as the kernel lists them. */
function cpuinfo(sockets: number, cores: number, threads: number): string {
  const blocks: string[] = [];
  for (let thread = 0; thread < threads; thread++) {
    for (let socket = 0; socket < sockets; socket++) {
      for (let core = 0; core < cores; core++) {
        blocks.push(
          `processor\t: ${blocks.length}\nphysical id\t: ${socket}\nsiblings\t: 4\ncore id\t\t: ${core}\ncpu cores\t: 2`,
        );
      }
    }
  }
  return `${blocks.join("\n\n")}\n`;
}

describe("physicalCores", () => {
  it("counts two hardware threads of a core once", () => {
    expect(physicalCores({ ...none, cpuinfo: cpuinfo(1, 4, 2) })).toBe(4);
  });

  it("counts equal core numbers on two sockets twice", () => {
    expect(physicalCores({ ...none, cpuinfo: cpuinfo(2, 4, 1) })).toBe(8);
  });

  it("counts only the processors that this process may run on", () => {
    const status = "Name:\tnode\nCpus_allowed_list:\t0,4\n";
    expect(physicalCores({ ...none, cpuinfo: cpuinfo(1, 4, 2), status })).toBe(1);
  });

  it("stays within a container's limit, rounded up to whole cores", () => {
    expect(physicalCores({ ...none, cpuinfo: cpuinfo(1, 8, 1), cpuMax: "250000 100000\n" })).toBe(3);
    expect(
      physicalCores({ ...none, cpuinfo: cpuinfo(1, 8, 1), cfsQuota: "50000\n", cfsPeriod: "100000\n" }),
    ).toBe(1);
  });

  it("takes a container without a limit as no limit", () => {
    expect(physicalCores({ ...none, cpuinfo: cpuinfo(1, 4, 1), cpuMax: "max 100000\n" })).toBe(4);
    expect(
      physicalCores({ ...none, cpuinfo: cpuinfo(1, 4, 1), cfsQuota: "-1\n", cfsPeriod: "100000\n" }),
    ).toBe(4);
  });

  it("believes sysctl on a Mac and the system's own count where nothing else speaks", () => {
    expect(physicalCores({ ...none, sysctl: "6\n" })).toBe(6);
    expect(physicalCores({ ...none, cpuinfo: "processor : 0\nBogoMIPS : 48\n" })).toBe(8);
  });

  it("says at least one, on this machine too", () => {
    expect(physicalCores({ ...none, available: 0 })).toBe(1);
    expect(physicalCores()).toBeGreaterThanOrEqual(1);
  });
});

describe("parseCpuList", () => {
  it("expands ranges and single numbers and ignores anything else", () => {
    expect([...parseCpuList("0-2,5,x\n")]).toEqual([0, 1, 2, 5]);
  });
});
