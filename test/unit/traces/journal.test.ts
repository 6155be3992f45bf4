import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Trace } from "../../../server/protocol/trace.ts";
import { solve } from "../../../server/search/solve.ts";
import { createJournal, type Journal } from "../../../server/traces/journal.ts";
import type { TraceStore } from "../../../server/services.ts";
import { openTraceFiles, type TraceFiles } from "../../../server/traces/files.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";

/** The number of a process that has ended. */
const GONE = spawnSync(process.execPath, ["--version"]).pid;

interface SetUp {
  readonly folder: string;
  readonly files: TraceFiles;
  readonly dead: Journal;
}

function setUp(): SetUp {
  const home = mkdtempSync(path.join(tmpdir(), "rstar-journal-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const folder = path.join(home, "running");
  const files = openTraceFiles(path.join(home, "traces.jsonl"));
  return { folder, files, dead: createJournal(folder, { pid: GONE, token: "one" }) };
}

function traceOf(id: string): Promise<Trace> {
  return solve(
    { id: "p", text: "What is 6 times 7?", reference: null },
    configOf({ strategy: "greedy" }),
    fakeServices(scriptedPolicy(() => ({ text: "# Step 1: Print.\nprint(42)", stop: "<end_of_code>" }))),
    { ...STAMP, id },
    new AbortController().signal,
  );
}

test("what a process that is gone left behind is moved into the store, once", async () => {
  const { folder, files, dead } = setUp();
  await dead.write(await traceOf("a"));
  await dead.write(await traceOf("b"));
  await dead.forget("b");
  expect(await files.journal.recover(files.store)).toEqual(["a"]);
  expect(readdirSync(folder)).toEqual([]);
  expect(await files.journal.recover(files.store)).toEqual([]);
  expect((await files.store.query()).traces.map(({ id }) => id)).toEqual(["a"]);
});

test("a search of a living process is left alone", async () => {
  const { folder, files } = setUp();
  await files.journal.write(await traceOf("a"));
  expect(await files.journal.recover(files.store)).toEqual([]);
  expect(readdirSync(folder)).toHaveLength(1);
});

test("a file of this process's number that another process wrote is left behind, with or without a token", async () => {
  const { folder, files } = setUp();
  const earlier = createJournal(folder, { pid: process.pid, token: "earlier" });
  await earlier.write(await traceOf("a"));
  writeFileSync(path.join(folder, `b.${process.pid}.json`), JSON.stringify(await traceOf("b")));
  await files.journal.write(await traceOf("c"));
  expect(await files.journal.recover(files.store)).toEqual(["a", "b"]);
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^c\./u)]);
});

test("a trace that was stored just before the kill is not stored twice", async () => {
  const { files, dead } = setUp();
  const trace = await traceOf("a");
  await dead.write(trace);
  await files.store.append(trace);
  expect(await files.journal.recover(files.store)).toEqual([]);
  expect((await files.store.query()).traces).toHaveLength(1);
});

test("a file that is no trace, and one that is not ours, are no trouble", async () => {
  const { folder, files, dead } = setUp();
  await dead.write(await traceOf("a"));
  writeFileSync(path.join(folder, `b.${GONE}.json`), '{"version":1');
  writeFileSync(path.join(folder, "notes.txt"), "mine");
  expect(await files.journal.recover(files.store)).toEqual(["a"]);
  expect(readdirSync(folder)).toEqual(["notes.txt"]);
});

test("two processes that recover at once store each search once", async () => {
  const { folder, files, dead } = setUp();
  const ids = ["a", "b", "c", "d"];
  for (const id of ids) await dead.write(await traceOf(id));
  const other = createJournal(folder);
  const recovered = await Promise.all([files.journal.recover(files.store), other.recover(files.store)]);
  expect(recovered.flat().toSorted()).toEqual(ids);
  expect((await files.store.query()).traces.map(({ id }) => id).toSorted()).toEqual(ids);
  expect(readdirSync(folder)).toEqual([]);
});

test("a search of a newer version stays for the version that reads it", async () => {
  const { folder, files } = setUp();
  mkdirSync(folder);
  writeFileSync(path.join(folder, `new.${GONE}.json`), '{"version":99,"id":"new"}');
  expect(await files.journal.recover(files.store)).toEqual([]);
  expect(readdirSync(folder)).toEqual([`new.${GONE}.json`]);
});

test("what cannot be moved now stays for the next time, and stops no other", async () => {
  const { folder, files, dead } = setUp();
  await dead.write(await traceOf("b"));
  await dead.write(await traceOf("c"));
  // A name that no file can be read under.
  mkdirSync(path.join(folder, `a.${GONE}.json`));
  let calls = 0;
  const full: TraceStore = {
    ...files.store,
    append: (trace) =>
      ++calls === 1
        ? Promise.reject(Object.assign(new Error("the disk is full"), { code: "ENOSPC" }))
        : files.store.append(trace),
  };
  expect(await files.journal.recover(full)).toHaveLength(1);
  expect(await files.journal.recover(files.store)).toHaveLength(1);
  expect((await files.store.query()).traces.map(({ id }) => id).toSorted()).toEqual(["b", "c"]);
  expect(readdirSync(folder)).toEqual([`a.${GONE}.json`]);
});
