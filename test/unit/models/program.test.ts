/** Running a program: its lines, its end, and how it is stopped. */
import { describe, expect, it } from "vitest";
import { runProgram } from "../../../server/models/program.ts";
import { parseLine } from "../../../server/evolution/trainer-output.ts";

const forever = new AbortController().signal;
const node = (code: string): string[] => [process.execPath, "-e", code];

describe("runProgram", () => {
  it("hears lines and tells code and last words", async () => {
    const lines: string[] = [];
    const end = await runProgram(
      node("console.log('a\\nb'); console.error('why'); process.exit(3)"),
      forever,
      {
        onLine: (line) => lines.push(line),
      },
    );
    expect(lines).toEqual(["a", "b"]);
    expect(end).toEqual({ kind: "ended", code: 3, errors: "why\n" });
  });

  it("does not take a line for whole that the program's end cut off", async () => {
    const lines: string[] = [];
    await runProgram(node(`process.stdout.write('{"a":1}\\n{"a"')`), forever, {
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual(['{"a":1}']);
  });

  it("tells a kill from outside and a program that is not there", async () => {
    expect(await runProgram(node("process.kill(process.pid, 'SIGKILL')"), forever)).toMatchObject({
      kind: "killed",
      signal: "SIGKILL",
    });
    expect(await runProgram(["/nowhere/python"], forever)).toMatchObject({ kind: "not-started" });
  });

  it("kills at once on abort, or asks first and lets the program end by itself", async () => {
    const stop = new AbortController();
    const hanging = runProgram(node("console.log('up'); setInterval(() => 0, 1000)"), stop.signal, {
      onLine: () => stop.abort(new Error("enough")),
    });
    await expect(hanging).rejects.toThrow("enough");

    const ask = new AbortController();
    const code =
      "const end = () => { console.log('saved'); process.exit(0) };" +
      "process.on('SIGTERM', end); process.stdin.on('data', end); console.log('up')";
    const lines: string[] = [];
    const end = await runProgram(node(code), ask.signal, {
      graceMs: 20_000,
      onLine: (line) => {
        lines.push(line);
        if (line === "up") ask.abort();
      },
    });
    expect(end).toMatchObject({ kind: "ended", code: 0 });
    expect(lines).toEqual(["up", "saved"]);
  });

  it("asks what a launcher started by a line, and the launcher itself only when the time is over", async () => {
    const started =
      "process.stdin.on('data', () => { console.log('saved'); process.exit(0) }); console.log('up')";
    const launcher = (code: string): string =>
      `process.on('SIGTERM', () => { console.log('asked'); process.exit(1) });` +
      `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(code)}], { stdio: 'inherit' })` +
      `.on('exit', (code) => process.exit(code)); setInterval(() => 0, 1000)`;
    const run = async (code: string, graceMs: number): Promise<{ end: unknown; lines: string[] }> => {
      const ask = new AbortController();
      const lines: string[] = [];
      const end = await runProgram(node(launcher(code)), ask.signal, {
        graceMs,
        isLauncher: true,
        onLine: (line) => {
          lines.push(line);
          if (line === "up") ask.abort();
        },
      });
      return { end, lines };
    };
    expect(await run(started, 20_000)).toMatchObject({ end: { code: 0 }, lines: ["up", "saved"] });
    const deaf = "setTimeout(() => process.exit(0), 2000); console.log('up')";
    expect(await run(deaf, 50)).toMatchObject({ end: { code: 1 }, lines: ["up", "asked"] });
  });

  it("tells a program that being asked ended as stopped, not as killed", async () => {
    const stop = new AbortController();
    const run = runProgram(node("console.log('up'); setInterval(() => 0, 1000)"), stop.signal, {
      graceMs: 20_000,
      onLine: () => stop.abort(new Error("enough")),
    });
    await expect(run).rejects.toThrow("enough");
  });

  it("kills a program that does not end in its time", async () => {
    const stop = new AbortController();
    const deaf = "process.on('SIGTERM', () => 0); console.log('up'); setInterval(() => 0, 1000)";
    const run = runProgram(node(deaf), stop.signal, {
      graceMs: 50,
      onLine: () => stop.abort(new Error("enough")),
    });
    await expect(run).rejects.toThrow("enough");
  });
});

describe("what the trainer prints", () => {
  it("is metrics, a result, or nothing that concerns us", () => {
    const stage = { kind: "stage", at: "2026-01-01T00:00:00.000Z", stage: "load", message: "Reading." };
    expect(parseLine(JSON.stringify(stage))).toEqual({ kind: "metrics", line: stage });
    const stopped = { kind: "result", outcome: "stopped", step: 3, checkpoint: null };
    expect(parseLine(JSON.stringify(stopped))).toMatchObject({
      kind: "result",
      result: { outcome: "stopped" },
    });
    expect(parseLine("Loading weights: 100%")).toBeNull();
    expect(parseLine('{"kind":"stage"}')).toBeNull();
  });
});
