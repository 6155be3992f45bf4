/** A file of the person's own that is one of the manifest's: it becomes that one, without a download. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { addAdapter, chooseAdapter } from "../../../server/models/adapters.ts";
import { partialName } from "../../../server/models/sources.ts";
import { AT, BASE, trainedEntry } from "./adapter-entry.ts";
import { FILE, fileSystemError, forbidden, never, setUp, tinyManifest, VERDICT, WEIGHTS } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Hears of a link that is to be made, and may refuse; and the file that lies on another disk. */
let linking: () => void;
let elsewhere: string | null;
beforeEach(() => {
  linking = () => undefined;
  elsewhere = null;
});

vi.mock(import("node:fs/promises"), async (original) => {
  const real = await original();
  return {
    ...real,
    link: async (...given) => {
      linking();
      await real.link(...given);
    },
    // Of all its forms this one is used here.
    stat: (async (file: string) => {
      const found = await real.stat(file);
      return file === elsewhere ? Object.assign(found, { dev: -1 }) : found;
    }) as typeof real.stat,
  };
});

/** The very file of `tiny`, as a person brought it. */
function brought(name = "My Download (1).gguf"): string {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, WEIGHTS);
  return file;
}

const shared = { manifest: tinyManifest({}, [VERDICT]), fetchers: { wheels: forbidden } };
const installed = { kind: "installed", id: "tiny", role: "policy", models: ["tiny", "verdict"] };
const refuse = (code: string) => () => {
  throw fileSystemError(code);
};

test("it is linked to where the manifest's models look for it, and they are on this machine then", async () => {
  const { manager, file } = setUp(shared);
  const own = brought();
  expect(await manager.add(own)).toEqual({ ...installed, path: file });
  expect(statSync(file).ino).toBe(statSync(own).ino);
  expect(readdirSync(path.dirname(file))).toEqual([FILE]);
  expect((await manager.list()).models).toMatchObject([
    { id: "tiny", origin: "manifest", installed: true },
    { id: "verdict", origin: "manifest", installed: true },
  ]);
  expect(await manager.resolve("verdict", { signal: never(), offline: true })).toMatchObject({
    kind: "ready",
  });
});

test("removing the model takes the link away, which frees nothing, and leaves the person's file", async () => {
  const { manager, file } = setUp(shared);
  const own = brought();
  await manager.add(own);
  const removable = async () => (await manager.list()).models.map(({ removableBytes }) => removableBytes);
  expect(await removable()).toEqual([0, null]);
  expect(await manager.remove("tiny")).toEqual({ kind: "removed", bytes: 0 });
  expect(existsSync(file)).toBe(false);
  expect(readFileSync(own).equals(WEIGHTS)).toBe(true);
  expect(await removable()).toEqual([null, null]);
});

test("where no link can be made it is copied, and removing the model leaves the person's file", async () => {
  const { manager, file } = setUp(shared);
  const own = brought();
  linking = refuse("EXDEV");
  expect(await manager.add(own)).toMatchObject(installed);
  expect(statSync(file).ino).not.toBe(statSync(own).ino);
  expect(readFileSync(file).equals(WEIGHTS)).toBe(true);
  expect(readdirSync(path.dirname(file))).toEqual([FILE]);
  expect(await manager.remove("tiny")).toMatchObject({ kind: "removed" });
  expect(readFileSync(own).equals(WEIGHTS)).toBe(true);
});

test("of a file that others keep elsewhere and link to, the file itself is linked", async () => {
  const { manager, file } = setUp(shared);
  const own = brought("blob");
  const named = `${own}.gguf`;
  symlinkSync("blob", named);
  expect(await manager.add(named)).toMatchObject(installed);
  expect(lstatSync(file).ino).toBe(statSync(own).ino);
});

test("a copy that is stopped leaves no model, and the next one is whole", async () => {
  const { manager, file } = setUp(shared);
  const own = brought();
  const controller = new AbortController();
  linking = () => {
    controller.abort(new Error("enough"));
    refuse("EXDEV")();
  };
  await expect(manager.add(own, { signal: controller.signal })).rejects.toThrow("enough");
  expect((await manager.list()).models).toMatchObject([{ installed: false }, { installed: false }]);
  linking = refuse("EXDEV");
  expect(await manager.add(own)).toMatchObject(installed);
  expect(readdirSync(path.dirname(file))).toEqual([FILE]);
});

test("room is asked for where it has to be copied only", async () => {
  const { manager } = setUp({ ...shared, freeBytes: () => Promise.resolve(1_000) });
  const own = brought();
  elsewhere = own;
  const refused = await manager.add(own);
  expect(refused).toMatchObject({ kind: "failed", reason: { kind: "no-space", available: 1_000 } });
  expect(refused.kind === "failed" && refused.message).toContain("not enough room");
  elsewhere = null;
  expect(await manager.add(own)).toMatchObject(installed);
});

test("what lies there already is kept if it is right, else set aside, and half a download goes", async () => {
  const { manager, file } = setUp(shared);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, "damaged");
  writeFileSync(path.join(path.dirname(file), partialName(FILE, "wheels")), "12345");
  expect(await manager.add(brought())).toMatchObject(installed);
  expect(readdirSync(path.dirname(file)).toSorted()).toEqual([FILE, `${FILE}.damaged`]);
  const { ino } = statSync(file);
  expect(await manager.add(brought())).toMatchObject(installed);
  expect(await manager.add(file)).toMatchObject(installed);
  expect(statSync(file).ino).toBe(ino);
});

test("with an adapter of its base in use, that is what it is brought for", async () => {
  const { manager, home } = setUp(shared);
  const trained = path.join(home, "adapter.gguf");
  writeFileSync(trained, "an adapter");
  await addAdapter(home, trained, trainedEntry("mine", Buffer.from("an adapter")), never());
  const choice = { role: "policy", baseSha256: BASE.sha256, adapter: "mine" } as const;
  await chooseAdapter(home, choice, "it is better", AT, never());
  expect(await manager.add(brought())).toMatchObject({ kind: "installed", id: "mine" });
});

test("a use of its own, or a name of its own, makes it a model of the person's own", async () => {
  const facts = {
    ...{ architecture: "llama", name: "Tiny", license: null, quantisation: null },
    ...{ contextLength: 8, parameters: 1, bytes: WEIGHTS.length },
  };
  const readGguf = () => Promise.resolve({ kind: "gguf" as const, facts });
  const { manager } = setUp({ ...shared, readGguf });
  const own = brought();
  const ppm = { suffix: "?", positive: "+", negative: "-" };
  expect(await manager.add(own, { id: "judge", role: "ppm", ppm })).toMatchObject({ kind: "added" });
  expect(await manager.add(own, { promptFormat: "bare" })).toMatchObject({ kind: "added" });
  expect(await manager.add(own, { id: "mine" })).toEqual({ kind: "added", id: "mine", role: "policy" });
  expect(await manager.add(own, { id: "verdict" })).toMatchObject({ kind: "installed", id: "verdict" });
});

test("another file of the same size is none of the manifest's", async () => {
  const { manager, file } = setUp(shared);
  const own = brought("tiny.gguf");
  writeFileSync(own, WEIGHTS.toReversed());
  expect(await manager.add(own)).toMatchObject({ kind: "failed", reason: { kind: "id-taken" } });
  expect(() => statSync(file)).toThrow("ENOENT");
});
