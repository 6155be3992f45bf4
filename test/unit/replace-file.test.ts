/** Work that another program is in the way of. */
import { expect, it, vi } from "vitest";
import { whileHeld } from "../../server/replace-file.ts";

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
