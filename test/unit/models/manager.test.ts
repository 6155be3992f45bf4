/** Listing and removing models. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { widenedPath } from "../../../server/engine/widened.ts";
import { partialName, type FetchOutcome } from "../../../server/models/sources.ts";
import { deferred, FILE, forbidden, never, PARTS, setUp, tinyManifest, VERDICT, WEIGHTS } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("the list tells what is here, how much of it, and whose file a model uses", async () => {
  const { manager, file } = setUp({ manifest: tinyManifest({}, [VERDICT]) });
  const before = await manager.list();
  expect(before.models.map((model) => model.installed)).toEqual([false, false]);
  await manager.resolve("verdict", { signal: never() });
  expect((await manager.list()).models).toMatchObject([
    { id: "tiny", isDefault: true, installed: true, bytesOnDisk: WEIGHTS.length, path: file, base: null },
    { id: "verdict", isDefault: false, installed: true, bytes: WEIGHTS.length, path: file, base: "tiny" },
  ]);
  expect(manager.defaultId("policy")).toBe("tiny");
  expect(manager.defaultId("ppm")).toBeNull();
  const nothing = { version: 1 as const, entries: [], uses: [] };
  expect(manager.usedOn(nothing, "policy", manager.defaultBase()?.sha256 ?? "")).toBe("tiny");
  expect(manager.usedOn(nothing, "policy", "0".repeat(64))).toBeNull();
});

test("removing a model frees its bytes, those of its widened copy and of unfinished ones too", async () => {
  const { manager, file } = setUp();
  await manager.resolve("tiny", { signal: never() });
  writeFileSync(path.join(path.dirname(file), partialName(FILE, "wheels")), "12345");
  const copy = await widenedPath(file);
  writeFileSync(copy, "1234567");
  writeFileSync(`${copy}.1.partial`, "123");
  writeFileSync(`${file}.widened`, "of an earlier version");
  const removal = await manager.remove("tiny");
  expect(removal).toEqual({ kind: "removed", bytes: WEIGHTS.length + 5 + 7 + 3 + 21 });
  expect(readdirSync(path.dirname(file))).toEqual([]);
  expect(await manager.remove("tiny")).toMatchObject({ kind: "failed", reason: { kind: "nothing-there" } });
});

test("an unfinished download can be removed, from the model whose file it is", async () => {
  const { manager, file } = setUp({ manifest: tinyManifest({}, [VERDICT]) });
  const removable = async () => (await manager.list()).models.map(({ removableBytes }) => removableBytes);
  expect(await removable()).toEqual([null, null]);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(path.join(path.dirname(file), partialName(FILE, "wheels")), "12345");
  expect(await removable()).toEqual([5, null]);
  expect(await manager.remove("tiny")).toEqual({ kind: "removed", bytes: 5 });
  expect(await removable()).toEqual([null, null]);
});

test("a model that is being fetched is not removed", async () => {
  const started = deferred<undefined>();
  const finish = deferred<FetchOutcome>();
  const { manager, file } = setUp({
    fetchers: {
      wheels: (_, job) => {
        writeFileSync(path.join(job.folder, partialName(FILE, "wheels")), PARTS[0] ?? "");
        started.resolve(undefined);
        return finish.promise;
      },
    },
  });
  const fetching = manager.resolve("tiny", { signal: never() });
  await started.promise;
  expect(await manager.remove("tiny")).toMatchObject({
    kind: "failed",
    reason: { kind: "in-use", path: file },
  });
  finish.resolve({ kind: "failed", reason: "other", detail: "over" });
  await fetching;
  expect(statSync(path.join(path.dirname(file), partialName(FILE, "wheels"))).size).toBe(PARTS[0]?.length);
});

test("a manager touches neither disk nor network until it is asked", () => {
  const home = path.join(temporaryFolder(), "not yet");
  const readGguf = vi.fn();
  setUp({ home, readGguf, fetchers: { wheels: forbidden } });
  expect(existsSync(home)).toBe(false);
  expect(readGguf).not.toHaveBeenCalled();
});
