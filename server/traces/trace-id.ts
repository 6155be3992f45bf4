/** Names for new traces: sortable by time, short enough to type. */
import { randomBytes } from "node:crypto";

/** Such as `20260131-081530-3f9a2c`: UTC time and six random hex digits. */
export function newTraceId(now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/gu, "").replace("T", "-").slice(0, 15);
  return `${time}-${randomBytes(3).toString("hex")}`;
}
