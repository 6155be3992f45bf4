/** The sandbox on real Python: results as data, limits, cancelling, replacement. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSandbox } from "../../server/sandbox/sandbox.ts";
import type { DisposableSandbox } from "../../server/sandbox/sandbox.ts";
import { EMPTY_STATE } from "../../server/services.ts";
import { NEVER, runAll, runStep, sandboxPaths } from "../support/sandbox.ts";

let sandbox: DisposableSandbox;

beforeAll(async () => {
  sandbox = createSandbox({ ...(await sandboxPaths()), size: 1, timeLimitMs: 3000 });
  await sandbox.warm();
});

afterAll(() => sandbox.dispose());

test("a step's output, last value and assertions come back", async () => {
  const result = await runStep(sandbox, "x = 20\nassert x > 1\nprint('x is', x)\nx * 2 + 2");
  expect(result).toMatchObject({
    kind: "ok",
    output: "x is 20\n",
    truncated: false,
    value: "42",
    assertions: 1,
    state: { program: ["x = 20\nassert x > 1\nprint('x is', x)\nx * 2 + 2"] },
  });
});

test("a last value of None, and a last statement that is no expression, give no value", async () => {
  expect(await runStep(sandbox, "print('a')")).toMatchObject({ kind: "ok", value: null });
  expect(await runStep(sandbox, "x = 3")).toMatchObject({ kind: "ok", value: null });
  expect(await runStep(sandbox, "# only a comment")).toMatchObject({ kind: "ok", value: null, output: "" });
});

test("sympy and mpmath are there", async () => {
  const step =
    "from sympy import symbols, solve\nimport mpmath\nx = symbols('x')\nprint(mpmath.mpf(1) / 4)\nsolve(x**2 - 2, x)";
  expect(await runStep(sandbox, step)).toMatchObject({
    kind: "ok",
    output: "0.25\n",
    value: "[-sqrt(2), sqrt(2)]",
  });
});

test("an exception comes back with its type, message and the line of the step", async () => {
  const state = await runAll(sandbox, ["def f(n):\n    return 1 / n"]);
  const result = await sandbox.run(state, "a = 1\nprint('before')\nb = f(0)\nc = 2", NEVER);
  expect(result).toMatchObject({
    kind: "error",
    output: "before\n",
    error: { type: "ZeroDivisionError", message: "division by zero", line: 3 },
  });
});

test("a syntax error comes back with its line", async () => {
  expect(await runStep(sandbox, "x = 1\ny = = 2")).toMatchObject({
    kind: "error",
    error: { type: "SyntaxError", line: 2 },
  });
});

test("a failed assertion is an error of its own type", async () => {
  expect(await runStep(sandbox, "assert 1 + 1 == 3, 'sums'")).toMatchObject({
    kind: "error",
    error: { type: "AssertionError", message: "sums", line: 1 },
  });
});

test("a text that is no Python at all, or holds a NUL, is an error", async () => {
  expect(await runStep(sandbox, "a\0b")).toMatchObject({ kind: "error", error: { type: "SyntaxError" } });
  expect(await runStep(sandbox, "(".repeat(5000))).toMatchObject({ kind: "error" });
});

test("leaving the program is an error, not an end of the interpreter", async () => {
  expect(await runStep(sandbox, "exit(0)")).toMatchObject({ kind: "error", error: { type: "SystemExit" } });
});

test("a step on a state that does not run says which of its steps fails", async () => {
  expect(await runStep(sandbox, "x", ["x = 1", "y = unknown"])).toMatchObject({
    kind: "error",
    error: {
      type: "EarlierStep",
      message: "step 2 of the state fails: NameError: name 'unknown' is not defined",
    },
  });
});

test("an endless loop ends at the time limit, what it printed is kept, and the next run works", async () => {
  const result = await runStep(sandbox, "print('start')\nwhile True: pass");
  expect(result).toMatchObject({ kind: "timeout", output: "start\n", limitMs: 3000 });
  expect(result.ms).toBeLessThan(4500);
  expect(await runStep(sandbox, "1 + 1")).toMatchObject({ kind: "ok", value: "2" });
});

test("a single operation that never returns ends at the time limit", async () => {
  expect(await runStep(sandbox, "10 ** (10 ** 8) % 7")).toMatchObject({ kind: "timeout" });
});

test("a loop that swallows every exception ends at the time limit", async () => {
  const step = "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass";
  expect(await runStep(sandbox, step)).toMatchObject({ kind: "timeout" });
});

test("an allocation of 3 GB is a memory result, and the next run works", async () => {
  expect(await runStep(sandbox, "x = bytearray(3 * 10**9)")).toMatchObject({ kind: "memory", limitMB: 512 });
  expect(await runStep(sandbox, "1 + 1")).toMatchObject({ kind: "ok", value: "2" });
});

test("memory taken little by little ends at the limit too", async () => {
  const step = "x = []\nwhile True: x.append('a' * 10**6 + str(len(x)))";
  expect(await runStep(sandbox, step)).toMatchObject({ kind: "memory" });
});

test("endless recursion is an error or a crash, and the next run works", async () => {
  const result = await runStep(
    sandbox,
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)",
  );
  expect(["error", "crash"]).toContain(result.kind);
  expect(await runStep(sandbox, "1 + 1")).toMatchObject({ kind: "ok", value: "2" });
});

test("deep recursion within reason runs", async () => {
  const step =
    "import sys\nsys.setrecursionlimit(5000)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nf(2000)";
  expect(await runStep(sandbox, step)).toMatchObject({ kind: "ok", value: "2000" });
});

test("a print of 10 MB is cut at the limit and costs little", async () => {
  const result = await runStep(sandbox, "print('x' * 10**7)");
  expect(result).toMatchObject({ kind: "ok", truncated: true });
  expect(result.kind === "ok" && result.output.length).toBe(65_536);
  expect(result.ms).toBeLessThan(1000);
  const lines = await runStep(sandbox, "for i in range(10**5): print('line', i)");
  expect(lines).toMatchObject({ kind: "ok", truncated: true });
});

test("the output limit counts bytes and never cuts a character in two", async () => {
  const result = await runStep(sandbox, "print('é' * 10**5)");
  expect(result.kind === "ok" && Buffer.byteLength(result.output)).toBe(65_536);
  expect(result.kind === "ok" && /^é+$/.test(result.output)).toBe(true);
});

test("an aborted run rejects with the signal's reason within 250 ms, and the next run works", async () => {
  const controller = new AbortController();
  const running = sandbox.run(EMPTY_STATE, "while True: pass", controller.signal);
  const reason = new Error("stopped by the test");
  setTimeout(() => controller.abort(reason), 100);
  const before = performance.now();
  await expect(running).rejects.toBe(reason);
  expect(performance.now() - before).toBeLessThan(350);
  expect(await runStep(sandbox, "1 + 1")).toMatchObject({ kind: "ok", value: "2" });
});

test("a run that waits for its turn can be aborted, and one with an aborted signal never starts", async () => {
  const controller = new AbortController();
  const first = runStep(sandbox, "sum(range(10**6))");
  const second = sandbox.run(EMPTY_STATE, "2", controller.signal);
  controller.abort(new Error("no longer wanted"));
  await expect(second).rejects.toThrow("no longer wanted");
  await expect(sandbox.run(EMPTY_STATE, "3", controller.signal)).rejects.toThrow("no longer wanted");
  expect(await first).toMatchObject({ kind: "ok" });
});

test("after dispose nothing runs and no process is left", async () => {
  const own = createSandbox({ ...(await sandboxPaths()), size: 1 });
  await own.warm();
  expect(own.stats()).toMatchObject({ ready: 1, snapshot: true });
  await own.dispose();
  await expect(runStep(own, "1")).rejects.toThrow("disposed");
});

test("a sandbox that cannot start says so instead of waiting for ever", async () => {
  const own = createSandbox({ ...(await sandboxPaths()), size: 1, wheelsDir: "nowhere" });
  await expect(runStep(own, "1")).rejects.toThrow(/the Python sandbox cannot start: .*wheels|nowhere/);
  await own.dispose();
});
