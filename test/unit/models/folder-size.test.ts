/** Counting what folders take of the disk. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { describeSize, folderSize } from "../../../server/models/folder-size.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("all files below a folder count, and nothing that only a link leads to", async () => {
  const [folder, elsewhere] = [temporaryFolder(), temporaryFolder()];
  mkdirSync(path.join(folder, "a", "b"), { recursive: true });
  writeFileSync(path.join(folder, "one"), "1");
  writeFileSync(path.join(folder, "a", "b", "two"), "22");
  writeFileSync(path.join(elsewhere, "large"), "333");
  if (process.platform !== "win32") {
    symlinkSync(elsewhere, path.join(folder, "folder"));
    symlinkSync(path.join(elsewhere, "large"), path.join(folder, "file"));
  }
  expect(await folderSize(folder)).toEqual({ bytes: 3, isWhole: true });
  expect(await folderSize(path.join(folder, "none"))).toEqual({ bytes: 0, isWhole: true });
});

test("what was counted until the time was up is told as the least that it can be", async () => {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, "one"), "1");
  expect(await folderSize(folder, AbortSignal.abort())).toEqual({ bytes: 0, isWhole: false });
  expect(describeSize({ bytes: 2e9, isWhole: false })).toBe("more than 2.00 GB");
  expect(describeSize({ bytes: 2e9, isWhole: true })).toBe("2.00 GB");
});
