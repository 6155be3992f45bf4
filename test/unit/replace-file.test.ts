/** Work that another program is in the way of, and files that are replaced whole or not at all. */
import fs from "node:fs";
import path from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { whileHeld, writeFileAtomic } from "../../server/replace-file.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Fails so often, with this code, and then works. */
function failing(times: number, code: string): () => Promise<string> {
  let left = times;
  return vi.fn(() =>
    left-- > 0 ? Promise.reject(Object.assign(new Error(code), { code })) : Promise.resolve("done"),
  );
}

it("is tried again on Windows, and nowhere else", async () => {
  expect(await whileHeld(failing(2, "EPERM"), "win32")).toBe("done");
  await expect(whileHeld(failing(1, "EPERM"), "linux")).rejects.toThrow("EPERM");
});

it("is given up when the other one does not go, and where it is something else", async () => {
  await expect(whileHeld(failing(99, "EBUSY"), "win32", 15)).rejects.toThrow("EBUSY");
  const missing = failing(1, "ENOENT");
  await expect(whileHeld(missing, "win32")).rejects.toThrow("ENOENT");
  expect(missing).toHaveBeenCalledTimes(1);
});

it("is no part of a file, even where one call writes only a part", async () => {
  // As the system does on a disk that is nearly full; the next call is the one that fails.
  const short = vi
    .spyOn(fs, "write")
    .mockImplementation((file: number, content: string | Uint8Array, ...rest: readonly unknown[]) => {
      const written = fs.writeSync(file, Buffer.from(content).subarray(0, 3));
      (rest.at(-1) as (error: null, count: number) => void)(null, written);
    });
  onTestFinished(() => {
    short.mockRestore();
  });
  const folder = temporaryFolder();
  const file = path.join(folder, "notes.md");
  fs.writeFileSync(file, "old");
  for (const content of ["all of the text", Buffer.from("and of the bytes")]) {
    await writeFileAtomic(file, content);
    expect(fs.readFileSync(file, "utf8")).toBe(content.toString());
  }
  await expect(writeFileAtomic(path.join(folder, "gone", "notes.md"), "x")).rejects.toThrow("ENOENT");
  expect(fs.readdirSync(folder)).toEqual(["notes.md"]);
});
