import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { TraceLibrary } from "../../../server/handlers/trace-library.ts";
import { openTraceFiles } from "../../../server/traces/files.ts";

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
