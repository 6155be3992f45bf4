/** Making the training environment with a Python that is a shell script: what is told, kept and never done twice. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type EnvironmentOptions, prepareEnvironment } from "../../../server/evolution/environment.ts";
import {
  cudaAdvice,
  installFailure,
  missingPython,
  noSpace,
  progressOf,
} from "../../../server/evolution/environment-words.ts";

let home = "";
let log = "";

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "rstar-environment-"));
  log = path.join(home, "calls");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const forever = new AbortController().signal;

/** Writes a Python of some version that does as `cases` say; every call is written down. */
function fakePython(version: string, cases = "", report = '{"install":[]}'): string {
  const file = path.join(home, "python");
  const script = `#!/bin/sh
echo "\${PYTHONSAFEPATH-} $*" >> ${log}
case "$*" in
${cases}
*version_info*) echo ${version} ;;
*"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*--dry-run*) echo '${report}' ;;
*"import json, torch"*) echo '{"torch": "2.13.0", "gpu": null}' ;;
esac
`;
  writeFileSync(file, script);
  chmodSync(file, 0o755);
  return file;
}

function options(python: string, changes: Partial<EnvironmentOptions> = {}): EnvironmentOptions {
  const variables = { PATH: process.env["PATH"], RSTAR_PYTHON: python };
  return { home, variables, freeBytes: () => Promise.resolve(50e9), ...changes };
}

function calls(pattern: RegExp): string[] {
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => pattern.test(line));
}

describe("prepareEnvironment", () => {
  it("makes it once: PyTorch first and alone, then the pinned packages", async () => {
    const python = fakePython("3.11.7");
    const said: string[] = [];
    const first = await prepareEnvironment(options(python), forever, (line) => said.push(line));
    expect(first).toMatchObject({ kind: "ready", torch: "2.13.0", gpu: null });
    expect(calls(/pip --no-input install --no-cache-dir/u).map((line) => path.basename(line))).toEqual([
      "requirements-torch.txt",
      "requirements.txt",
    ]);
    expect(said.length).toBeGreaterThan(1);
    // Nothing of the folder that is open is imported, not even to find out what there is to install.
    const imports = calls(/-m |import json/u);
    expect(imports.length).toBeGreaterThan(4);
    expect(imports.filter((line) => !line.startsWith("1 "))).toEqual([]);
    const before = calls(/./u).length;
    said.length = 0;
    expect(await prepareEnvironment(options(python), forever, (line) => said.push(line))).toEqual(first);
    expect(calls(/./u).length).toBe(before);
    expect(said).toEqual([]);
  });

  it("takes the place of the one of earlier packages, once it is there, and says what that frees", async () => {
    const old = path.join(home, "trainer", "python-0123456789ab");
    mkdirSync(old, { recursive: true });
    writeFileSync(path.join(old, "ready.json"), "{}");
    const broken = fakePython("3.11.7", "*install*torch*) exit 1 ;;");
    const said: string[] = [];
    expect((await prepareEnvironment(options(broken), forever, () => undefined)).kind).toBe("failed");
    expect(existsSync(old)).toBe(true);
    const python = options(fakePython("3.11.7"));
    const made = await prepareEnvironment(python, forever, (line) => said.push(line));
    expect(existsSync(old)).toBe(false);
    expect(said.at(-1)).toMatch(/earlier version was deleted: 2 B are free again/u);
    // One that could not be deleted then goes with a later training.
    mkdirSync(old);
    expect(await prepareEnvironment(python, forever, () => undefined)).toEqual(made);
    expect(existsSync(old)).toBe(false);
  });

  it("is made by one of two that want it at the same time", async () => {
    const python = fakePython("3.11.7");
    const both = [1, 2].map(() => prepareEnvironment(options(python), forever, () => undefined));
    const [first, second] = await Promise.all(both);
    expect(first).toEqual(second);
    expect(calls(/-m venv/u)).toHaveLength(1);
  });

  it("asks the index that was named for PyTorch, and only for PyTorch", async () => {
    const python = fakePython("3.11.7");
    const named = options(python);
    const variables = { ...named.variables, RSTAR_TORCH_INDEX: "https://index.example/cpu" };
    await prepareEnvironment({ ...named, variables }, forever, () => undefined);
    expect(calls(/--index-url https:\/\/index\.example\/cpu/u)).toHaveLength(2);
    expect(calls(/requirements\.txt/u).join()).not.toContain("index.example");
  });

  it("says that there is no Python, or only an old one, before anything is written", async () => {
    const none = await prepareEnvironment(options(path.join(home, "none")), forever, () => undefined);
    expect(none).toMatchObject({ kind: "failed", reason: "no-python" });
    const old = await prepareEnvironment(options(fakePython("3.9.2")), forever, () => undefined);
    expect(old).toMatchObject({ kind: "failed", reason: "wrong-python" });
    if (old.kind === "failed") expect(old.message).toMatch(/3\.9\.2[^]*RSTAR_PYTHON/u);
    expect(calls(/venv|pip/u)).toEqual([]);
  });

  it("says that there is too little space before anything is fetched", async () => {
    const small = options(fakePython("3.11.7"), { freeBytes: () => Promise.resolve(1e9) });
    expect(await prepareEnvironment(small, forever, () => undefined)).toMatchObject({
      kind: "failed",
      reason: "no-space",
    });
    expect(calls(/venv|pip/u)).toEqual([]);
  });

  it("does not take what a failed try left behind for lack of space", async () => {
    const broken = fakePython("3.11.7", "*install*torch*) exit 1 ;;");
    const first = await prepareEnvironment(options(broken), forever, () => undefined);
    expect(first.kind).toBe("failed");
    const freeBytes = (folder: string): Promise<number> =>
      Promise.resolve(existsSync(path.join(folder, "venv")) ? 1e9 : 50e9);
    const second = options(fakePython("3.11.7"), { freeBytes });
    expect(await prepareEnvironment(second, forever, () => undefined)).toMatchObject({ kind: "ready" });
  });

  it("knows before it fetches that a build for CUDA does not fit", async () => {
    const report = '{"install":[{"metadata":{"name":"torch"}},{"metadata":{"name":"nvidia-cublas"}}]}';
    const python = fakePython("3.11.7", "", report);
    const roomy = await prepareEnvironment(options(python), forever, () => undefined);
    expect(roomy.kind).toBe("ready");
    rmSync(path.join(home, "trainer"), { recursive: true });
    writeFileSync(log, "");
    const tight = options(python, { freeBytes: () => Promise.resolve(5e9) });
    const failed = await prepareEnvironment(tight, forever, () => undefined);
    expect(failed).toMatchObject({ kind: "failed", reason: "no-space" });
    if (failed.kind === "failed") expect(failed.message).toContain("RSTAR_TORCH_INDEX");
    expect(calls(/install --no-cache-dir/u)).toEqual([]);
  });

  it("names the package that is missing when there is no venv", async () => {
    const python = fakePython("3.11.7", '*"-m venv"*) echo "No module named venv" >&2; exit 1 ;;');
    const failed = await prepareEnvironment(options(python), forever, () => undefined);
    expect(failed).toMatchObject({ kind: "failed", reason: "environment", log: "No module named venv" });
    if (failed.kind === "failed") expect(failed.message).toContain("python3-venv");
  });

  it("starts afresh after an installation that failed", async () => {
    const cases = '*"--requirement"*requirements.txt) echo "ReadTimeout: timed out" >&2; exit 1 ;;';
    const failed = await prepareEnvironment(options(fakePython("3.11.7", cases)), forever, () => undefined);
    expect(failed).toMatchObject({ kind: "failed", reason: "no-network" });
    const again = await prepareEnvironment(options(fakePython("3.11.7")), forever, () => undefined);
    expect(again.kind).toBe("ready");
  });

  it("ends pip when it is aborted", async () => {
    const mark = path.join(home, "started");
    const cases = `*requirements-torch.txt) touch ${mark}; exec sleep 60 ;;`;
    const stop = new AbortController();
    const making = prepareEnvironment(options(fakePython("3.11.7", cases)), stop.signal, () => undefined);
    await expect.poll(() => existsSync(mark), { timeout: 10_000 }).toBe(true);
    stop.abort(new Error("enough"));
    await expect(making).rejects.toThrow("enough");
  });
});

it("names the editor's settings in the editor, and variables of the environment in a terminal", () => {
  const words = () => [
    cudaAdvice(),
    missingPython([]).message,
    missingPython(["python3: 3.9.2"]).message,
    noSpace("/data", 2, 1, cudaAdvice()).message,
    installFailure("/data", "No space left").message,
    installFailure("/data", "timed out").message,
    installFailure("/data", "no matching distribution").message,
  ];
  expect(words().join("\n")).toMatch(/RSTAR_TORCH_INDEX[^]*RSTAR_PYTHON[^]*RSTAR_HOME/u);
  vi.stubEnv("RSTAR_SURFACE", "editor");
  try {
    for (const message of words()) expect(message).not.toMatch(/rstar |RSTAR_|--\w|the command/u);
    expect(words().join("\n")).toMatch(/training\.torchIndex[^]*training\.pythonPath[^]*model\.dataFolder/u);
  } finally {
    vi.unstubAllEnvs();
  }
});

describe("what pip says", () => {
  it("becomes progress", () => {
    expect(progressOf("Collecting torch==2.13.0 (from -r requirements-torch.txt (line 2))")).toBe(
      "Fetching torch.",
    );
    expect(progressOf("  Downloading torch-2.13.0-cp311-manylinux.whl (190.2 MB)")).toBe(
      "Downloading torch, 190.2 MB.",
    );
    expect(progressOf("Installing collected packages: a, b")).toBe("Installing the packages.");
    expect(progressOf("Requirement already satisfied: x")).toBeNull();
  });

  it.each([
    ["[Errno 28] No space left on device", "no-space"],
    ["NewConnectionError: Failed to establish a new connection", "no-network"],
    ["ERROR: No matching distribution found for torch==2.13.0", "environment"],
  ])("becomes a reason: %s", (errors, reason) => {
    expect(installFailure("/data", errors)).toMatchObject({ reason, log: errors });
  });
});

it("says what to do about paths that are too long", () => {
  const { message } = installFailure(
    "/data",
    "OSError: [WinError 206] The filename or extension is too long",
  );
  expect(message).toContain("Allow long paths");
});

it("is not tried with a Python that PyTorch has no builds for", async () => {
  const python = fakePython("3.11.7", "*version_info*) echo 3.11.7; echo x86_64 ;;");
  const failed = await prepareEnvironment(options(python, { platform: "darwin" }), forever, () => undefined);
  expect(failed).toMatchObject({ kind: "failed", message: expect.stringContaining("Intel") as string });
  expect(calls(/-m venv/u)).toEqual([]);
});
