/** The file system errors that a person can put right. */
import { codeOf } from "../errors.ts";
import type { ModelFailure } from "./outcomes.ts";

const FULL_CODES = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const UNWRITABLE_CODES = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"]);

/** The failure to write into `folder` that an error stands for; null when it is none that a person can put right. */
export function writeFailure(
  error: unknown,
  folder: string,
  kept: number,
): Extract<ModelFailure, { kind: "unwritable-home" | "disk-full" }> | null {
  const code = codeOf(error);
  if (FULL_CODES.has(code)) return { kind: "disk-full", folder, kept };
  if (UNWRITABLE_CODES.has(code)) return { kind: "unwritable-home", folder, code };
  return null;
}
