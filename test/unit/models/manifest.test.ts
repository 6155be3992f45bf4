/** The manifest: what this package ships, and what is refused. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { dataHome } from "../../../server/models/home.ts";
import { isDerived, loadManifest, packageRoot, parseManifest } from "../../../server/models/manifest.ts";
import { tinyManifest } from "./helpers.ts";

test("the shipped manifest is valid, has one default policy, no default PPM, and one model for tests", async () => {
  const { models } = await loadManifest();
  const ids = (which: "default" | "test") => models.filter((model) => model[which]).map((model) => model.id);
  expect(ids("default")).toEqual(["rstar-coder-0.5b"]);
  expect(ids("test")).toEqual(["smollm2-135m"]);
});

test("every shipped file can be had from a mirror as well, or is only for tests", async () => {
  for (const model of (await loadManifest()).models) {
    if (isDerived(model)) continue;
    const kinds = model.sources.map((source) => source.kind);
    expect(kinds).toEqual(model.test ? ["wheels"] : ["huggingface", "wheels"]);
  }
});

test("every adapter that comes along is the file that the manifest names, is small, and has a card", async () => {
  const adapters = (await loadManifest()).models.flatMap((model) =>
    isDerived(model) && model.adapter !== undefined ? [model.adapter] : [],
  );
  expect(adapters).not.toEqual([]);
  for (const { id, file, bytes, sha256, sources } of adapters) {
    expect(sources).toEqual([{ kind: "bundled", path: `models/adapters/${file}` }]);
    const content = readFileSync(path.join(packageRoot(), "models/adapters", file));
    expect(createHash("sha256").update(content).digest("hex")).toBe(sha256);
    expect(content.length).toBe(bytes);
    expect(bytes).toBeLessThan(20_000_000);
    expect(readFileSync(path.join(packageRoot(), `models/adapters/${id}.md`), "utf8")).toContain(sha256);
  }
  expect(readdirSync(path.join(packageRoot(), "models/adapters"))).toHaveLength(2 * adapters.length);
});

const ppm = { suffix: "?", positive: " Yes", negative: " No" };
const derived = {
  id: "d",
  role: "ppm",
  name: "D",
  description: "D.",
  promptFormat: "bare",
  base: "tiny",
  ppm,
};

test.each<[string, object, readonly object[], RegExp]>([
  ["a SHA-256 in capitals", { sha256: "A".repeat(64) }, [], /SHA-256 in lower-case hex/],
  ["a file name that leaves the folder", { file: "../x.gguf" }, [], /plain file name/],
  ["a field nobody knows", { colour: "red" }, [], /colour/],
  ["wheels that do not add up", { bytes: 5 }, [], /its wheels hold 89000 bytes together, not 5/],
  ["a policy with PPM fields", { ppm }, [], /entries of role ppm, and no others/],
  ["a PPM without its fields", {}, [{ ...derived, ppm: undefined }], /entries of role ppm, and no others/],
  ["a base that is not there", {}, [{ ...derived, base: "gone" }], /its base gone is not in the manifest/],
  ["a base without a file", {}, [derived, { ...derived, id: "e", base: "d" }], /has no file of its own/],
  ["one id twice", {}, [{ ...derived, id: "tiny" }], /two entries have the id tiny/],
  ["a bundled path out of the package", { sources: [{ kind: "bundled", path: "a/../../x" }] }, [], /path/],
])("%s is refused", (_, change, more, message) => {
  expect(() => tinyManifest(change, more)).toThrow(message);
});

test("a manifest of another version is refused", () => {
  expect(() => parseManifest({ version: 2, models: [] })).toThrow(/version/);
});

test("the data folder is RSTAR_HOME, else the setting, else the platform's place for this program", () => {
  expect(dataHome("/setting", { RSTAR_HOME: "/variable" })).toBe(path.resolve("/variable"));
  expect(dataHome("/setting", { RSTAR_HOME: "" })).toBe(path.resolve("/setting"));
  expect(dataHome(undefined, {})).toContain("rstar-math");
});

test("the data folder begins at the person's home folder where it is written with ~, whoever wrote it", () => {
  const expected = path.join(os.homedir(), "rstar", "data");
  expect(dataHome("~/rstar/data", {})).toBe(expected);
  expect(dataHome(undefined, { RSTAR_HOME: "~/rstar/data" })).toBe(expected);
  // Only a shell knows the home folders of others.
  expect(dataHome(undefined, { RSTAR_HOME: "~other/data" })).toBe(path.resolve("~other/data"));
  expect(dataHome(undefined, { RSTAR_HOME: "data" })).toBe(path.resolve("data"));
});

test("the package's root is found from the sources", () => {
  expect(packageRoot()).toBe(path.resolve(import.meta.dirname, "../../.."));
});
