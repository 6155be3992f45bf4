import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { TraceLibrary } from "../../../server/handlers/trace-library.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";
import { openTraceFiles } from "../../../server/traces/files.ts";

test("a search that could not be stored stays until the process ends, whatever is done about it", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "rstar-library-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const library = new TraceLibrary(
    () => {
      const files = openTraceFiles(path.join(home, "traces.jsonl"));
      const append = (): Promise<void> => Promise.reject(new Error("ENOSPC"));
      return Promise.resolve({ ...files, store: { ...files.store, append } });
    },
    () => undefined,
  );
  const policy = scriptedPolicy(() => ({ text: "# Add.\nprint(2)", stop: MARK.endOfCode }));
  const problem = { id: "p", text: "What is 1 + 1?", reference: null };
  const never = new AbortController().signal;
  const trace = await solve(problem, configOf({}), fakeServices(policy), STAMP, never);
  await expect(library.append(trace)).rejects.toThrow("ENOSPC");
  await library.remove(() => false);
  library.reopen();
  expect(await library.find(trace.id)).toEqual(trace);
});

test("a store that could not be opened is opened by the next who asks", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "rstar-library-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  let calls = 0;
  const library = new TraceLibrary(
    () =>
      ++calls === 1
        ? Promise.reject(new Error("the disk was away"))
        : Promise.resolve(openTraceFiles(path.join(home, "traces.jsonl"))),
    () => undefined,
  );
  await expect(library.find("a")).rejects.toThrow("the disk was away");
  expect(await library.find("a")).toBeNull();
  expect(await library.refresh()).toBe(true);
  expect(calls).toBe(2);
});

test("what another process stores at the same moment is read", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "rstar-library-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const file = path.join(home, "traces.jsonl");
  const other = openTraceFiles(file);
  let isBeside = true;
  const library = new TraceLibrary(
    () =>
      Promise.resolve({
        ...other,
        store: {
          ...other.store,
          // It had the lock first.
          append: async (trace) => {
            if (isBeside) await other.store.append({ ...trace, id: "t-other" });
            await other.store.append(trace);
          },
        },
      }),
    () => undefined,
  );
  const policy = scriptedPolicy(() => ({ text: "# Add.\nprint(2)", stop: MARK.endOfCode }));
  const problem = { id: "p", text: "What is 1 + 1?", reference: null };
  const trace = await solve(problem, configOf({}), fakeServices(policy), STAMP, new AbortController().signal);
  await library.refresh();
  await library.append(trace);
  expect(await library.refresh()).toBe(true);
  expect(library.all.map(({ id }) => id)).toEqual(["t-other", trace.id]);
  // By itself it need not be read again.
  isBeside = false;
  await library.append({ ...trace, id: "t-2" });
  expect(await library.refresh()).toBe(false);
  expect(library.all).toHaveLength(3);
});
