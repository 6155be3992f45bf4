/** The host's side of the sandbox, with a fake interpreter process: queue, limits, replacement, fallbacks. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { Pool } from "../../../server/sandbox/pool.ts";
import { createSandbox } from "../../../server/sandbox/sandbox.ts";
import type { DisposableSandbox, SandboxOptions } from "../../../server/sandbox/sandbox.ts";
import { EMPTY_STATE } from "../../../server/services.ts";
import type { RunResult } from "../../../server/services.ts";

const workerPath = path.join(path.dirname(fileURLToPath(import.meta.url)), "fake-worker.mjs");
const signal = new AbortController().signal;
const open: DisposableSandbox[] = [];

/** `plan` tells the fake how to start. */
function fake(options: SandboxOptions = {}, plan = "starts"): DisposableSandbox {
  const sandbox = createSandbox({
    workerPath,
    wheelsDir: plan,
    snapshotDir: "snapshots",
    size: 1,
    ...options,
  });
  open.push(sandbox);
  return sandbox;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((sandbox) => sandbox.dispose()));
});

/** The process that answered, and how long the program was. */
function answerOf(result: RunResult): string {
  return result.kind === "ok" ? (result.value ?? "") : result.kind;
}

function run(sandbox: DisposableSandbox, step: string, program: readonly string[] = []): Promise<RunResult> {
  return sandbox.run({ program }, step, signal);
}

test("nothing is started before it is needed", () => {
  expect(fake().stats()).toMatchObject({ started: 0, ready: 0, snapshot: null });
});

test("runs wait for their turn and come back in order", async () => {
  const sandbox = fake();
  const results = await Promise.all([1, 2, 3].map((n) => run(sandbox, "x", Array<string>(n).fill("y"))));
  expect(results.map((result) => answerOf(result).split(" ")[1])).toEqual(["1", "2", "3"]);
  expect(sandbox.stats()).toMatchObject({ started: 1, runs: 3 });
});

test("the state after a step is the program with the step", async () => {
  expect(await run(fake(), "b", ["a"])).toMatchObject({ kind: "ok", state: { program: ["a", "b"] } });
});

test("a child goes to the interpreter that holds its parent's state", async () => {
  const sandbox = fake({ size: 2 });
  const [first, second] = await Promise.all([run(sandbox, "a"), run(sandbox, "b")]);
  const [pidOfA, pidOfB] = [answerOf(first).split(" ")[0], answerOf(second).split(" ")[0]];
  for (let i = 0; i < 3; i++) {
    expect(answerOf(await run(sandbox, "c", ["b"]))).toBe(`${pidOfB ?? ""} 1`);
    expect(answerOf(await run(sandbox, "c", ["a"]))).toBe(`${pidOfA ?? ""} 1`);
  }
});

test("a step over the limit is a timeout with what it printed, and the process is replaced", async () => {
  const sandbox = fake({ timeLimitMs: 200 });
  const before = answerOf(await run(sandbox, "x"));
  expect(await run(sandbox, "hang")).toMatchObject({ kind: "timeout", output: "so far", limitMs: 200 });
  expect(answerOf(await run(sandbox, "x"))).not.toBe(before);
  expect(sandbox.stats().replaced).toEqual({ timeout: 1 });
});

test("a prefix that never comes to an end is a timeout too", async () => {
  expect(await run(fake({ timeLimitMs: 100 }), "slow prefix")).toMatchObject({ kind: "timeout" });
});

test("a step cannot win time by saying that it has only just begun", async () => {
  const result = await run(fake({ timeLimitMs: 300 }), "extend");
  expect(result).toMatchObject({ kind: "timeout" });
  expect(result.ms).toBeLessThan(1500);
});

test.each([
  ["die", { kind: "crash", reason: "the interpreter ended with exit code 9" }, "crash"],
  ["die while writing", { kind: "crash", reason: "the interpreter ended with exit code 9" }, "crash"],
  ["nonsense", { kind: "crash", reason: "the interpreter said what is no message" }, "crash"],
  ["fatal", { kind: "crash", reason: "it broke" }, "crash"],
  ["out of memory", { kind: "memory", limitMB: 512 }, "crash"],
  ["grow", { kind: "ok" }, "memory"],
  ["suspicious", { kind: "ok" }, "tainted"],
])("an interpreter is replaced after %j", async (step, result, reason) => {
  const sandbox = fake();
  expect(await run(sandbox, step)).toMatchObject(result);
  expect(await run(sandbox, "x")).toMatchObject({ kind: "ok" });
  expect(sandbox.stats()).toMatchObject({ started: 2, replaced: { [reason]: 1 } });
});

test("an interpreter that ended while nobody used it is not lent again", async () => {
  const pool = new Pool({
    size: 1,
    workerPath,
    config: { role: "candidate", wheelsDir: "starts", snapshotDir: null, memoryMB: 512, cachedStates: 1 },
  });
  onTestFinished(() => pool.dispose());
  const first = await pool.acquire("");
  first.release();
  // As the system does where memory runs out.
  first.interpreter.kill("killed");
  const second = await pool.acquire("");
  expect(second.interpreter.alive).toBe(true);
  expect(pool.stats()).toMatchObject({ started: 2, ready: 1, replaced: { ended: 1 } });
});

test("an abort rejects with the signal's reason and ends the process", async () => {
  const sandbox = fake();
  await sandbox.warm();
  const controller = new AbortController();
  const running = sandbox.run(EMPTY_STATE, "hang", controller.signal);
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect(await run(sandbox, "x")).toMatchObject({ kind: "ok" });
});

test("an abort before the first interpreter is ready does not wait for it", async () => {
  const controller = new AbortController();
  const running = fake().run(EMPTY_STATE, "x", controller.signal);
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
});

test("a snapshot that does not fit is done without", async () => {
  const sandbox = fake({}, "starts without a snapshot only");
  expect(await run(sandbox, "x")).toMatchObject({ kind: "ok" });
  expect(sandbox.stats()).toMatchObject({ snapshot: false, startFailure: "the snapshot does not fit" });
});

/** A file; interpreters with this plan do not start while it is there. */
function obstacle(): string {
  return path.join(fs.mkdtempSync(path.join(os.tmpdir(), "rstar-pool-")), "obstacle");
}

test("tries to start have pauses between them, and after all of them a later run tries again", async () => {
  const file = obstacle();
  fs.writeFileSync(file, "");
  const sandbox = fake({}, file);
  const [began, failed] = [performance.now(), expect(run(sandbox, "x")).rejects.toThrow("cannot start")];
  await failed;
  expect(performance.now() - began).toBeGreaterThan(1000);
  fs.rmSync(path.dirname(file), { recursive: true });
  expect(await run(sandbox, "x")).toMatchObject({ kind: "ok" });
});

test("a start that failed once does not leave the later ones without anything", async () => {
  const file = obstacle();
  fs.writeFileSync(file, "");
  const sandbox = fake({}, file);
  const running = run(sandbox, "x");
  await vi.waitFor(() => expect(sandbox.stats().startFailure).not.toBeNull(), {
    timeout: 15_000,
    interval: 5,
  });
  fs.rmSync(path.dirname(file), { recursive: true });
  expect(await running).toMatchObject({ kind: "ok" });
  expect(sandbox.stats()).toMatchObject({ started: 2, snapshot: true, permission: true });
});

test("starts that fail are nobody's trouble while another interpreter is well", async () => {
  const file = obstacle();
  const sandbox = fake({ size: 2 }, file);
  await sandbox.warm();
  fs.writeFileSync(file, "");
  await vi.waitFor(() => expect(sandbox.stats().started).toBeGreaterThan(7), {
    timeout: 15_000,
    interval: 50,
  });
  expect(await run(sandbox, "x")).toMatchObject({ kind: "ok" });
  fs.rmSync(path.dirname(file), { recursive: true });
  await vi.waitFor(() => expect(sandbox.stats().ready).toBe(2), { timeout: 15_000, interval: 50 });
});

test("a process that the system refuses to start is a failed start", async () => {
  // Node throws at once for such a path, as it does where there is no memory for a process.
  const sandbox = fake({ workerPath: "no\0path" });
  const both = await Promise.allSettled([run(sandbox, "x"), run(sandbox, "y")]);
  expect(both.map((each) => each.status === "rejected" && String(each.reason))).toEqual([
    expect.stringContaining("the Python sandbox cannot start"),
    expect.stringContaining("the Python sandbox cannot start"),
  ]);
});

test("an interpreter that never starts is an error, for later runs too", async () => {
  const sandbox = fake({}, "never starts");
  await expect(run(sandbox, "x")).rejects.toThrow("the Python sandbox cannot start");
  await expect(run(sandbox, "x")).rejects.toThrow("exit code 3");
});

test("dispose fails those who wait", async () => {
  const sandbox = fake();
  const running = expect(run(sandbox, "x")).rejects.toThrow("disposed");
  await sandbox.dispose();
  await running;
});
