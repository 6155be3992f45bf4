/** What running a step came to: its output, or why it is rejected. */
import type { Rejection } from "../protocol/trace.ts";
import type { RunResult } from "../services.ts";
import { pathOf, type SearchNode } from "./tree.ts";

/** Everything a program printed, the value of its last expression included where it printed nothing at the end. */
export function printed(node: SearchNode): string {
  const path = pathOf(node);
  const outputs = path.map((step) => step.output).join("");
  const own = node.output.trim() === "" && node.value !== null ? node.value : "";
  return own === "" ? outputs.trim() : `${outputs}${own}`.trim();
}

/** A rejection that has no line. */
export function reject(kind: Rejection["kind"], message: string): Rejection {
  return { kind, message, line: null };
}

/** Why a step whose run did not end well is rejected. */
export function rejectionOf(result: Exclude<RunResult, { kind: "ok" }>): Rejection {
  switch (result.kind) {
    case "error":
      return {
        kind: "error",
        message: `${result.error.type}: ${result.error.message}`,
        line: result.error.line,
      };
    case "timeout":
      return reject("timeout", `Still running after ${result.limitMs / 1000} s.`);
    case "memory":
      return reject("memory", `Asked for more than ${result.limitMB} MB of memory.`);
    case "crash":
      return reject("crash", `The interpreter died: ${result.reason}`);
    default:
      return result satisfies never;
  }
}
