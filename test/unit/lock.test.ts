/** Who may work on a file: with real locks of real processes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tryWithLock, withLock } from "../../server/lock.ts";

const forever = new AbortController().signal;
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "rstar-lock-"));
  file = path.join(folder, "run");
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("a lock that is free is taken, and free again afterwards", async () => {
  const [first, second] = [
    await tryWithLock(file, forever, () => Promise.resolve(1)),
    await tryWithLock(file, forever, () => Promise.resolve(2)),
  ];
  expect([first, second]).toEqual([
    { kind: "done", value: 1 },
    { kind: "done", value: 2 },
  ]);
});

test("while another one works nothing is done, and that is said", async () => {
  await withLock(file, forever, async () => {
    const attempt = await tryWithLock(file, forever, () => Promise.reject(new Error("ran beside")));
    expect(attempt).toEqual({ kind: "locked" });
  });
});

test("the lock of a process that was killed is waited for", async () => {
  const holder = spawn(process.execPath, [
    "-e",
    `require("proper-lockfile").lock(${JSON.stringify(file)}, { realpath: false, stale: 10000, update: 2000 })
       .then(() => { console.log("held"); setInterval(() => {}, 1000); })`,
  ]);
  await once(holder.stdout, "data");
  holder.kill("SIGKILL");
  await once(holder, "exit");
  expect(await tryWithLock(file, forever, () => Promise.resolve("worked"))).toEqual({
    kind: "done",
    value: "worked",
  });
}, 20_000);

test("waiting for what a killed process left can be stopped", async () => {
  mkdirSync(`${file}.lock`);
  const stop = new AbortController();
  setTimeout(() => {
    stop.abort(new Error("stopped"));
  }, 300);
  await expect(tryWithLock(file, stop.signal, () => Promise.resolve(1))).rejects.toThrow("stopped");
});
