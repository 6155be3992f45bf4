/** Adding GGUF files of the user's own, and refusing files that are none. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readGguf } from "../../../server/engine/gguf.ts";
import { widenedPath } from "../../../server/engine/widened.ts";
import { ownModelsRevision } from "../../../server/models/own-models.ts";
import { modelFolder } from "../../../server/models/home.ts";
import { forbidden, ggufOf, never, setUp, sha256 } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A file with this content, outside any data folder. */
function fileOf(content: Buffer | string, name = "My Model.Q4_K_M.gguf"): string {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, content);
  return file;
}

test("an added file is used where it is, with what its header says, and no network", async () => {
  const { manager, home } = setUp({ fetchers: { wheels: forbidden } });
  const file = fileOf(ggufOf({ contextLength: 4096 }));
  expect(await manager.add(file)).toEqual({ kind: "added", id: "my-model.q4_k_m", role: "policy" });
  const later = setUp({ home }).manager;
  expect(await later.resolve("my-model.q4_k_m", { signal: never() })).toEqual({
    kind: "ready",
    model: {
      ...{
        id: "my-model.q4_k_m",
        role: "policy",
        path: file,
        sha256: sha256(ggufOf({ contextLength: 4096 })),
      },
      // Two tensors of 8 x 4, one of them the lookup table beside an output matrix.
      ...{ contextLength: 4096, parameters: 32, promptFormat: "two-shot" },
    },
  });
  expect((await later.list()).models.at(-1)).toMatchObject({ origin: "own", name: "Tiny", installed: true });
});

test("an added PPM keeps where its score is read", async () => {
  const { manager } = setUp();
  const ppm = { suffix: "\n?", positive: "+", negative: "-" };
  const file = fileOf(ggufOf());
  expect((await manager.add(file, { id: "judge", role: "ppm", ppm, promptFormat: "bare" })).kind).toBe(
    "added",
  );
  expect(await manager.resolve("judge", { signal: never() })).toMatchObject({
    kind: "ready",
    model: { role: "ppm", promptFormat: "bare", ppm },
  });
});

test("a PPM without its suffix and tokens is refused", async () => {
  const { manager } = setUp();
  const addition = await manager.add(fileOf(ggufOf()), { role: "ppm" });
  expect(addition).toMatchObject({ kind: "failed", reason: { kind: "ppm-fields" } });
});

test("adding under the same name again replaces what was added before", async () => {
  const { manager } = setUp();
  const second = fileOf(ggufOf({ contextLength: 9 }));
  await manager.add(fileOf(ggufOf()), { id: "mine" });
  await manager.add(second, { id: "mine" });
  const own = (await manager.list()).models.filter((model) => model.origin === "own");
  expect(own).toMatchObject([{ id: "mine", path: second, contextLength: 9 }]);
});

test("two files added at once are both on the list", async () => {
  const { manager, home } = setUp();
  const other = setUp({ home }).manager;
  await Promise.all([manager.add(fileOf(ggufOf()), { id: "a" }), other.add(fileOf(ggufOf()), { id: "b" })]);
  const own = (await manager.list()).models.filter((model) => model.origin === "own");
  expect(own.map((model) => model.id).toSorted()).toEqual(["a", "b"]);
});

test("the name of a model that can be fetched is taken, and a name with spaces is none", async () => {
  const { manager } = setUp();
  const file = fileOf(ggufOf());
  expect(await manager.add(file, { id: "tiny" })).toMatchObject({ reason: { kind: "id-taken" } });
  expect(await manager.add(file, { id: "my model" })).toMatchObject({ reason: { kind: "bad-id" } });
});

test.each<[string, Buffer | string, string, RegExp]>([
  ["an empty file", "", "not-gguf", /does not begin with GGUF/],
  ["a web page", "<html>not found</html>", "not-gguf", /does not begin with GGUF/],
  ["four right bytes and nothing else", "GGUF", "truncated", /header is not whole/],
  [
    "a header that claims absurd lengths",
    Buffer.concat([Buffer.from("GGUF"), Buffer.alloc(99, 0x7f)]),
    "damaged",
    /header/,
  ],
  [
    "an unknown architecture",
    ggufOf({ architecture: "perceptron" }),
    "unknown-architecture",
    /"perceptron" is not known/,
  ],
  ["a model without a context", ggufOf({ contextLength: 0 }), "not-a-language-model", /not a language model/],
  [
    "a file cut off in its weights",
    ggufOf().subarray(0, -1),
    "truncated",
    /output.weight should end at byte \d+/,
  ],
])("%s is refused with the reason, and the list stays as it was", async (_, content, problem, message) => {
  const { manager, home } = setUp();
  const addition = await manager.add(fileOf(content));
  expect(addition).toMatchObject({ kind: "failed", reason: { kind: "unusable", problem } });
  expect(addition.kind === "failed" && addition.message).toMatch(message);
  expect((await manager.list()).models).toHaveLength(1);
  expect(() => readFileSync(path.join(home, "models.json"))).toThrow("ENOENT");
});

test("wherever a GGUF file is cut off, it is not taken for a whole one", async () => {
  const whole = ggufOf();
  const file = fileOf(whole);
  for (let length = 0; length < whole.length; length += 3) {
    writeFileSync(file, whole.subarray(0, length));
    expect((await readGguf(file, never())).kind).not.toBe("gguf");
  }
});

test("a file that is not there, and a folder, are told as such", async () => {
  const { manager } = setUp();
  const folder = temporaryFolder();
  expect(await manager.add(path.join(folder, "no.gguf"))).toMatchObject({
    reason: { kind: "unreadable", code: "ENOENT" },
  });
  expect(await manager.add(folder, { id: "x" })).toMatchObject({
    reason: { kind: "unreadable", code: "EISDIR" },
  });
});

test("a file that was moved away or changed since is not used, and both are told apart", async () => {
  const { manager } = setUp();
  const file = fileOf(ggufOf());
  await manager.add(file, { id: "mine" });
  writeFileSync(file, ggufOf({ contextLength: 1_000_000 }).subarray(1));
  expect(await manager.resolve("mine", { signal: never() })).toMatchObject({
    reason: { kind: "wrong-hash" },
  });
  rmSync(file);
  expect(await manager.resolve("mine", { signal: never() })).toMatchObject({
    reason: { kind: "missing-file", path: file },
  });
  expect((await manager.list()).models.at(-1)?.installed).toBe(false);
});

test("a list that was changed is told from the one before, so that a model replaced by another of its name is loaded", async () => {
  const { manager, home } = setUp();
  const revisions = [await ownModelsRevision(home)];
  for (const contextLength of [2048, 4096]) {
    await manager.add(fileOf(ggufOf({ contextLength })), { id: "mine" });
    revisions.push(await ownModelsRevision(home));
  }
  expect(new Set(revisions).size).toBe(3);
});

test("removing an own model takes it off the list and leaves the file alone", async () => {
  const { manager } = setUp();
  const file = fileOf(ggufOf());
  await manager.add(file, { id: "mine" });
  expect(await manager.remove("mine")).toEqual({ kind: "forgotten", path: file });
  expect(readFileSync(file).equals(ggufOf())).toBe(true);
  expect(await manager.remove("mine")).toMatchObject({ kind: "failed", reason: { kind: "unknown-model" } });
});

test("removing an own model that lies in the data folder deletes the copy that was made of it there", async () => {
  const { manager, home } = setUp();
  const folder = modelFolder(home);
  mkdirSync(folder, { recursive: true });
  const elsewhere = temporaryFolder();
  for (const [id, place] of Object.entries({ inside: folder, outside: elsewhere })) {
    const file = path.join(place, "mine.gguf");
    writeFileSync(file, ggufOf());
    writeFileSync(await widenedPath(file), "");
    await manager.add(file, { id });
    expect(await manager.remove(id)).toEqual({ kind: "forgotten", path: file });
  }
  expect(readdirSync(folder)).toEqual(["mine.gguf"]);
  expect(readdirSync(elsewhere)).toHaveLength(2);
});

test.each([
  ["torn JSON", `{"version":1,"models":[`],
  ["another version", `{"version":7,"models":[]}`],
])("a list with %s is reported and never written over", async (_, text) => {
  const { manager, home } = setUp();
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(home, "models.json"), text);
  expect(await manager.add(fileOf(ggufOf()))).toMatchObject({
    kind: "failed",
    reason: { kind: "bad-models-file" },
  });
  expect((await manager.list()).problem).toMatchObject({ kind: "bad-models-file" });
  expect((await manager.list()).models).toHaveLength(1);
  expect((await manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(readFileSync(path.join(home, "models.json"), "utf8")).toBe(text);
});
