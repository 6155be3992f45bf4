/** Replaces files and folders, also where something has them open for a moment. */
import { rename, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import replaceFile from "write-file-atomic";
import { codeOf } from "./errors.ts";

/** What Windows also says where a reader or a virus scanner has open what is to be replaced. */
const NO_RIGHT = new Set(["EPERM", "EACCES"]);
const PATIENCE_MS = 2_000;

/** Whether another program may have the file open, or be deleting it. Windows says so by codes that also mean a missing right. */
export function isHeld(error: unknown, platform: NodeJS.Platform = process.platform): boolean {
  return codeOf(error) === "EBUSY" || (platform === "win32" && NO_RIGHT.has(codeOf(error)));
}

/** Does `work`, on Windows again and again for two seconds while another program is in its way. @throws what `work` throws. */
export async function whileHeld<T>(
  work: () => Promise<T>,
  platform: NodeJS.Platform = process.platform,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const end = performance.now() + patienceMs;
  for (let wait = 10; ; wait *= 2) {
    try {
      return await work();
    } catch (error) {
      if (platform !== "win32" || !isHeld(error, platform) || performance.now() > end) throw error;
    }
    await delay(wait);
  }
}

/** Writes a file whole or not at all. @throws the file system's errors. */
export async function writeFileAtomic(...parts: Parameters<typeof writeWhole>): Promise<void> {
  await whileHeld(() => writeWhole(...parts));
}

/** The same in one try. */
export async function writeWhole(
  file: string,
  content: string | Uint8Array,
  options: { readonly fsync?: boolean } = {},
): Promise<void> {
  // The library itself writes once and does not look at how much went in: on a disk that is nearly full a part would take
  // the file's place. It waits for what this returns, which its types do not say.
  const tmpfileCreated = (temporary: string): unknown => writeFile(temporary, content);
  await replaceFile(file, "", { ...options, tmpfileCreated });
}

/** Gives a file or folder its name, in the place of what had it. @throws the file system's errors. */
export async function moveTo(from: string, to: string): Promise<void> {
  await whileHeld(() => rename(from, to));
}
