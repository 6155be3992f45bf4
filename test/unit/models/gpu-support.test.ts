/** Fetching the engine's binaries for GPUs, with an npm of the test's own. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import lock from "../../../package-lock.json" with { type: "json" };
import { NATIVE_VERSION } from "../../../server/engine/native-backend.ts";
import packages from "../../../server/models/gpu-packages.json" with { type: "json" };
import {
  fetchGpuSupport,
  gpuBinaries,
  hasGpuInPackage,
  listGpuSupport,
  removeGpuSupport,
} from "../../../server/models/gpu-support.ts";

const target = "linux-x64";
const forever = new AbortController().signal;
/** For what takes a moment, on a busy machine too. */
const LONG = { timeout: 9_000, interval: 20 };
let home = "";

beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), "rstar-gpu-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** An npm that runs this program in the folder where it is called. */
function npmThat(program: string): string[] {
  const file = path.join(home, "npm.cjs");
  writeFileSync(file, `const fs = require("node:fs");\n${program}`);
  return [process.execPath, file];
}

/**
 * A port, and the connections of the programs that run: a connection ends with its program, where a process that nobody
 * waits for keeps its number. What still runs at the test's end goes with its connection.
 */
async function listen(): Promise<{ readonly port: number; readonly running: ReadonlySet<Socket> }> {
  const running = new Set<Socket>();
  const server = createServer((socket) => {
    running.add(socket);
    // On some systems a program that is killed resets its connection.
    socket.on("error", () => undefined);
    socket.on("close", () => running.delete(socket)).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of running) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, running };
}

/** Puts there what the lock file asks for. */
const INSTALLS = `
  const { packages } = JSON.parse(fs.readFileSync("package-lock.json", "utf8"));
  for (const [folder, { integrity }] of Object.entries(packages)) {
    if (folder === "") continue;
    if (!integrity.startsWith("sha512-")) process.exit(1);
    fs.mkdirSync(folder + "/dist", { recursive: true });
    fs.writeFileSync(folder + "/dist/index.js", "export const name = " + JSON.stringify(folder));
  }
  fs.writeFileSync("arguments.json", JSON.stringify(process.argv.slice(2)));
`;

it("is in the package on Apple's chips alone; elsewhere it can be fetched, or there is none yet", () => {
  const targets = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64", "win32-arm64"];
  expect(targets.filter((each) => hasGpuInPackage(each))).toEqual(["darwin-arm64"]);
  expect(targets.filter((each) => listGpuSupport(home, each).length > 0)).toEqual(["linux-x64"]);
});

it("is pinned to the engine's version and to the lock file's hashes", () => {
  expect(packages.version).toBe(NATIVE_VERSION);
  const locked: Record<string, { version?: string; integrity?: string }> = lock.packages;
  const named = Object.values(packages.targets).flatMap((kinds) => Object.values(kinds).flat());
  expect(named.length).toBeGreaterThan(0);
  for (const { name, integrity } of named)
    expect(locked[`node_modules/${name}`], name).toMatchObject({ version: packages.version, integrity });
});

describe("fetching", () => {
  it("has npm check the hashes and run no scripts, and gives the engine the packages by name", async () => {
    expect(listGpuSupport(home, target).map(({ kind, installed }) => [kind, installed])).toEqual([
      ["cuda", false],
      ["vulkan", false],
    ]);
    expect(gpuBinaries(home, target)).toEqual({});
    const outcome = await fetchGpuSupport(home, "cuda", { signal: forever, target, npm: npmThat(INSTALLS) });
    expect(outcome).toMatchObject({ kind: "done" });
    const binaries = gpuBinaries(home, target);
    expect(Object.keys(binaries)).toEqual([
      "@node-llama-cpp/linux-x64-cuda",
      "@node-llama-cpp/linux-x64-cuda-ext",
    ]);
    for (const [name, url] of Object.entries(binaries))
      expect(readFileSync(fileURLToPath(url), "utf8")).toContain(name);
    const given = path.join(home, "gpu", `${packages.version}-cuda`, "arguments.json");
    expect(JSON.parse(readFileSync(given, "utf8"))).toEqual(
      expect.arrayContaining(["ci", "--ignore-scripts"]),
    );
  });

  it("does nothing when it was done, also by another process in the meantime", async () => {
    const npm = npmThat(`${INSTALLS}\nfs.appendFileSync(${JSON.stringify(path.join(home, "calls"))}, "x");`);
    const fetch = () => fetchGpuSupport(home, "vulkan", { signal: forever, target, npm });
    expect(await Promise.all([fetch(), fetch()])).toMatchObject([{ kind: "done" }, { kind: "done" }]);
    expect(await fetch()).toMatchObject({ kind: "done" });
    expect(readFileSync(path.join(home, "calls"), "utf8")).toBe("x");
  });

  it.each([
    [
      "npm fails",
      'process.stderr.write("npm error EINTEGRITY checksum failed"); process.exit(1);',
      /EINTEGRITY/,
    ],
    ["npm leaves something out", "", /without @node-llama-cpp/],
  ])("changes nothing when %s, and says why", async (_what, program, message) => {
    const outcome = await fetchGpuSupport(home, "vulkan", { signal: forever, target, npm: npmThat(program) });
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringMatching(message) as string });
    expect(gpuBinaries(home, target)).toEqual({});
    expect(readdirSync(path.join(home, "gpu"))).toEqual([]);
  });

  it("says what to install where there is no npm", async () => {
    const outcome = await fetchGpuSupport(home, "vulkan", {
      signal: forever,
      target,
      npm: [path.join(home, "no-npm")],
    });
    expect(outcome).toMatchObject({
      kind: "failed",
      message: expect.stringMatching(/Install Node\.js/u) as string,
    });
  });

  it("ends npm and what it started when it is stopped, and leaves nothing behind", async () => {
    const { port, running } = await listen();
    // Both stay as long as they are connected.
    const stay = `require("node:net").connect(${port}, "127.0.0.1");`;
    const npm = npmThat(`
      require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(stay)}]);
      ${stay}
    `);
    const controller = new AbortController();
    const fetching = fetchGpuSupport(home, "vulkan", { signal: controller.signal, target, npm });
    await vi.waitFor(() => expect(running.size).toBe(2), LONG);
    controller.abort(new Error("stopped"));
    await expect(fetching).rejects.toThrow("stopped");
    await vi.waitFor(() => expect(running.size).toBe(0), LONG);
    expect(readdirSync(path.join(home, "gpu"))).toEqual([]);
  });

  it("has nothing for a platform whose package has all", async () => {
    expect(listGpuSupport(home, "darwin-arm64")).toEqual([]);
    const outcome = await fetchGpuSupport(home, "cuda", { signal: forever, target: "darwin-arm64" });
    expect(outcome.kind).toBe("failed");
  });
});

it("removes what was fetched, and says when there is nothing", async () => {
  await fetchGpuSupport(home, "vulkan", { signal: forever, target, npm: npmThat(INSTALLS) });
  expect(await removeGpuSupport(home, "vulkan", forever)).toMatchObject({ kind: "done" });
  expect(gpuBinaries(home, target)).toEqual({});
  expect(await removeGpuSupport(home, "vulkan", forever)).toMatchObject({ kind: "failed" });
});

it("deletes what an earlier version fetched, of the same kind alone", async () => {
  const folders = ["0.1.0-vulkan", "0.1.0-cuda"].map((name) => path.join(home, "gpu", name));
  for (const folder of folders) mkdirSync(path.join(folder, "node_modules"), { recursive: true });
  await fetchGpuSupport(home, "vulkan", { signal: forever, target, npm: npmThat(INSTALLS) });
  expect(readdirSync(path.join(home, "gpu")).toSorted()).toEqual([
    "0.1.0-cuda",
    `${packages.version}-vulkan`,
  ]);
  writeFileSync(path.join(folders[1] ?? "", "binary"), "0123456789");
  expect(await removeGpuSupport(home, "cuda", forever)).toEqual({ kind: "done", bytes: 10 });
  expect(readdirSync(path.join(home, "gpu"))).toEqual([`${packages.version}-vulkan`]);
});

it("does not take a folder that another fetch has not finished", async () => {
  mkdirSync(path.join(home, "gpu", `${packages.version}-vulkan.part`, "node_modules"), { recursive: true });
  expect(gpuBinaries(home, target)).toEqual({});
  const outcome = await fetchGpuSupport(home, "vulkan", { signal: forever, target, npm: npmThat(INSTALLS) });
  expect(outcome.kind).toBe("done");
});
