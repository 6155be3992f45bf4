/** Names for new traces: sortable by time, short enough to type. */
import { randomBytes } from "node:crypto";

/** UTC time that sorts as text: `20260131-081530`. */
export function timestamp(now = new Date()): string {
  return now.toISOString().replace(/[-:]/gu, "").replace("T", "-").slice(0, 15);
}

/** Such as `20260131-081530-3f9a2c`: UTC time and six random hex digits. */
export function newTraceId(now = new Date()): string {
  return `${timestamp(now)}-${randomBytes(3).toString("hex")}`;
}
