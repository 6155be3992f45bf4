import {
  appendFile,
  chmod,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Trace } from "../../../server/protocol/trace.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "traces-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function traceNamed(id: string): Promise<Trace> {
  const policy = scriptedPolicy(() => ({ text: "print(42)", stop: MARK.endOfCode }));
  const problem = { id: "p", text: `Problem ${id}`, reference: null };
  return solve(
    problem,
    configOf({ strategy: "greedy" }),
    fakeServices(policy),
    { ...STAMP, id },
    new AbortController().signal,
  );
}

describe("the trace store", () => {
  it("gives back what was appended, in order, whole tree and all", async () => {
    const store = createTraceStore(join(folder, "sub", "traces.jsonl"));
    const traces = [await traceNamed("a"), await traceNamed("b")];
    for (const trace of traces) await store.append(trace);
    expect(await store.query()).toEqual({ traces, bad: [] });
    expect((await store.query({ id: "b" })).traces).toEqual([traces[1]]);
  });

  it("gives back a trace by its place, after a torn line too, and says when something else stands there", async () => {
    const file = join(folder, "traces.jsonl");
    const store = createTraceStore(file);
    await store.append(await traceNamed("é"));
    await appendFile(file, Buffer.from('{"id":"é').subarray(0, 8));
    const last = await traceNamed("b");
    await store.append(last);
    const { traces } = await store.read(({ id }, place) => ({ id, place }));
    expect(traces.map(({ id }) => id)).toEqual(["é", "b"]);
    const [first, second] = traces;
    if (first === undefined || second === undefined) throw new Error("two were stored");
    expect(await store.at(second.place)).toEqual(last);
    await store.remove((trace) => trace?.id === "é");
    await expect(store.at(second.place)).rejects.toThrow("was changed");
  });

  it("is empty before the first trace", async () => {
    expect(await createTraceStore(join(folder, "none.jsonl")).query()).toEqual({ traces: [], bad: [] });
  });

  it("closes a line torn by a kill, reports it with its number, and loses nothing else", async () => {
    const file = join(folder, "traces.jsonl");
    const store = createTraceStore(file);
    await store.append(await traceNamed("a"));
    await appendFile(file, '{"version":1,"id":"half');
    await store.append(await traceNamed("b"));
    const { traces, bad } = await store.query();
    expect(traces.map((trace) => trace.id)).toEqual(["a", "b"]);
    expect(bad).toEqual([{ line: 2, reason: expect.stringContaining("cut off") as string }]);
  });

  it("names a trace of a newer version as such", async () => {
    const file = join(folder, "traces.jsonl");
    await writeFile(file, '{"version":99,"id":"future"}\n');
    const { bad } = await createTraceStore(file).query();
    expect(bad[0]?.reason).toContain("newer");
  });

  it("deletes what is picked, unreadable lines only when asked, and keeps the rest as it was", async () => {
    const file = join(folder, "traces.jsonl");
    const store = createTraceStore(file);
    await store.append(await traceNamed("a"));
    await appendFile(file, "garbage\n");
    await store.append(await traceNamed("b"));
    // What a process that was killed while it deleted had copied.
    await appendFile(`${file}.4242.new`, "of a person");
    expect(await store.remove((trace) => trace?.id === "a")).toBe(1);
    expect(await readdir(folder)).toEqual(["traces.jsonl"]);
    expect((await store.query()).bad).toHaveLength(1);
    expect(await store.remove(() => true)).toBe(2);
    expect(await store.query()).toEqual({ traces: [], bad: [] });
  });

  it("reads no further than the trace that has the whole id", async () => {
    const file = join(folder, "traces.jsonl");
    const store = createTraceStore(file);
    for (const id of ["aa", "a", "b"]) await store.append(await traceNamed(id));
    await appendFile(file, '{"id":"a" and no more');
    const { traces, bad } = await store.query({ exactId: "a" });
    expect([traces.map(({ id }) => id), bad]).toEqual([["a"], []]);
    expect((await store.query({ exactId: "b" })).traces).toHaveLength(1);
    expect((await store.query({ exactId: "c" })).traces).toEqual([]);
  });

  it("reads, goes on with and deletes from a file that is longer than any text", async () => {
    const file = join(folder, "traces.jsonl");
    const handle = await open(file, "w");
    // Lines of NULs, which take no space where a file system leaves out what was never written.
    for (let at = 1; at <= 530; at++) await handle.write("\n", at * 2 ** 20);
    await handle.close();
    const store = createTraceStore(file);
    const trace = await traceNamed("last");
    await store.append(trace);
    expect((await store.query({ id: "last" })).traces).toEqual([trace]);
    expect(await store.remove((each) => each === null)).toBe(530);
    expect(await store.query()).toEqual({ traces: [trace], bad: [] });
  }, 60_000);

  it("leaves no other file behind when it deletes, and the store's mode and links as they were", async () => {
    const [real, file] = [join(folder, "real.jsonl"), join(folder, "traces.jsonl")];
    const store = createTraceStore(file);
    await store.append(await traceNamed("a"));
    await store.append(await traceNamed("b"));
    expect(await store.remove(() => false)).toBe(0);
    if (process.platform !== "win32") {
      await rename(file, real);
      await symlink(real, file);
      await chmod(real, 0o600);
    }
    expect(await store.remove((trace) => trace?.id === "a")).toBe(1);
    expect((await store.query()).traces.map(({ id }) => id)).toEqual(["b"]);
    if (process.platform === "win32") expect(await readdir(folder)).toEqual(["traces.jsonl"]);
    else {
      expect((await readdir(folder)).toSorted()).toEqual(["real.jsonl", "traces.jsonl"]);
      expect((await stat(real)).mode & 0o777).toBe(0o600);
    }
  });

  it("changes nothing when it fails in the middle of deleting", async () => {
    const file = join(folder, "traces.jsonl");
    const store = createTraceStore(file);
    for (const id of ["a", "b"]) await store.append(await traceNamed(id));
    const before = await readFile(file, "utf8");
    const failing = store.remove((trace) => {
      if (trace?.id === "b") throw new Error("in the middle");
      return true;
    });
    await expect(failing).rejects.toThrow("in the middle");
    expect(await readFile(file, "utf8")).toBe(before);
    expect(await readdir(folder)).toEqual(["traces.jsonl"]);
  });

  it("refuses to write what it could not read back", async () => {
    const file = join(folder, "traces.jsonl");
    const trace = { ...(await traceNamed("a")), version: 7 } as unknown as Trace;
    await expect(createTraceStore(file).append(trace)).rejects.toThrow();
  });

  it("keeps every line whole when several writers append at once", async () => {
    const file = join(folder, "traces.jsonl");
    const trace = await traceNamed("a");
    const stores = Array.from({ length: 4 }, () => createTraceStore(file));
    await Promise.all(stores.flatMap((store) => [store.append(trace), store.append(trace)]));
    const { traces, bad } = await createTraceStore(file).query();
    expect([traces.length, bad.length]).toEqual([8, 0]);
    expect((await readFile(file, "utf8")).endsWith("\n")).toBe(true);
  });

  it("loses no trace that is appended while others are deleted", async () => {
    const file = join(folder, "traces.jsonl");
    const trace = await traceNamed("kept");
    const ids = Array.from({ length: 5 }, (_, at) => `${at}`);
    for (const id of ids) {
      await createTraceStore(file).append({ ...trace, id: `old-${id}` });
      await Promise.all([
        createTraceStore(file).remove((each) => each?.id === `old-${id}`),
        createTraceStore(file).append({ ...trace, id: `new-${id}` }),
      ]);
    }
    const { traces } = await createTraceStore(file).query();
    expect(traces.map(({ id }) => id)).toEqual(ids.map((id) => `new-${id}`));
  });
});
