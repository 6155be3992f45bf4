/** Trained adapters: taken over whole, used on their own base only, rolled back, removed; and what is refused. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  adaptersFolder,
  addAdapter,
  chooseAdapter,
  describeRefusal,
  inUse,
  readLineage,
  removeAdapter,
  rollBack,
} from "../../../server/models/adapters.ts";
import { SCORE_READING } from "../../../server/evolution/profiles.ts";
import type { Lineage, LineageEntry } from "../../../server/protocol/evolution.ts";
import { AT, BASE, trainedEntry } from "./adapter-entry.ts";
import { never, setUp, WEIGHTS } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function add(home: string, id: string, changes: Partial<LineageEntry> = {}): Promise<Lineage> {
  const content = Buffer.from(`adapter ${id}`);
  const file = path.join(temporaryFolder(), "adapter.gguf");
  writeFileSync(file, content);
  return lineageOf(await addAdapter(home, file, trainedEntry(id, content, changes), never()));
}

function lineageOf(outcome: { readonly kind: string; readonly lineage?: Lineage }): Lineage {
  if (outcome.lineage === undefined) throw new Error(`no lineage: ${JSON.stringify(outcome)}`);
  return outcome.lineage;
}

const use = (home: string, adapter: string | null, role: LineageEntry["role"] = "policy") =>
  chooseAdapter(home, { role, baseSha256: BASE.sha256, adapter }, "test", AT, never());

describe("an adapter", () => {
  test("is taken over whole, is used when no model is named, and resolves to base and adapter", async () => {
    const { manager, home } = setUp();
    const { entries } = await add(home, "run-r1-policy");
    expect(entries[0]?.file).toMatch(/^run-r1-policy-[0-9a-f]{12}\.gguf$/);
    expect(await manager.idInUse("policy")).toBe("tiny");
    await use(home, "run-r1-policy");
    expect(await manager.idInUse("policy")).toBe("run-r1-policy");
    const resolution = await manager.resolve("run-r1-policy", { signal: never() });
    expect(resolution).toMatchObject({
      kind: "ready",
      model: {
        ...{ id: "tiny", role: "policy", sha256: BASE.sha256, promptFormat: "bare" },
        adapter: { id: "run-r1-policy", sha256: entries[0]?.sha256 },
      },
    });
    // The untouched base is still there, by its own name.
    const base = await manager.resolve("tiny", { signal: never() });
    expect(base.kind === "ready" && base.model.adapter).toBeUndefined();
  });

  test("of a PPM brings where its score is read", async () => {
    const { manager, home } = setUp();
    expect(await manager.idInUse("ppm")).toBeNull();
    await add(home, "run-r1-ppm", { role: "ppm", ppm: SCORE_READING });
    await use(home, "run-r1-ppm", "ppm");
    expect(await manager.idInUse("ppm")).toBe("run-r1-ppm");
    expect(await manager.resolve("run-r1-ppm", { signal: never() })).toMatchObject({
      model: { role: "ppm", ppm: SCORE_READING },
    });
  });

  test("is refused on another file of its base, when its own file changed, and when it is gone", async () => {
    const { manager, home } = setUp();
    const { entries } = await add(home, "mine");
    await add(home, "stranger", { base: { id: "tiny", sha256: "1".repeat(64) } });
    const wrong = await manager.resolve("stranger", { signal: never() });
    expect(wrong).toMatchObject({ kind: "failed", reason: { kind: "wrong-base", found: BASE.sha256 } });
    expect(wrong.kind === "failed" && wrong.message).toContain("rstar adapters use none");
    const file = path.join(adaptersFolder(home), entries[0]?.file ?? "");
    writeFileSync(file, "something else");
    expect(await manager.resolve("mine", { signal: never() })).toMatchObject({
      reason: { kind: "bad-adapter", isGone: false },
    });
    rmSync(file);
    expect(await manager.resolve("mine", { signal: never() })).toMatchObject({
      reason: { kind: "bad-adapter", isGone: true },
      message: expect.stringContaining("rstar adapters rollback") as unknown,
    });
  });

  test("that is not what the trainer said is not taken over", async () => {
    const home = temporaryFolder();
    const file = path.join(temporaryFolder(), "adapter.gguf");
    writeFileSync(file, "damaged");
    const outcome = await addAdapter(home, file, trainedEntry("a", Buffer.from("whole")), never());
    expect(outcome.kind).toBe("changed-file");
    expect(readdirSync(adaptersFolder(home)).filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });
});

describe("rolling back", () => {
  test("puts to use what was in use before, step by step, down to the untouched base", async () => {
    const home = temporaryFolder();
    await add(home, "first");
    await add(home, "second");
    await use(home, "first");
    await use(home, "second");
    const after = async () => inUse(lineageOf(await rollBack(home, null, never())), "policy", BASE.sha256);
    expect(await after()).toBe("first");
    expect(await after()).toBeUndefined();
    const outcome = await rollBack(home, null, never());
    expect(outcome.kind).toBe("nothing-to-roll-back");
  });

  test("of one role leaves the other alone", async () => {
    const home = temporaryFolder();
    await add(home, "policy");
    await add(home, "judge", { role: "ppm", ppm: SCORE_READING });
    await use(home, "policy");
    await use(home, "judge", "ppm");
    const lineage = lineageOf(await rollBack(home, "policy", never()));
    expect(inUse(lineage, "policy", BASE.sha256)).toBeUndefined();
    expect(inUse(lineage, "ppm", BASE.sha256)).toBe("judge");
  });
});

describe("removing", () => {
  test("deletes the file, but never of an adapter in use", async () => {
    const home = temporaryFolder();
    const { entries } = await add(home, "old");
    await use(home, "old");
    const refusal = await removeAdapter(home, "old", never());
    expect(refusal).toEqual({ kind: "adapter-in-use", id: "old" });
    expect(refusal.kind === "adapter-in-use" && describeRefusal(refusal)).toContain("nothing was removed");
    await use(home, null);
    expect(lineageOf(await removeAdapter(home, "old", never())).entries).toEqual([]);
    expect(existsSync(path.join(adaptersFolder(home), entries[0]?.file ?? ""))).toBe(false);
  });
});

describe("rolling back past one that was removed", () => {
  test("goes to what was in use before, and not to the same one again", async () => {
    const home = temporaryFolder();
    for (const id of ["a", "b"]) await add(home, id);
    for (const id of ["a", "b", "a"]) await use(home, id);
    await removeAdapter(home, "b", never());
    const lineage = lineageOf(await rollBack(home, "policy", never()));
    expect(inUse(lineage, "policy", BASE.sha256)).toBeUndefined();
  });
});

describe("the list of models", () => {
  const trained = async ({ manager }: ReturnType<typeof setUp>) =>
    (await manager.list()).models.filter(({ origin }) => origin === "trained");

  test("has what was trained here, newest first, with its base and the size of both", async () => {
    const scene = setUp();
    const { entries } = await add(scene.home, "first");
    await add(scene.home, "judge", { role: "ppm", ppm: SCORE_READING });
    const bytes = WEIGHTS.length + (entries[0]?.bytes ?? 0);
    const first = { id: "first", role: "policy", base: "tiny", bytes, license: "MIT", contextLength: 8 };
    expect(await trained(scene)).toMatchObject([
      { id: "judge", role: "ppm", base: "tiny" },
      { ...first, installed: false, bytesOnDisk: entries[0]?.bytes },
    ]);
    const unknown = await scene.manager.resolve("third", { signal: never() });
    expect(unknown).toMatchObject({ reason: { known: ["tiny", "judge", "first"] } });
    await scene.manager.resolve("first", { signal: never() });
    expect((await trained(scene))[1]).toMatchObject({ ...first, installed: true, bytesOnDisk: bytes });
  });

  test("lets go of one that is not in use, and deletes its file", async () => {
    const scene = setUp();
    const { entries } = await add(scene.home, "mine");
    await use(scene.home, "mine");
    expect(await trained(scene)).toMatchObject([{ id: "mine", removableBytes: null }]);
    expect(await scene.manager.remove("mine")).toMatchObject({ reason: { kind: "adapter-in-use" } });
    await use(scene.home, null);
    const bytes = entries[0]?.bytes;
    expect(await trained(scene)).toMatchObject([{ id: "mine", removableBytes: bytes }]);
    expect(await scene.manager.remove("mine")).toEqual({ kind: "removed", bytes });
    expect(readdirSync(adaptersFolder(scene.home)).filter((name) => name.endsWith(".gguf"))).toEqual([]);
    expect(await trained(scene)).toEqual([]);
  });

  test("says that the lineage cannot be read, beside the other models", async () => {
    const { manager, home } = setUp();
    await add(home, "mine");
    writeFileSync(path.join(adaptersFolder(home), "lineage.json"), "{");
    expect(await manager.list()).toMatchObject({
      models: [{ id: "tiny" }],
      problem: { kind: "bad-lineage" },
    });
  });
});

test("choosing what does not exist, or for the wrong role or base, changes nothing", async () => {
  const home = temporaryFolder();
  await add(home, "policy");
  expect((await use(home, "nothing")).kind).toBe("unknown-adapter");
  expect((await use(home, "policy", "ppm")).kind).toBe("unknown-adapter");
  const outcome = await readLineage(home);
  expect(lineageOf(outcome).uses).toEqual([]);
});

test("a lineage that cannot be read is told and left as it is", async () => {
  const { manager, home } = setUp();
  await add(home, "policy");
  const file = path.join(adaptersFolder(home), "lineage.json");
  writeFileSync(file, "{");
  expect((await readLineage(home)).kind).toBe("bad-lineage");
  expect((await use(home, "policy")).kind).toBe("bad-lineage");
  expect(readFileSync(file, "utf8")).toBe("{");
  const resolution = await manager.resolve("policy", { signal: never() });
  expect(resolution.kind === "failed" && resolution.message).toContain("adapters beside it are untouched");
  // The default still works.
  expect(await manager.idInUse("policy")).toBe("tiny");
});
